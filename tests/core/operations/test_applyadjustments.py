# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption
from orthoweave.core.operations import globalregression, localblockadjustment
from orthoweave.core.operations.applyadjustments import Request, applied, run
from orthoweave.core.raster import bytes_read, open_image

X, Y = 500000.0, 5000000.0
BOXES = {"a": (0, 0, 220, 200), "b": (140, 30, 220, 210), "c": (50, 140, 250, 160)}
GAINS = {"a": 1.0, "b": 0.8, "c": 1.25}


def piece(name, bands=2):
    rng = np.random.default_rng(8)
    col, row, width, height = BOXES[name]
    y, x = np.mgrid[0:320, 0:400] / 60.0
    found = [
        2000 + 300 * b + 400 * np.sin(x + b) * np.cos(2 * y) + 30 * rng.standard_normal(x.shape)
        for b in range(bands)
    ]
    part = np.array(found)[:, row : row + height, col : col + width]
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.rint(part * GAINS[name] * (1 - 0.08 * (u * u + v * v))).astype("uint16")


def place(name):
    col, row, *_ = BOXES[name]
    return (X + 10.0 * col, 10.0, 0.0, Y - 10.0 * row, 0.0, -10.0)


@pytest.fixture
def tiles(write):
    def make(names="abc", **how):
        return tuple(
            write(f"{name}.tif", piece(name), transform=place(name), nodata=0, **how)
            for name in names
        )

    return make


@pytest.fixture
def apply(tmp_path):
    """Run and return (result, values of the outputs): apply(paths, model=…)."""
    number = iter(range(100))

    def make(paths, progress=None, **how):
        folder = tmp_path / f"applied{next(number)}"
        request = Request(images=tuple(paths), output_folder=str(folder), **how)
        result = run(request, *([progress] if progress else []))
        return result, [values(path) for path in result.output_layers]

    return make


def values(path):
    image = open_image(path)
    return image.read(image.grid.window).values


def model_file(path, entries):
    """Write a model as spectralmatch does: {"a": [(gain, offset), …]}."""
    content = {
        name: {
            "adjustments": {
                f"band_{k}": {"scale": gain, "offset": offset}
                for k, (gain, offset) in enumerate(bands)
            }
        }
        for name, bands in entries.items()
    }
    path.write_text(json.dumps(content), "utf-8")
    return str(path)


@pytest.fixture
def matched(tiles, tmp_path):
    """Images, and the model and outputs of their global regression."""
    paths, model = tiles(), str(tmp_path / "g.json")
    result = globalregression.run(
        globalregression.Request(
            images=paths, output_folder=str(tmp_path / "g"), output_model=model
        )
    )
    return paths, model, [values(path) for path in result.output_layers]


def test_a_model_of_global_regression_gives_the_same_pixels(matched, apply, tmp_path):
    paths, model, expected = matched
    result, found = apply(paths, model=model, report=str(tmp_path / "r.html"))
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one, other)
    assert [Path(path).name for path in result.output_layers] == [
        "a_Adjusted.tif", "b_Adjusted.tif", "c_Adjusted.tif",
    ]  # fmt: skip
    assert (result.images_used, result.images_skipped) == (3, 0)
    assert "3 of 3 images were corrected." in Path(result.report).read_text("utf-8")


def test_a_model_of_the_seed_system_is_applied_in_one_read(tiles, apply, tmp_path):
    paths = tiles("ab")
    model = model_file(tmp_path / "m.json", {"b": [(2, -5), (0.5, 9)], "a": [(1, 1), (1, 2)]})
    started = bytes_read()
    _, (a, b) = apply(paths, model=model)
    inputs = sum(piece(name).nbytes for name in "ab")
    assert bytes_read() - started == 2 * inputs  # once, and the outputs by this test
    np.testing.assert_array_equal(a, piece("a") + np.array([[[1]], [[2]]]))
    expected = np.stack([2.0 * piece("b")[0] - 5, 0.5 * piece("b")[1] + 9])
    np.testing.assert_array_equal(b, np.rint(expected))


def test_bands_may_be_served_by_other_entries(tiles, apply, tmp_path):
    model = model_file(tmp_path / "m.json", {"a": [(1, 10), (1, 20), (1, 30)]})
    _, (plain,) = apply(tiles("a"), model=model)
    np.testing.assert_array_equal(plain, piece("a") + np.array([[[10]], [[20]]]))
    _, (swapped,) = apply(tiles("a"), model=model, band_entries=("1;2", "2;0"))
    np.testing.assert_array_equal(swapped, piece("a") + np.array([[[30]], [[10]]]))


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (("1;5",), "m.json: a has no band_5, which a.tif with 2 bands needs. Use BAND_ENTRIES."),
        (("4;0",), "Entries by band: a.tif has no band 4; its bands are 1 to 2."),
        (("1;x",), "Entries by band: '1;x' are not two whole numbers."),
    ],
)
def test_wrong_band_entries_are_refused(pairs, sentence, tiles, apply, tmp_path):
    model = model_file(tmp_path / "m.json", {"a": [(1, 10), (1, 20)]})
    with pytest.raises(InvalidOption) as error:
        apply(tiles("a"), model=model, band_entries=pairs)
    assert str(error.value) == sentence


