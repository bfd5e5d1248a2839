# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds for every algorithm of the list."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from orthoweave.algorithms import ALGORITHMS
from orthoweave.algorithms.texts import GROUPS
from orthoweave.core.deps import available
from orthoweave.core.options import Kind, options_of

ROOT = Path(__file__).resolve().parents[2]
SPECIFIED = {
    "shiftanalysis": "alignment",
    "shiftseries": "alignment",
    "shiftfield": "alignment",
    "coregister": "alignment",
    "applytransform": "alignment",
    "alignrasters": "alignment",
    "globalregression": "radiometry",
    "localblockadjustment": "radiometry",
    "histogrammatch": "radiometry",
    "lirrn": "radiometry",
    "pseudoinvariantfeatures": "radiometry",
    "applyadjustments": "radiometry",
    "spectralprofiles": "radiometry",
    "differencemap": "radiometry",
    "beforeafter": "radiometry",
    "maskrasters": "masks",
    "bandmath": "masks",
    "thresholdraster": "masks",
    "ndvi": "masks",
    "rastertopolygons": "masks",
    "cloudmask": "masks",
    "trimedges": "masks",
    "footprints": "mosaic",
    "voronoiseamlines": "mosaic",
    "rankedseamlines": "mosaic",
    "mergevectors": "mosaic",
    "leastcostseamlines": "mosaic",
    "mergerasters": "mosaic",
    "buildoverviews": "mosaic",
    "stacktimeseries": "landcover",
    "pixelvalidity": "landcover",
    "gapfill": "landcover",
    "spectralfeatures": "landcover",
    "tilepriority": "landcover",
    "splitreference": "landcover",
    "extractsamples": "landcover",
    "trainclassifier": "landcover",
    "classify": "landcover",
    "fuseclassifications": "landcover",
    "mosaicclassification": "landcover",
    "accuracy": "landcover",
    "regularizeclasses": "landcover",
    "vectorizeclasses": "landcover",
    "objectstatistics": "landcover",
    "landcover": "landcover",
    "mosaicpipeline": "workflows",
    "checkinstallation": "setup",
    "sampledata": "setup",
}
EXAMPLES = {
    Kind.RASTER: "a.tif",
    Kind.RASTERS: ["a.tif"],
    Kind.VECTOR: "a.gpkg",
    Kind.VECTORS: ["a.gpkg"],
    Kind.TEXT: "b1",
    Kind.POINTS: "a.gpkg",
    Kind.FILE: "a.json",
    Kind.FIELD: "code",
    Kind.LAYER: "a.tif",
    Kind.RASTER_OUT: "b.tif",
    Kind.VECTOR_OUT: "b.gpkg",
    Kind.FIGURE_OUT: "b.png",
    Kind.MODEL_OUT: "b.owm",
    Kind.FOLDER_OUT: "b",
}


@pytest.fixture(params=ALGORITHMS, ids=lambda algorithm: algorithm().name())
def algorithm(request: pytest.FixtureRequest, toolbox: Any) -> Any:
    """Return each algorithm with its parameters."""
    return request.param().create()


def visible(algorithm: Any, destinations: bool) -> list[str]:
    """Return the names of the parameters outside the advanced part."""
    from qgis.core import QgsProcessingParameterDefinition

    advanced = QgsProcessingParameterDefinition.Flag.FlagAdvanced
    return [
        parameter.name()
        for parameter in algorithm.parameterDefinitions()
        if parameter.isDestination() == destinations and not parameter.flags() & advanced
    ]


def required(algorithm: Any) -> dict[str, Any]:
    """Return an example for every parameter without default."""
    return {
        name.upper(): EXAMPLES[option.kind]
        for name, option in options_of(algorithm.operation.Request).items()
        if option.required
    }


def test_the_provider_offers_the_list(toolbox: Any) -> None:
    provider = toolbox.providerById("orthoweave")
    names = [algorithm().name() for algorithm in ALGORITHMS]
    models = [path.stem for path in (ROOT / "provider" / "models").glob("*.model3")]
    assert sorted(names + models) == sorted(found.name() for found in provider.algorithms())
    assert len(set(names)) == len(names)
    assert provider.longName() == f"Orthoweave {provider.versionInfo()}"
    assert not provider.icon().isNull()


