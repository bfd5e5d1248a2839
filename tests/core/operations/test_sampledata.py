# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, InvalidOption
from orthoweave.core.operations.sampledata import Request, run
from orthoweave.core.raster import crs_title, open_image

SIZE = 128
MOSAIC = [f"image_{number}.tif" for number in (1, 2, 3, 4)]
PAIR = ["reference.tif", "moving.tif"]


def make(folder, **how):
    return run(Request(**{"size": SIZE, "output_folder": str(folder), **how}))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("sample") / "new")


def pixels(path):
    image = open_image(path)
    return image.read(image.grid.window)


@pytest.mark.parametrize(
    ("scene", "names"), [("pair", PAIR), ("mosaic", MOSAIC), ("all", PAIR + MOSAIC)]
)
def test_each_scene_gives_its_images_and_their_truth(tmp_path, scene, names):
    result = make(tmp_path, scene=scene)
    assert [Path(path).name for path in result.output_layers] == names
    assert sorted(path.name for path in tmp_path.glob("*.tif")) == sorted(names)
    known = json.loads(Path(result.truth).read_text(encoding="utf-8"))
    listed = [one["file"] for word in ("pair", "mosaic") for one in known.get(word, ())]
    assert listed == names
    assert result.output_folder == str(tmp_path)


def test_images_are_four_named_bands_of_uint16_on_utm(made):
    for path in made.output_layers:
        image = open_image(path)
        assert (image.bands, image.dtype, image.nodata) == (4, np.uint16, 0)
        assert image.band_names == ("blue", "green", "red", "nir")
        assert (image.grid.width, image.grid.height) == (SIZE, SIZE)
        assert crs_title(image.grid.crs) == "EPSG:32633"


def test_the_pair_is_displaced_as_truth_says(tmp_path):
    result = make(tmp_path, scene="pair", shift_x=3, shift_y=-2)
    reference, moving = map(pixels, result.output_layers)
    known = json.loads(Path(result.truth).read_text(encoding="utf-8"))["pair"][1]
    assert (known["shift"]["x"], known["shift"]["y"]) == (3, -2)
    # a whole-pixel shift moves the same ground: only noise and rounding differ
    there = moving.values[2, 30:90, 33:93].astype(float)
    here = reference.values[2, 32:92, 30:90].astype(float)
    left = there - (known["gains"][2] * here + known["offsets"][2])
    assert np.abs(left.mean()) < 2 and left.std() < 2.5 * 7


def test_overlapping_images_differ_as_gains_and_offsets_say(made):
    known = json.loads(Path(made.truth).read_text(encoding="utf-8"))["mosaic"]
    first, second = (open_image(path) for path in made.output_layers[2:4])
    placed = first.grid.placed(second.grid)
    common = first.grid.window.clipped(placed)
    here = first.read(common)
    there = second.read(common.shifted(-placed.col, -placed.row))
    both = here.valid & there.valid
    assert both.mean() > 0.5
    for band in range(4):
        ground = here.values[band][both].mean()
        expected = known[1]["gains"][band] * ground + known[1]["offsets"][band]
        # means of the same ground, displaced by less than half a pixel
        assert there.values[band][both].mean() == pytest.approx(expected, rel=0.02)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(tmp_path):
    one, two, other = (
        make(tmp_path / name, scene="pair", seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    digests = [
        [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in result.output_layers]
        for result in (one, two, other)
    ]
    assert digests[0] == digests[1]
    assert not set(digests[0]) & set(digests[2])
    assert Path(one.truth).read_bytes() == Path(two.truth).read_bytes()


def test_images_of_a_scene_share_one_stretch(made):
    texts = [Path(path).with_suffix(".qml").read_text() for path in made.output_layers]
    assert len(set(texts[:2])) == len(set(texts[2:])) == 1
    assert 'redBand="3" greenBand="2" blueBand="1"' in texts[0]


def test_a_side_car_tells_how_to_repeat_it(made):
    path = Path(made.output_folder) / "sampledata.orthoweave.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    assert facts["request"]["size"] == SIZE and facts["inputs"] == []
    assert facts["outputs"]["truth"] == made.truth


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"size": 127}, "Size: 127 is below 128 px."),
        ({"size": 5000}, "Size: 5000 is above 4096 px."),
        ({"shift_x": 21}, "Shift of the pair, x: 21 is above 20 px."),
        ({"scene": "series"}, "Scene: 'series' is not one of pair, mosaic, all."),
        ({"output_folder": None}, "Output folder (OUTPUT_FOLDER) is missing."),
    ],
)
def test_bad_options_give_their_sentence(tmp_path, how, text):
    with pytest.raises(InvalidOption) as caught:
        Request(**{"output_folder": str(tmp_path), **how})
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("after", [0, 2, 7])
def test_a_cancelled_run_leaves_no_half_written_file(tmp_path, listen, after):
    with pytest.raises(Cancelled):
        run(Request(size=SIZE, output_folder=str(tmp_path)), listen(cancel_after=after))
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]
    assert not (tmp_path / "truth.json").exists()


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "mine.tif").write_text("mine")
    make(tmp_path, scene="pair")
    assert (tmp_path / "mine.tif").read_text() == "mine"