def test_an_image_without_entry_is_refused_named_or_copied(tiles, apply, tmp_path, listen):
    model = model_file(tmp_path / "m.json", {"a": [(1, 10), (1, 20)]})
    paths = tiles("ab")
    with pytest.raises(InvalidOption, match=r"m\.json has no entry for b\.tif\. .*UNKNOWN_IMAGES"):
        apply(paths, model=model)
    heard = listen()
    result, (_, copied) = apply(paths, heard, model=model, unknown_images="copy")
    np.testing.assert_array_equal(copied, piece("b"))
    assert heard.warnings == ["There is no entry or map for b.tif; copied unchanged."]
    assert (result.images_used, result.images_skipped) == (1, 1)
    _, (_, single) = apply(paths, model=model, unknown_images="single")
    np.testing.assert_array_equal(single, piece("b") + np.array([[[10]], [[20]]]))
    _, (_, named) = apply(paths, model=model, image_names=("b.tif;a",))
    np.testing.assert_array_equal(named, single)
    with pytest.raises(InvalidOption, match='no entry called "x" for b.tif'):
        apply(paths, model=model, image_names=("b;x",))
    two = model_file(tmp_path / "two.json", {"x": [(1, 10)] * 2, "a": [(1, 20)] * 2})
    with pytest.raises(InvalidOption, match="two.json has 2 entries, so that none is the only one"):
        apply(paths, model=two, unknown_images="single")


def test_something_to_apply_is_needed(tiles, apply):
    with pytest.raises(InvalidOption, match="Give a model in MODEL, a block map in REFERENCE_MAP"):
        apply(tiles("a"))
    with pytest.raises(InvalidOption, match="LOCAL_MAPS need the map"):
        apply(tiles("a"), local_maps=("maps",))
    with pytest.raises(InvalidOption, match="UNKNOWN_IMAGES=reference needs a block map"):
        apply(tiles("a"), model="m.json", unknown_images="reference")


@pytest.mark.parametrize(
    ("lookup", "sentence"),
    [
        ({"band_0": {"x": [1, 1], "y": [1, 2]}}, "needs as many y as x, at least one, and x must"),
        ({"band_0": {"x": [1, 2], "y": [1]}}, "needs as many y as x"),
        ({"band_0": {"x": [1, "a"], "y": [1, 2]}}, "holds 'a', which is no number"),
        ({"band_0": {"x": 3, "y": [1, 2]}}, "is not a list of numbers"),
        ({"band_0": {"x": [1]}}, 'has no "y"'),
        ({f"band_{k}": {"x": [1], "y": [1]} for k in range(3)}, "lookup has 3 bands and adj"),
    ],
)
def test_a_wrong_curve_is_named(lookup, sentence, tiles, apply, tmp_path):
    path = tmp_path / "m.json"
    model_file(path, {"a": [(1, 10)]})
    content = json.loads(path.read_text("utf-8"))
    content["a"]["orthoweave"] = {"lookup": lookup}
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(
        InvalidOption, match=f"m.json: a / orthoweave / lookup.*{sentence}|{sentence}"
    ):
        apply(tiles("a"), model=str(path))


@pytest.mark.parametrize("window", [0, 64, 250])
def test_windows_and_threads_change_nothing(window, matched, apply):
    paths, model, expected = matched
    for threads in (1, 4):
        _, found = apply(paths, model=model, window_size=window, threads=threads)
        for one, other in zip(found, expected):
            np.testing.assert_array_equal(one, other)


def test_limits_and_nodata_are_kept(write, apply, tmp_path):
    image = np.array([[[0, 10, 20, 65000]]], "uint16")
    path = write("a.tif", image, nodata=0)
    model = model_file(tmp_path / "m.json", {"a": [(2, -40)]})
    result, (found,) = apply([path], model=model)
    # invalid 0 stays; -20 and 0 become 1, the lowest legal value; 129960 the highest
    assert found.tolist() == [[[0, 1, 1, 65535]]]
    assert result.clipped_fraction == pytest.approx(2 / 3)
    assert result.moved_from_nodata == 2