def test_names_and_groups_are_those_of_the_specification(algorithm: Any) -> None:
    assert re.fullmatch("[a-z]+", algorithm.name())
    assert algorithm.groupId() == SPECIFIED.get(algorithm.name(), algorithm.groupId())
    assert algorithm.group() == GROUPS[algorithm.groupId()]
    assert algorithm.displayName()[0].isupper() and algorithm.tags()


def test_parameters_are_the_fields_of_the_request(algorithm: Any) -> None:
    fields = options_of(algorithm.operation.Request)
    assert {p.name() for p in algorithm.parameterDefinitions()} == {f.upper() for f in fields}
    for name, option in fields.items():
        assert algorithm.parameterDefinition(name).isDestination() == option.kind.destination


def test_outputs_are_the_fields_of_the_result_and_the_destinations(algorithm: Any) -> None:
    results = {name.upper() for name in options_of(algorithm.operation.Result)}
    written = {p.name() for p in algorithm.destinationParameterDefinitions()}
    assert {output.name() for output in algorithm.outputDefinitions()} == results | written


def test_a_dialog_shows_no_more_than_a_beginner_needs(algorithm: Any) -> None:
    assert len(visible(algorithm, False)) <= 6, visible(algorithm, False)
    assert len(visible(algorithm, True)) <= 3, visible(algorithm, True)


def test_help_is_written_and_is_not_the_label(algorithm: Any) -> None:
    assert len(algorithm.shortHelpString()) > 200
    assert algorithm.shortDescription().endswith(".")
    assert "\n" not in algorithm.shortDescription()
    address, _, page = algorithm.helpUrl().partition("/blob/main/")
    assert address == "https://github.com/orthoweave/orthoweave" and (ROOT / page).is_file()
    for parameter in algorithm.parameterDefinitions():
        text = parameter.help()
        assert text.endswith("."), parameter.name()
        assert text.rstrip(".") != parameter.description(), parameter.name()
        assert not re.search("<[a-zA-Z]", text), f"{parameter.name()}: a tag that would vanish"
        assert len(parameter.description()) <= 55, parameter.name()  # longer ones scroll sideways


def test_words_are_offered_as_words(algorithm: Any) -> None:
    from qgis.core import QgsProcessingParameterEnum

    for parameter in algorithm.parameterDefinitions():
        if isinstance(parameter, QgsProcessingParameterEnum):
            assert parameter.usesStaticStrings()
            assert parameter.defaultValue() in parameter.options()


def test_defaults_are_accepted(algorithm: Any) -> None:
    from qgis.core import QgsProcessingContext

    fine, text = algorithm.checkParameterValues(required(algorithm), QgsProcessingContext())
    if not (available("shapely") and available("scipy")):  # hidden, or really absent
        assert fine or text.endswith('Run "Check installation" for the install line.')
    else:
        assert fine, text
    for parameter in algorithm.parameterDefinitions():
        if parameter.name() not in required(algorithm):
            assert parameter.checkValueIsAcceptable(parameter.defaultValue()), parameter.name()


def test_the_icon_is_drawn_and_small(algorithm: Any) -> None:
    path = Path(algorithm.svgIconPath())
    assert path.stem == algorithm.name() and path.stat().st_size < 4096
    picture = algorithm.icon().pixmap(24, 24).toImage()
    opaque = sum(picture.pixelColor(x, y).alpha() > 0 for x in range(24) for y in range(24))
    assert opaque > 60


def test_what_must_be_given_stands_first_in_the_dialog(algorithm: Any) -> None:
    asked = [p.name() for p in algorithm.parameterDefinitions() if not p.isDestination()]
    needed = [name for name in asked if name in required(algorithm)]
    assert asked[: len(needed)] == needed
    lists = [name for name in needed if EXAMPLES.get(kind(algorithm, name)) == ["a.tif"]]
    assert needed[: len(lists)] == lists


def kind(algorithm: Any, name: str) -> Kind:
    """Return what a parameter takes."""
    return options_of(algorithm.operation.Request)[name.lower()].kind
