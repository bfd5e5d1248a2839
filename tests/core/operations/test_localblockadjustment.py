# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption
from orthoweave.core.operations.localblockadjustment import Request, run
from orthoweave.core.raster import open_image
from osgeo import gdal

from .readback import hidden, waves

X, Y = 500000.0, 5000000.0
BOXES = {"a": (0, 0, 240, 220), "b": (130, 20, 240, 220), "c": (30, 140, 260, 180)}


def ground(bands=2, seed=8):
    return waves(bands, 340, 400, seed)


def frame(shape):
    rows, cols = shape
    v, u = np.mgrid[0:rows, 0:cols]
    return (2 * u + 1) / cols - 1, (2 * v + 1) / rows - 1


def spoiled(name, kind="vignette"):
    """A piece of the ground with darker corners, or with a cloud of haze in a part of it."""
    col, row, width, height = BOXES[name]
    part = ground()[:, row : row + height, col : col + width]
    u, v = frame((height, width))
    if kind == "vignette":
        return part * (1 - {"a": 0.15, "b": 0.08, "c": 0.12}[name] * (u**2 + v**2) / 2)
    if kind == "haze":
        place = {"a": 0.9, "b": -0.7, "c": 0.1}[name]
        return part + 150 * np.exp(-4 * ((u - place) ** 2 + (v - 0.5) ** 2))
    return part


def place(name):
    col, row, *_ = BOXES[name]
    return (X + 10.0 * col, 10.0, 0.0, Y - 10.0 * row, 0.0, -10.0)


@pytest.fixture
def tiles(write):
    """Write images of one scene: tiles("haze"[, dtype, scale=1e-4, …]) -> paths."""

    def make(kind="vignette", dtype="uint16", names="abc", scale=1.0, offset=0.0, **how):
        paths = []
        for name in names:
            values = spoiled(name, kind) * scale + offset
            values = values if np.dtype(dtype).kind == "f" else np.rint(values)
            paths.append(write(f"{name}.tif", values.astype(dtype), transform=place(name), **how))
        return tuple(paths)

    return make


def request(images, tmp_path, **how):
    return Request(images=images, output_folder=str(tmp_path / "out"), **how)


def pixels(path):
    image = open_image(str(path))
    return image.read(image.grid.window)


