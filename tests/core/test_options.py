# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import math
import os
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.options import (
    Kind,
    Option,
    build,
    converted,
    option,
    options_of,
    redefault,
    result,
    unknown_name,
    values_of,
    verify,
)


@dataclass(frozen=True)
class Request:
    output: str = option(Kind.RASTER_OUT, "Output")
    images: tuple = option(Kind.RASTERS, "Images", help="What is read.")
    width: int = option(Kind.INTEGER, "Rim width", 3, unit="px", minimum=1, maximum=500)
    factor: float = option(Kind.NUMBER, "Factor", 0.5, minimum=0)
    ceiling: float = option(Kind.NUMBER, "Ceiling", 1.0, maximum=2)
    corners: str = option(Kind.CHOICE, "Corners", "round", choices=("round", "square"))
    pixel: str | float = option(Kind.CHOICE_OR_NUMBER, "Pixel", "finest", choices=("finest",))
    quick: bool = option(Kind.FLAG, "Quick", False)
    bands: tuple = option(Kind.NAMES, "Bands", ())
    extent: tuple | None = option(Kind.EXTENT, "Extent", None)
    settings: object = option(Kind.JSON, "Settings", None)
    mask: str | None = option(Kind.VECTOR, "Mask", None)
    nodata: float | None = option(Kind.NUMBER, "Nodata", None, finite=False)

    def __post_init__(self) -> None:
        verify(self)


def request(**values):
    return Request(**{"images": ("a.tif",), "output": "b.tif", **values})


def test_inputs_come_first_and_destinations_last():
    assert list(options_of(Request))[:2] == ["images", "width"]
    assert list(options_of(Request))[-1] == "output"
    assert list(options_of(request())) == list(options_of(Request))


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("width", "7", 7),
        ("width", 7.0, 7),
        ("factor", "1e-3", 0.001),
        ("factor", 2, 2.0),
        ("corners", "square", "square"),
        ("pixel", "0.5", 0.5),
        ("pixel", "finest", "finest"),
        ("quick", "true", True),
        ("quick", "No", False),
        ("quick", 1, True),
        ("quick", "0", False),
        ("bands", "1, 3,", ("1", "3")),
        ("bands", ["red", " nir "], ("red", "nir")),
        ("images", "a.tif", ("a.tif",)),
        ("images", Path("a.tif"), ("a.tif",)),
        ("images", ["a.tif", Path("b.tif")], ("a.tif", "b.tif")),
        ("output", Path("b.tif"), os.path.abspath("b.tif")),
        ("extent", "0,10,-5,5", (0.0, 10.0, -5.0, 5.0)),
        ("extent", "0,10,-5,5 [EPSG:32633]", (0.0, 10.0, -5.0, 5.0)),
        ("extent", [0, 10, -5, 5], (0.0, 10.0, -5.0, 5.0)),
        ("settings", '{"a": 1}', '{"a": 1}'),
        ("settings", {"a": 1}, {"a": 1}),
        ("nodata", 0, 0.0),
        ("nodata", "-9999", -9999.0),
        ("nodata", None, None),
    ],
)
def test_values_are_brought_to_the_type_of_their_option(name, given, expected):
    found = getattr(request(**{name: given}), name)
    assert found == expected
    assert type(found) is type(expected)


def test_nan_may_be_nodata():
    assert math.isnan(request(nodata="nan").nodata)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"width": 0}, "Rim width: 0 is below 1 px."),
        ({"width": 501}, "Rim width: 501 is above 500 px."),
        ({"width": 2.5}, "Rim width: 2.5 is not a whole number."),
        ({"width": math.inf}, "Rim width: inf is not a whole number."),
        ({"width": True}, "Rim width: True is not a whole number."),
        ({"width": "wide"}, "Rim width: 'wide' is not a whole number."),
        ({"factor": -0.25}, "Factor: -0.25 is below 0."),
        ({"factor": math.nan}, "Factor: nan is not a finite number."),
        ({"factor": "inf"}, "Factor: inf is not a finite number."),
        ({"factor": "much"}, "Factor: 'much' is not a number."),
        ({"factor": [1]}, "Factor: [1] is not a number."),
        ({"ceiling": 2.5}, "Ceiling: 2.5 is above 2."),
        (
            {"corners": "rond"},
            "Corners: 'rond' is not one of round, square. Did you mean round?",
        ),
        ({"corners": "zzz"}, "Corners: 'zzz' is not one of round, square."),
        ({"corners": 1}, "Corners: 1 is not a text."),
        ({"pixel": "coarse"}, "Pixel: 'coarse' is not one of finest."),
        ({"quick": "perhaps"}, "Quick: 'perhaps' is not true or false."),
        ({"quick": 2}, "Quick: 2 is not true or false."),
        ({"bands": [1]}, "Bands: [1] is not a list of names."),
        ({"images": 5}, "Images: 5 is not a list of files, folders or patterns."),
        ({"images": ()}, "Images (IMAGES) is missing."),
        ({"images": None}, "Images (IMAGES) is missing."),
        ({"output": ""}, "Output (OUTPUT) is missing."),
        ({"output": None}, "Output (OUTPUT) is missing."),
        ({"mask": 3}, "Mask: 3 is not a text."),
        (
            {"extent": "1,2,3"},
            "Extent: '1,2,3' is not an extent (xmin, xmax, ymin, ymax).",
        ),
        (
            {"extent": "1,2,3,nan"},
            "Extent: '1,2,3,nan' is not an extent (xmin, xmax, ymin, ymax).",
        ),
        ({"settings": 3}, "Settings: 3 is not a JSON file or text."),
    ],
)
def test_a_value_that_cannot_be_used_gives_a_sentence(values, sentence):
    with pytest.raises(InvalidOption) as caught:
        request(**values)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("name", ["m.tif", "m.TIFF", "TEMPORARY_OUTPUT", "a.b/m"])