@pytest.fixture
def blocked(matched, tmp_path):
    """Images, model of the global regression, and block maps made after it."""
    paths, model, _ = matched
    folder = tmp_path / "l"
    inputs = tuple(str(tmp_path / "g" / f"{name}_Global.tif") for name in "abc")
    result = localblockadjustment.run(
        localblockadjustment.Request(
            images=inputs,
            output_folder=str(folder),
            number_of_blocks=16,
            save_reference_map=str(folder / "ref.tif"),
            save_local_maps=str(folder / "maps" / "$_Map"),
        )
    )
    maps = {
        "reference_map": str(folder / "ref.tif"),
        "local_maps": (str(folder / "maps" / "$_Map"),),
    }
    return paths, model, maps, inputs, [values(path) for path in result.output_layers]


NAMES = tuple(f"{name};{name}_Global" for name in "abc")


def test_block_maps_alone_give_the_same_pixels(blocked, apply):
    _, _, maps, inputs, expected = blocked
    _, found = apply(inputs, **maps)
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one, other)


def test_model_and_maps_together_are_rounded_once(blocked, apply, tmp_path):
    paths, model, maps, _, expected = blocked
    content = json.loads(Path(model).read_text("utf-8"))
    renamed = tmp_path / "renamed.json"
    renamed.write_text(json.dumps({f"{k}_Global": v for k, v in content.items()}), "utf-8")
    started = bytes_read()
    _, found = apply(paths, model=str(renamed), image_names=NAMES, **maps)
    inputs = sum(piece(name).nbytes for name in "abc")
    assert bytes_read() - started <= 2 * inputs + 40_000  # and the maps
    for one, other in zip(found, expected):
        assert np.abs(one.astype(int) - other).max() <= 1  # the chain of files rounds in between


def test_the_strength_of_maps_can_be_lowered(blocked, apply):
    _, _, maps, inputs, _ = blocked
    _, found = apply(inputs, alpha=0, **maps)
    for one, path in zip(found, inputs):
        np.testing.assert_array_equal(one, values(path))


def test_an_unknown_image_is_brought_to_the_reference_map(blocked, apply, write):
    _, _, maps, inputs, expected = blocked
    dark = (values(inputs[1]) * 0.7).astype("uint16")
    new = write("new.tif", dark, transform=place("b"), nodata=0)
    with pytest.raises(InvalidOption, match=r"There is no local map for new\.tif"):
        apply([new], **maps)
    _, (found,) = apply([new], unknown_images="reference", **maps)
    assert found.mean() == pytest.approx(expected[1].mean(), rel=0.03)
    result, (copied,) = apply([new], unknown_images="copy", **maps)
    np.testing.assert_array_equal(copied, dark)
    assert result.images_skipped == 1


def test_the_only_local_map_may_serve_all(blocked, apply, tmp_path):
    _, _, maps, inputs, expected = blocked
    only = (str(tmp_path / "l" / "maps" / "b_Global_Map.tif"),)
    found = apply(inputs[1:2], reference_map=maps["reference_map"], local_maps=only,
                  unknown_images="single")[1]  # fmt: skip
    np.testing.assert_array_equal(found[0], expected[1])


def test_bands_of_maps_are_reordered_too(blocked, apply, write):
    _, _, maps, inputs, expected = blocked
    swapped = write("b_Global.tif", values(inputs[1])[::-1], transform=place("b"), nodata=0)
    _, (found,) = apply([swapped], band_entries=("1;1", "2;0"), **maps)
    np.testing.assert_array_equal(found, expected[1][::-1])
    with pytest.raises(InvalidOption, match="the block maps have 2 bands, numbered from 0, and 5"):
        apply([swapped], band_entries=("1;5",), **maps)


def test_images_of_another_crs_have_no_place_on_maps(blocked, apply, write):
    _, _, maps, inputs, _ = blocked
    other = write("b_Global.tif", values(inputs[1]), crs="EPSG:32634", transform=place("b"))
    with pytest.raises(IncompatibleImages):
        apply([other], **maps)


def test_views_can_be_stacked_by_others(matched, tmp_path):
    paths, model, expected = matched
    request = Request(images=paths, output_folder=str(tmp_path), model=model)
    found = applied([open_image(path) for path in paths], request)
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one.view.read(one.view.grid.window).values, other)


@pytest.mark.parametrize("questions", [0, 2, 4])
def test_a_cancelled_run_leaves_nothing(questions, matched, apply, listen, tmp_path):
    paths, model, _ = matched
    with pytest.raises(Cancelled):
        apply(paths, listen(cancel_after=questions), model=model)
    assert not list((tmp_path / "applied0").glob("*.tif"))
