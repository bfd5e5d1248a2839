# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.radiometry.adjustments import (
    Adjustments,
    BandStatistics,
    ImageAdjustment,
    load_adjustments,
)

STATISTICS = (BandStatistics(1 / 3, 2.0**0.5, 2**40 + 1), BandStatistics(-1e-17, 0.1 + 0.2, 7))
MODEL = Adjustments(
    (
        ImageAdjustment(
            "img & 1", (1.02, 1 / 7), (-3.1, 1e-12), STATISTICS, (("ünd.2", STATISTICS),), 1
        ),
        ImageAdjustment(
            "ünd.2", (0.1, 10.0), (0.0, 5.0), STATISTICS, (("img & 1", STATISTICS),), 1
        ),
    )
)
SEED = {
    "img_1": {
        "adjustments": {"band_0": {"scale": 1, "offset": 0.5}, "band_1": {"scale": 2, "offset": 3}},
        "whole_stats": {"band_0": {"mean": 4.0, "std": 1.0, "size": 10}},
    }
}


def saved(tmp_path, content):
    path = tmp_path / "reg.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(path)


def test_a_saved_model_comes_back_exactly(tmp_path):
    assert load_adjustments(saved(tmp_path, MODEL.text())) == MODEL


def test_the_file_has_the_form_of_the_seed_system():
    found = json.loads(MODEL.text())
    assert list(found) == ["img & 1", "ünd.2"]
    entry = found["img & 1"]
    assert entry["adjustments"]["band_0"] == {"scale": 1.02, "offset": -3.1}
    assert entry["whole_stats"]["band_1"]["size"] == 7
    assert entry["overlap_stats"]["ünd.2"]["band_0"] == entry["whole_stats"]["band_0"]
    assert entry["orthoweave"] == {"version": 1, "method": "globalregression", "group": 1}
    assert "ünd.2" in MODEL.text()


def test_a_file_of_the_seed_system_is_read_as_it_is(tmp_path):
    (image,) = load_adjustments(saved(tmp_path, SEED)).images
    assert (image.gains, image.offsets) == ((1.0, 2.0), (0.5, 3.0))
    assert image.whole == (BandStatistics(4.0, 1.0, 10),)
    assert image.overlaps == () and image.group is None


def test_images_are_found_by_name():
    assert MODEL.of("ünd.2").gains == (0.1, 10.0)
    assert MODEL.names == ("img & 1", "ünd.2")
    with pytest.raises(InvalidOption, match="has no adjustments for img_3"):
        MODEL.of("img_3")


def without(*path):
    content = json.loads(json.dumps(SEED))
    node = content
    for name in path[:-1]:
        node = node[name]
    del node[path[-1]]
    return content


def changed(value, *path):
    content = json.loads(json.dumps(SEED))
    node = content
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (without("img_1", "adjustments", "band_1", "offset"),
         'reg.json: img_1 / adjustments / band_1 has no "offset".'),
        (without("img_1", "adjustments"), 'reg.json: img_1 has no "adjustments".'),
        (without("img_1", "adjustments", "band_0"),
         'reg.json: img_1 / adjustments has no "band_0".'),
        (changed("x", "img_1", "adjustments", "band_0", "scale"),
         "reg.json: img_1 / adjustments / band_0 has no number for \"scale\" but 'x'."),
        (changed(True, "img_1", "adjustments", "band_0", "scale"),
         'reg.json: img_1 / adjustments / band_0 has no number for "scale" but True.'),
        (changed(float("nan"), "img_1", "adjustments", "band_0", "scale"),
         'reg.json: img_1 / adjustments / band_0 has no number for "scale" but nan.'),
        (changed(float("inf"), "img_1", "whole_stats", "band_0", "mean"),
         'reg.json: img_1 / whole_stats / band_0 has no number for "mean" but inf.'),
        (changed(-5, "img_1", "whole_stats", "band_0", "size"),
         'reg.json: img_1 / whole_stats / band_0 has a "size" below 0: -5.'),
        (changed(3, "img_1"), "reg.json: img_1 is not a table of names and values."),
        (without("img_1", "whole_stats", "band_0", "std"),
         'reg.json: img_1 / whole_stats / band_0 has no "std".'),
        ("[1, 2]", "reg.json is not a table of names and values."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named(content, sentence, tmp_path):
    with pytest.raises(InvalidOption) as error:
        load_adjustments(saved(tmp_path, content))
    assert str(error.value) == sentence


def test_a_file_that_is_no_json_or_not_there_is_named(tmp_path):
    with pytest.raises(InvalidOption, match=r"reg\.json is not JSON: "):
        load_adjustments(saved(tmp_path, "{"))
    (tmp_path / "picture.json").write_bytes(b"II*\x00\xda\xff")
    with pytest.raises(InvalidOption, match=r"picture\.json is not JSON: it is not even text\."):
        load_adjustments(str(tmp_path / "picture.json"))
    with pytest.raises(ImageIOError, match=r"none\.json cannot be read: No such file"):
        load_adjustments(str(tmp_path / "none.json"))