def test_an_output_may_be_called_so(name):
    expected = name if name == "TEMPORARY_OUTPUT" else os.path.abspath(name)
    assert request(output=name).output == expected


def test_an_output_of_another_kind_is_refused():
    with pytest.raises(InvalidOption, match=r"Output: m\.png must end with \.tif"):
        request(output="m.png")


def test_an_empty_list_of_images_is_missing():
    with pytest.raises(InvalidOption, match="Images \\(IMAGES\\) is missing"):
        request(images=[])


def test_a_request_is_built_from_names_in_any_case():
    built = build(Request, {"IMAGES": ["a.tif"], "output": "b.tif", "Width": "9"})
    assert built == request(width=9)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(InvalidOption) as caught:
        build(Request, {"WIDHT": 3})
    assert str(caught.value) == "WIDHT is not a parameter of this tool. Did you mean WIDTH?"
    assert unknown_name("xyz", {"node": 1}) == "xyz is not a parameter of this tool."


def test_values_go_through_json_and_back():
    before = request(extent="0,1,2,3", bands="red,nir", settings={"a": 1}, quick="yes")
    assert build(Request, json.loads(json.dumps(values_of(before)))) == before


def test_a_request_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        request().width = 4


def test_the_summary_says_help_unit_limits_words_and_default():
    declared = options_of(Request)
    assert declared["width"].summary == "Rim width. Unit: px. Limits: 1 to 500. Default: 3."
    assert declared["factor"].summary == "Factor. Limits: at least 0. Default: 0.5."
    assert declared["ceiling"].summary == "Ceiling. Limits: at most 2. Default: 1.0."
    assert declared["corners"].summary == "Corners. Values: round, square. Default: round."
    assert declared["images"].summary == "What is read."
    assert declared["quick"].summary == "Quick. Default: no."
    assert declared["nodata"].summary == "Nodata."


def test_an_inherited_option_takes_another_default_and_keeps_the_rest():
    @dataclass(frozen=True)
    class Narrow(Request):
        width: int = redefault(Request, "width", 1)

    narrow = options_of(Narrow)["width"]
    assert Narrow(images=("a.tif",), output="b.tif").width == 1
    assert narrow.default == 1
    assert narrow.limits == "1 to 500"
    assert options_of(Request)["width"].default == 3


def test_fields_of_a_result_are_listed_like_options():
    @dataclass(frozen=True)
    class Result:
        output: str = result(Kind.RASTER_OUT, "Mosaic")
        images_used: int | None = result(Kind.INTEGER, "Images used")

    assert list(options_of(Result)) == ["images_used", "output"]
    assert values_of(Result("a.tif")) == {"images_used": None, "output": "a.tif"}


@pytest.mark.parametrize("kind", Kind)
def test_what_is_written_is_a_destination(kind):
    assert kind.destination is kind.name.endswith("_OUT")


@pytest.mark.parametrize(
    "given",
    [
        "1;2, 3 ; 4,",
        ["1;2", "3 ; 4"],
        [1, 2, 3, 4],  # the cells of a table of QGIS
        "1,2,3,4",
    ],
)
def test_pairs_come_as_text_as_a_list_or_as_the_cells_of_a_table(given):
    declared = Option(Kind.PAIRS, "Pairs", ())
    assert [pair.replace(" ", "") for pair in converted(declared, given)] == ["1;2", "3;4"]
    assert converted(declared, "") == converted(declared, []) == ()


@pytest.mark.parametrize("given", ["1;2,3", [1, 2, 3], "1;2;3", 5])
def test_what_is_no_list_of_pairs_is_refused(given):
    with pytest.raises(InvalidOption, match=r"Pairs: .* is not a list of pairs \(a;b,c;d\)\."):
        converted(Option(Kind.PAIRS, "Pairs", ()), given)


def test_a_default_of_nothing_is_not_told():
    assert Option(Kind.NAMES, "Names", ()).summary == "Names."