def difference(values):
    """Mean |difference| of a, b and c where they overlap, in % of the mean."""
    whole = np.full((3, 2, 340, 400), np.nan)
    for layer, one, box in zip(whole, values, BOXES.values()):
        col, row, width, height = box
        layer[:, row : row + height, col : col + width] = one
    found = [np.abs(whole[i] - whole[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    return 100 * np.nanmean(np.concatenate([f[np.isfinite(f)] for f in found])) / np.nanmean(whole)


def test_vignetting_is_found_and_taken_away(tiles, tmp_path, listen):
    heard = listen()
    result = run(
        request(tiles(), tmp_path, report=str(tmp_path / "r.html"),
                save_reference_map=str(tmp_path / "ref.tif"), save_local_maps="maps/$_local"),
        heard,
    )  # fmt: skip
    assert [Path(path).name for path in result.output_layers] == [
        "a_Local.tif", "b_Local.tif", "c_Local.tif",
    ]  # fmt: skip
    assert result.shading_explained > 0.9
    assert result.mean_difference_before > 1.0 > 0.05 > result.mean_difference_after
    outputs = [pixels(path).values.astype(float) for path in result.output_layers]
    # what is left is rounding to whole counts, half a count at both inputs and outputs
    assert difference(outputs) < 0.05 < 1.5 < difference([spoiled(name) for name in "abc"])
    # each tile is the ground times one number: corners are no longer darker than the middle
    for name, values in zip("abc", outputs):
        flat = (values / spoiled(name, "none")).mean(0)
        assert flat.std() / flat.mean() < 0.003
    assert heard.warnings == [] and heard.fractions[-1] == 1.0
    told = json.loads((tmp_path / "r.html.json").read_text("utf-8"))
    assert told["shading"][0]["accepted"] and len(told["overlaps"]) == 3
    assert (tmp_path / "out" / "maps" / "b_local.tif").exists()
    assert (result.block_count_rows, result.block_count_columns) == (17, 19)
    dataset = gdal.Open(result.reference_map)
    assert (dataset.RasterYSize, dataset.RasterXSize, dataset.RasterCount) == (17, 19, 2)


def test_haze_is_evened_out_block_by_block(tiles, tmp_path):
    result = run(request(tiles("haze"), tmp_path, number_of_blocks=400))
    outputs = [pixels(path).values.astype(float) for path in result.output_layers]
    inputs = [spoiled(name, "haze") for name in "abc"]
    assert difference(outputs) < 0.15 * difference(inputs)
    # where only one image is, it keeps its content: c's lower rows lie under no other image
    alone = np.abs(outputs[2][:, 150:, 250:] / inputs[2][:, 150:, 250:] - 1)
    assert alone.max() < 0.02


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_windows_threads_and_the_order_of_images_change_nothing(dtype, tiles, tmp_path):
    paths = tiles("haze", dtype)
    found = []
    for number, (order, how) in enumerate(
        [((0, 1, 2), {}), ((2, 0, 1), {"threads": 1}), ((1, 2, 0), {"threads": 4}),
         ((0, 1, 2), {"window_size": 64}), ((2, 1, 0), {"window_size": 250, "threads": 2})]
    ):  # fmt: skip
        folder = tmp_path / str(number)
        chosen = tuple(paths[index] for index in order)
        result = run(Request(images=chosen, output_folder=str(folder), save_local_maps="m/$.tif",
                             save_reference_map=str(folder / "ref.tif"), **how))  # fmt: skip
        files = [*sorted(result.output_layers), result.reference_map,
                 *sorted(map(str, (folder / "m").glob("*.tif")))]  # fmt: skip
        found.append([pixels(path).values.tobytes() for path in files])
    assert all(one == found[0] for one in found) and len(found[0]) == 7


@pytest.mark.parametrize("target", ["balanced", "mean"])
@pytest.mark.parametrize("method", ["linear", "offset", "gamma"])
def test_identical_images_come_out_bit_for_bit(method, target, write, tmp_path):
    values = np.rint(spoiled("a")).astype("uint16")
    paths = tuple(write(f"{name}.tif", values, transform=place("a")) for name in "xy")
    result = run(request(paths, tmp_path, correction_method=method, target=target))
    for path in result.output_layers:
        np.testing.assert_array_equal(pixels(path).values, values)
    assert result.mean_difference_after == 0


@pytest.mark.parametrize("method", ["linear", "gamma", "offset"])
def test_a_change_of_unit_changes_nothing_else(method, tiles, tmp_path):
    counts = run(request(tiles("haze", "float32"), tmp_path / "1", correction_method=method))
    made = tiles("haze", "float64", scale=1e-4)
    reflectance = run(request(made, tmp_path / "2", correction_method=method))
    for one, other in zip(counts.output_layers, reflectance.output_layers):
        # float32 has 7 digits; gamma's power costs one of them
        np.testing.assert_allclose(pixels(other).values, pixels(one).values * 1e-4, rtol=5e-6)
    numbers = [one.mean_difference_after for one in (counts, reflectance)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.01)


@pytest.mark.parametrize("method", ["linear", "gamma"])
def test_values_around_0_are_corrected_by_differences(method, tiles, tmp_path, listen):
    heard = listen()
    images = tiles("haze", "float32", scale=0.01, offset=-23.0)
    result = run(request(images, tmp_path, correction_method=method), heard)
    outputs = [pixels(path).values for path in result.output_layers]
    assert all(np.isfinite(values).all() for values in outputs)
    assert result.mean_difference_after < 0.3 * result.mean_difference_before
    assert heard.warnings[0].startswith("Block means of band 1, 2 are near or below 0")


def holes(shape):
    found = np.ones(shape, bool)
    found[:, :30] = False
    found[50:60, 100:140] = False
    return found


@pytest.mark.parametrize("kind", ["nodata", "alpha", "mask", "nan", "none"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_valid_pixels_stay_valid_and_no_others_become_it(kind, dtype, write, tmp_path):
    if kind == "nan" and dtype != "float32":
        pytest.skip("whole numbers have no NaN")
    paths, masks = [], []
    for name in "ab":
        values = np.repeat(spoiled(name)[:1], 3, 0) * 0.04
        valid = np.ones(values.shape[1:], bool) if kind == "none" else holes(values.shape[1:])
        values = values.astype(dtype)
        how = hidden(values, valid, kind)
        paths.append(write(f"{name}.tif", values, transform=place(name), **how))
        masks.append(valid)
    result = run(request(tuple(paths), tmp_path))
    for path, valid in zip(result.output_layers, masks):
        found = pixels(path)
        np.testing.assert_array_equal(found.valid, valid)
        assert found.values.dtype == dtype and found.values.shape[0] == 3
        assert found.values[1][valid].min() > 50 and found.values[1][valid].max() < 130


def test_values_below_the_range_become_the_lowest_legal_one(write, tmp_path):
    dark = np.rint((ground(1)[:, :200, :220] - 1700).clip(1)).astype("uint16")
    paths = (
        write("x.tif", dark, transform=place("a"), nodata=0),
        write("y.tif", dark * np.uint16(3), transform=place("a"), nodata=0),
    )
    result = run(request(paths, tmp_path, correction_method="offset"))
    for path in result.output_layers:
        assert pixels(path).all_valid
        assert pixels(path).values.min() >= 1 and pixels(path).values.max() < 3000
    assert result.clipped_fraction > 0


def polygons(path, boxes):
    """Write rectangles (name, left, top, right, bottom in pixels) as GeoJSON in EPSG:32633."""
    features = []
    for name, left, top, right, bottom in boxes:
        xs, ys = (X + 10 * left, X + 10 * right), (Y - 10 * top, Y - 10 * bottom)
        ring = [[xs[0], ys[0]], [xs[1], ys[0]], [xs[1], ys[1]], [xs[0], ys[1]], [xs[0], ys[0]]]
        features.append({"type": "Feature", "properties": {"image": name},
                         "geometry": {"type": "Polygon", "coordinates": [ring]}})  # fmt: skip
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    content = {"type": "FeatureCollection", "crs": crs, "features": features}
    path.write_text(json.dumps(content), "utf-8")
    return str(path)


def test_polygons_keep_changed_ground_out_of_the_maps(write, tmp_path):
    values = spoiled("b", "none")
    values[:, :120, :60] += 1500  # a lake dried out, in b only
    paths = (
        write("img_1.tif", np.rint(spoiled("a", "none")).astype("uint16"), transform=place("a")),
        write("img_10.tif", np.rint(values).astype("uint16"), transform=place("b")),
    )
    lake = polygons(tmp_path / "lake.geojson", [("img_10", 120, 0, 200, 150)])
    how = {"shading": "none", "robust": False}
    plain = run(request(paths, tmp_path, **how))
    spared = run(
        Request(images=paths, output_folder=str(tmp_path / "spared"), vector_mask=lake,
                mask_mode="exclude", mask_field="image", **how)
    )  # fmt: skip
    moved, kept = (pixels(r.output_layers[0]).values.astype(float) for r in (plain, spared))
    truth = spoiled("a", "none")
    # without the polygon the lake is carried into the other image
    assert np.abs(moved - truth).max() > 200
    # blocks at the lake's shore hold some pixels that are used; nothing there has changed
    assert np.abs(kept - truth).max() < 10


def test_a_cloud_in_one_image_does_not_change_the_other(write, tmp_path, listen):
    cloudy = spoiled("b", "none")
    cloudy[:, 40:100, 10:70] = 9000
    paths = (
        write("a.tif", np.rint(spoiled("a", "none")).astype("uint16"), transform=place("a")),
        write("b.tif", np.rint(cloudy).astype("uint16"), transform=place("b")),
    )
    moved = {}
    for robust in (True, False):
        heard = listen()
        how = Request(images=paths, output_folder=str(tmp_path / str(robust)), robust=robust)
        result = run(how, heard)
        assert any("looks like clouds" in text for text in heard.warnings) is robust
        found = pixels(result.output_layers[0]).values / spoiled("a", "none")
        moved[robust] = np.abs(found - 1).max()
    # blocks at the rim of the cloud differ less than a cloud does; nothing else may be touched
    assert moved[False] > 0.5 and moved[True] < 0.12


def test_inside_and_outside_of_polygons_count_all_pixels_together(tiles, tmp_path):
    images = tiles("haze", names="ab")
    half = polygons(tmp_path / "half.geojson", [("x", 0, 0, 185, 500)])
    found = {}
    for mode in ("include", "exclude"):
        report = tmp_path / f"{mode}.html"
        run(Request(images=images, output_folder=str(tmp_path / mode), vector_mask=half,
                    mask_mode=mode, report=str(report)))  # fmt: skip
        (pair,) = json.loads(Path(f"{report}.json").read_text("utf-8"))["overlaps"]
        found[mode] = pair["pixels"]
    assert sum(found.values()) == 110 * 200


def test_saved_maps_give_the_same_pixels_when_they_are_loaded(tiles, tmp_path, listen):
    images = tiles("haze")
    first = run(request(images, tmp_path, save_reference_map=str(tmp_path / "ref.tif"),
                        save_local_maps="$_map"))  # fmt: skip
    heard = listen()
    files = tuple(map(str, (tmp_path / "out").glob("*_map.tif")))
    for number, local in enumerate(((str(tmp_path / "out" / "$_map.tif"),), files)):
        again = run(
            Request(images=images, output_folder=str(tmp_path / f"again{number}"),
                    load_reference_map=first.reference_map, load_local_maps=local), heard
        )  # fmt: skip
        for one, other in zip(first.output_layers, again.output_layers):
            np.testing.assert_array_equal(pixels(one).values, pixels(other).values)
    assert heard.warnings == []


def test_an_image_that_was_not_in_the_set_is_brought_to_the_reference(tiles, tmp_path):
    images = tiles("none")
    first = run(request(images[:2], tmp_path, save_reference_map=str(tmp_path / "ref.tif")))
    values = np.rint(spoiled("a", "none") * 1.3)
    late = str(tmp_path / "late.tif")
    gdal.GetDriverByName("GTiff").CreateCopy(late, gdal.Open(images[0]))
    dataset = gdal.Open(late, gdal.GA_Update)
    dataset.WriteArray(values)
    del dataset
    result = run(
        Request(images=(late,), output_folder=str(tmp_path / "late"),
                load_reference_map=first.reference_map)
    )  # fmt: skip
    found = pixels(result.output_layers[0]).values / spoiled("a", "none")
    # blocks that a fills only in part have b's content in the reference: there it is less exact
    assert np.median(found) == pytest.approx(1.0, abs=0.002)
    assert np.abs(found - 1).mean() < 0.01


def test_larger_bounds_leave_the_covered_part_as_it_is(tiles, tmp_path):
    images = tiles("haze")
    rule = {"block_rule": "rows_columns"}
    small = run(request(images, tmp_path, block_rows=8, block_columns=8, **rule))
    # the images cover columns 0-370 and rows 0-320 of the ground
    wide = (X - 3700.0, X + 2 * 3700.0, Y - 2 * 3200.0, Y + 3200.0)
    large = run(
        Request(images=images, output_folder=str(tmp_path / "wide"), bounds=wide, block_rows=24,
                block_columns=24, **rule)
    )  # fmt: skip
    for one, other in zip(small.output_layers, large.output_layers):
        np.testing.assert_array_equal(pixels(one).values, pixels(other).values)
    assert (large.block_count_rows, large.blocks_used) == (24, small.blocks_used)


def test_the_rule_of_the_seed_counts_blocks_by_the_variation(write, tmp_path):
    # two values whose mean is 100 and whose spread is 64.8
    values = np.where(np.arange(90) % 2, 35.2, 164.8) * np.ones((1, 90, 1))
    paths = tuple(write(f"{n}.tif", values.astype("float32"), transform=place("a")) for n in "xy")
    result = run(request(paths, tmp_path, block_rule="coefficient_of_variation"))
    assert (result.block_count_rows, result.block_count_columns) == (18, 18)


def test_strength_blends_and_large_changes_are_limited(tiles, tmp_path, listen):
    images = tiles("haze", "float32")
    none, half, full = (
        run(Request(images=images, output_folder=str(tmp_path / str(alpha)), alpha=alpha))
        for alpha in (0.0, 0.5, 1.0)
    )
    for a, b, c in zip(*(one.output_layers for one in (none, half, full))):
        before, between, after = (pixels(path).values for path in (a, b, c))
        np.testing.assert_allclose(between, (before + after) / 2, rtol=1e-6)
    heard = listen()
    run(request(images, tmp_path, max_change=1.0), heard)
    assert any("larger than MAX_CHANGE and were limited" in text for text in heard.warnings)


def test_images_that_share_nothing_are_written_unchanged(tiles, write, tmp_path, listen):
    values = np.rint(spoiled("a")).astype("uint16")
    far = (X + 9e4, 10.0, 0.0, Y, 0.0, -10.0)
    blank = write("blank.tif", np.zeros((2, 50, 60), "uint16"), nodata=0, transform=place("a"))
    paths = (*tiles(names="a"), write("far.tif", values, transform=far), blank)
    heard = listen()
    result = run(request(paths, tmp_path, report=str(tmp_path / "r.html")), heard)
    for path in result.output_layers[:2]:
        np.testing.assert_array_equal(pixels(path).values, values)
    assert (result.images_used, result.images_skipped) == (2, 1)
    assert result.mean_difference_after is None
    assert heard.warnings == [
        "blank.tif has no valid pixels; it was copied unchanged.",
        "None of the 3 images share valid pixels; nothing to solve.",
    ]


def test_grids_that_do_not_coincide_are_corrected_too(write, tmp_path):
    scene = ground(1)
    u, v = frame((300, 260))
    fields = [1 - k * (u**2 + v**2) / 2 for k in (0.15, 0.05)]
    paths = (
        write("a.tif", (scene[:, :300, :260] * fields[0]).astype("float32"), transform=place("a")),
        # south-up, and moved by parts of a pixel
        write("b.tif", (scene[:, 329:29:-1, 100:360] * fields[1]).astype("float32"),
              transform=(X + 1003.7, 10.0, 0.0, Y - 3306.1, 0.0, 10.0)),
        # turned by a quarter: columns run south, rows run east
        write("c.tif", scene[:, 40:340, 40:300].swapaxes(1, 2).astype("float32"),
              transform=(X + 400.0, 0.0, 10.0, Y - 400.0, -10.0, 0.0)),
    )  # fmt: skip
    result = run(request(paths, tmp_path, save_local_maps="$_map"))
    assert result.shading_explained > 0.8
    assert result.mean_difference_after < 0.1 * result.mean_difference_before
    a, b, c = (pixels(path).values[0] for path in result.output_layers)
    flat = [a / scene[0, :300, :260], b / scene[0, 329:29:-1, 100:360],
            c / scene[0, 40:340, 40:300].T]  # fmt: skip
    # nothing but the moved pixels of b, which are not compared here, differs from one level
    assert all(np.median(one) == pytest.approx(np.median(flat[0]), rel=0.005) for one in flat)
    assert flat[0].std() < 0.01 and flat[2].std() < 0.01


def test_what_cannot_be_done_is_said_in_a_sentence(tiles, write, tmp_path):
    images = tiles("none")
    other = write("o.tif", np.ones((2, 9, 9), "uint16"), crs="EPSG:32632", transform=place("a"))
    three = write("t.tif", np.ones((3, 9, 9), "uint16"), transform=place("a"))
    nowhere = write("n.tif", np.ones((2, 9, 9), "uint16"), crs=None, transform=None)
    reference = write("ref.tif", np.ones((2, 21, 28), "float32"), transform=place("a"))
    local = write("a_local.tif", np.ones((2, 18, 24), "float32"), transform=place("a"))
    cases = (
        (IncompatibleImages, r'Use "Align to grid" first', {"images": (*images, other)}),
        (IncompatibleImages, r"n\.tif has no position on the ground, so overlaps are unknown",
         {"images": (*images, nowhere)}),
        (IncompatibleImages, r"3 \(alpha not counted\)", {"images": (*images, three)}),
        (IncompatibleImages, r"ref\.tif has 21 × 28 blocks and a_local\.tif 18 × 24\.",
         {"load_reference_map": reference, "load_local_maps": (local,)}),
        (InvalidOption, "needs BLOCK_ROWS and BLOCK_COLUMNS", {"block_rule": "rows_columns"}),
        (InvalidOption, "for BLOCK_RULE = rows_columns only", {"block_rows": 3}),
        (InvalidOption, "Strength: 2 is above 1", {"alpha": 2}),
        (InvalidOption, "Blocks: 5000 × 5000 are more than 4,000,000",
         {"block_rule": "rows_columns", "block_rows": 5000, "block_columns": 5000}),
        (InvalidOption, r"Output would overwrite the input a\.tif",
         {"save_reference_map": str(tmp_path / "a.tif")}),
        (InvalidOption, "is empty. Give xmin, xmax, ymin, ymax", {"bounds": (5, 1, 2, 3)}),
        (InvalidOption, "lies outside all images", {"bounds": (1, 2, 3, 4)}),
        (InvalidOption, r"'maps/x\.tif' needs a \$ for the maps of 3 images",
         {"save_local_maps": "maps/x.tif"}),
        (InvalidOption, r"a_Local\.tif would be written twice", {"save_local_maps": "$_Local"}),
        (InvalidOption, r"b_Local\.tif would be written twice",
         {"save_reference_map": str(tmp_path / "out" / "b_Local.tif")}),
        (InvalidOption, r"Output would overwrite the input ref\.tif",
         {"load_reference_map": reference, "save_reference_map": reference}),
        (InvalidOption, r"Output would overwrite the input a_local\.tif",
         {"load_local_maps": (str(tmp_path / "$_local.tif"),),
          "save_local_maps": str(tmp_path / "$_local.tif")}),
        (InvalidOption, r"\$_m\.tif gives no block map of any image",
         {"load_local_maps": (str(tmp_path / "$_m.tif"),)}),
    )  # fmt: skip
    for kind, sentence, how in cases:
        with pytest.raises(kind, match=sentence):
            run(request(**{"images": images, "tmp_path": tmp_path, **how}))
    assert not list((tmp_path / "out").glob("*.tif"))


def test_an_image_beside_the_reference_map_is_told(tiles, tmp_path, listen):
    images = tiles("none")
    half = (X, X + 10.0 * 250, Y - 10.0 * 320, Y)
    heard = listen()
    result = run(request(images, tmp_path, bounds=half), heard)
    # b covers columns 130 to 370, of which 250 to 370 lie beyond
    assert "b.tif lies 50 % outside the reference map; there it stays unchanged." in heard.warnings
    beyond = pixels(result.output_layers[1]).values[:, :, 121:]
    np.testing.assert_array_equal(beyond, np.rint(spoiled("b", "none"))[:, :, 121:])


def test_images_outside_the_blocks_stay_and_one_alone_is_told(tiles, tmp_path, listen):
    images = tiles("none")
    left = (X, X + 10.0 * 100, Y - 10.0 * 120, Y)
    heard = listen()
    result = run(request(images, tmp_path, bounds=left, report=str(tmp_path / "r.html")), heard)
    for name, path in zip("bc", result.output_layers[1:]):
        np.testing.assert_array_equal(pixels(path).values, np.rint(spoiled(name, "none")))
    assert sum("100 % outside the reference map" in text for text in heard.warnings) == 2
    alone = listen()
    run(request(images[:1], tmp_path), alone)
    assert alone.warnings == [
        "Only one image has valid pixels; there is nothing to compare it with."
    ]


def test_real_change_is_warned_of(tiles, write, tmp_path, listen):
    other = np.rint(ground(seed=99)[:, 20:240, 130:370] * np.linspace(0.6, 1.4, 240))
    changed = write("other.tif", other.astype("uint16"), transform=place("b"))
    heard = listen()
    run(request((*tiles("none", names="a"), changed), tmp_path), heard)
    assert heard.warnings[0].startswith("Large parts of the common ground differ: a and other. Use")


@pytest.mark.parametrize("after", [0, 4, 9])
def test_a_cancelled_run_leaves_nothing(after, tiles, tmp_path, listen):
    with pytest.raises(Cancelled):
        run(request(tiles(), tmp_path, window_size=64), listen(cancel_after=after))
    assert not list((tmp_path / "out").rglob("*.tif"))
    assert not list(tmp_path.rglob("*.partial*"))


@pytest.mark.parametrize(
    "names",
    [("l8_quebec_mosaic/mosaic_cog1.tif", "l8_quebec_mosaic/mosaic_cog2.tif"), ("naip_nd",)],
)
def test_real_images_agree_better_and_lose_no_pixel(names, shared, tmp_path):
    images = tuple(str(shared / name) for name in names)
    result = run(request(images, tmp_path))
    assert result.mean_difference_after < 0.2 * result.mean_difference_before
    for path in result.output_layers:
        name = Path(path).stem.removesuffix("_Local") + ".tif"
        (source,) = {file for one in images for file in Path(one).parent.rglob(name)}
        np.testing.assert_array_equal(pixels(path).valid, pixels(source).valid)
