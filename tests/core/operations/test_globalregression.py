# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption, OrthoweaveError
from orthoweave.core.operations import globalregression
from orthoweave.core.operations.globalregression import Request, run
from orthoweave.core.radiometry.adjustments import load_adjustments
from orthoweave.core.raster import bytes_read, open_image
from orthoweave.core.windows import Window

from .readback import hidden, waves

X, Y = 500000.0, 5000000.0
BOXES = {"a": (0, 0, 220, 200), "b": (140, 30, 220, 210), "c": (50, 140, 250, 160)}
GAINS = {"a": 1.0, "b": 0.8, "c": 1.25}


def ground(bands=2):
    return waves(bands, 320, 400)


def piece(name, dtype="uint16", bands=2):
    col, row, width, height = BOXES[name]
    part = ground(bands)[:, row : row + height, col : col + width] * GAINS[name]
    return part.astype(dtype) if np.dtype(dtype).kind == "f" else np.rint(part).astype(dtype)


def place(name):
    col, row, *_ = BOXES[name]
    return (X + 10.0 * col, 10.0, 0.0, Y - 10.0 * row, 0.0, -10.0)


@pytest.fixture
def tiles(write):
    """Write images of one scene: tiles("abc"[, dtype, nodata=0, …]) -> paths."""

    def make(names="abc", dtype="uint16", bands=2, **how):
        return tuple(
            write(f"{name}.tif", piece(name, dtype, bands), transform=place(name), **how)
            for name in names
        )

    return make


def request(images, tmp_path, **how):
    return Request(images=images, output_folder=str(tmp_path / "out"), **how)


def pixels(path):
    image = open_image(path)
    return image.read(image.grid.window)


def test_overlaps_agree_and_everything_is_written(tiles, tmp_path, listen):
    heard = listen()
    result = run(
        request(tiles(), tmp_path, output_model=str(tmp_path / "m.json"),
                report=str(tmp_path / "r.html")), heard
    )  # fmt: skip
    assert [Path(path).name for path in result.output_layers] == [
        "a_Global.tif", "b_Global.tif", "c_Global.tif",
    ]  # fmt: skip
    assert (result.images_used, result.images_skipped, result.group_count) == (3, 0, 1)
    assert (result.pairs, result.pairs_skipped) == (3, 0)
    assert result.mean_difference_before > 10
    assert result.mean_difference_after < 0.1  # rounding to whole counts
    assert result.gain_min < 1 < result.gain_max
    a, b = (pixels(path).values.astype(float) for path in result.output_layers[:2])
    apart = np.abs(a[:, 30:, 140:] - b[:, :170, :80])
    assert apart.max() <= 3  # both inputs and both outputs are rounded
    assert heard.warnings == []
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1.0
    assert Path(result.report).read_text("utf-8").count("<tr>") > 8
    model = load_adjustments(result.output_model)
    assert model.of("b").gains[0] / model.of("a").gains[0] == pytest.approx(1.25, abs=2e-3)


def test_the_numbers_of_the_report_can_be_recomputed_from_the_files(tiles, tmp_path):
    result = run(request(tiles("ab"), tmp_path, report=str(tmp_path / "r.html")))
    numbers = json.loads((tmp_path / "r.html.json").read_text("utf-8"))
    inputs = [piece(name).astype(float) for name in "ab"]
    outputs = [pixels(path).values.astype(float) for path in result.output_layers]
    for images, name in ((inputs, "before"), (outputs, "after")):
        a, b = images[0][:, 30:, 140:], images[1][:, :170, :80]
        mean = np.average([image.mean((1, 2)) for image in images], 0, [i[0].size for i in images])
        expected = 100 * (np.abs((a - b).mean((1, 2))) / mean).mean()
        # the report sums cells without sign, the files are rounded
        assert numbers[f"mean_difference_{name}"] == pytest.approx(expected, abs=0.05)
    (pair,) = numbers["overlaps"]
    assert (pair["first"], pair["second"], pair["pixels"]) == ("a", "b", 170 * 80)
    a, b = outputs[0][:, 30:, 140:], outputs[1][:, :170, :80]
    for band in range(2):
        assert pair["std_ratio"][band] == pytest.approx(a[band].std() / b[band].std(), abs=2e-3)
        both = np.corrcoef(inputs[0][band, 30:, 140:].ravel(), inputs[1][band, :170, :80].ravel())
        assert pair["correlation"][band] == pytest.approx(both[0, 1], abs=1e-9)
    assert numbers["gain_max"] == result.gain_max


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_windows_threads_and_the_order_of_images_change_nothing(dtype, tiles, tmp_path):
    paths = tiles(dtype=dtype)
    found = {}
    for number, (order, how) in enumerate(
        [((0, 1, 2), {}), ((2, 0, 1), {"threads": 1}), ((1, 2, 0), {"threads": 4}),
         ((0, 1, 2), {"window_size": 128}), ((2, 1, 0), {"window_size": 250, "threads": 2})]
    ):  # fmt: skip
        folder = tmp_path / str(number)
        chosen = tuple(paths[index] for index in order)
        model = str(folder / "m.json")
        result = run(Request(images=chosen, output_folder=str(folder), output_model=model, **how))
        layers = sorted(result.output_layers)
        found[number] = (Path(result.output_model).read_bytes(),
                         [pixels(path).values.tobytes() for path in layers])  # fmt: skip
    assert all(found[number] == found[0] for number in found)


def test_identical_images_come_out_bit_for_bit(write, tmp_path):
    values = piece("a")
    paths = tuple(write(f"{name}.tif", values, transform=place("a")) for name in "xy")
    result = run(request(paths, tmp_path))
    for path in result.output_layers:
        np.testing.assert_array_equal(pixels(path).values, values)
    assert (result.gain_min, result.gain_max) == (1, 1)


def test_the_model_image_is_bit_identical_and_exclude_complements_include(tiles, tmp_path):
    paths = tiles()
    written = {}
    for mode, names in (("include", ("b.tif",)), ("exclude", ("a", "c"))):
        result = run(
            Request(images=paths, output_folder=str(tmp_path / mode), model_images=names,
                    model_mode=mode)
        )  # fmt: skip
        written[mode] = [pixels(path).values for path in result.output_layers]
    for one, other in zip(*written.values()):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(written["include"][1], piece("b"))
    assert written["include"][0].mean() == pytest.approx(piece("a").mean() * 0.8, rel=2e-3)


def holes():
    found = np.ones((200, 220), bool)
    found[:, :30] = False
    found[50:60, 100:140] = False
    return found


@pytest.mark.parametrize("kind", ["nodata", "alpha", "mask", "nan", "none"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_valid_pixels_stay_valid_and_no_others_become_it(kind, dtype, write, tmp_path):
    if kind == "nan" and dtype != "float32":
        pytest.skip("whole numbers have no NaN")
    valid = holes() if kind != "none" else np.ones((200, 220), bool)
    paths = []
    for name, scale in (("x", 0.04), ("y", 0.05)):
        values = (ground(3)[:, :200, :220] * scale).astype(dtype)
        how = hidden(values, valid, kind)
        paths.append(write(f"{name}.tif", values, transform=place("a"), **how))
    result = run(request(tuple(paths), tmp_path))
    for path in result.output_layers:
        found = pixels(path)
        np.testing.assert_array_equal(found.valid, valid)
        assert found.values.dtype == dtype
        assert found.values[1][valid].min() > 60 and found.values[1][valid].max() < 130


def test_results_of_0_move_beside_the_nodata_value(write, tmp_path):
    dark = np.rint((ground(1)[:, :200, :220] - 1700) / 40).clip(1, None).astype("uint8")
    bright = (dark * 3).astype("uint8")
    paths = (
        write("x.tif", dark, transform=place("a"), nodata=0),
        write("y.tif", bright, transform=place("a"), nodata=0),
    )
    result = run(request(paths, tmp_path, model_images=("x",)))
    assert pixels(result.output_layers[1]).all_valid
    assert pixels(result.output_layers[1]).values.min() == 1


def polygons(path, boxes, field="image"):
    """Write rectangles (name, left, top, right, bottom in pixels) as GeoJSON in EPSG:32633."""
    features = []
    for name, left, top, right, bottom in boxes:
        xs, ys = (X + 10 * left, X + 10 * right), (Y - 10 * top, Y - 10 * bottom)
        ring = [[xs[0], ys[0]], [xs[1], ys[0]], [xs[1], ys[1]], [xs[0], ys[1]], [xs[0], ys[0]]]
        features.append({"type": "Feature", "properties": {field: name},
                         "geometry": {"type": "Polygon", "coordinates": [ring]}})  # fmt: skip
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    content = {"type": "FeatureCollection", "crs": crs, "features": features}
    path.write_text(json.dumps(content), "utf-8")
    return str(path)


def test_nothing_is_drawn_without_a_report(tiles, tmp_path, monkeypatch):
    monkeypatch.setattr(globalregression, "figures", None)
    assert run(request(tiles("ab"), tmp_path)).report is None
    with pytest.raises(TypeError):
        run(request(tiles("ab"), tmp_path, report=str(tmp_path / "r.html")))


@pytest.fixture
def spoiled(write, tmp_path):
    """Two images; in the second, half the overlap is a lake that dried out; and its polygon."""
    values = piece("b")
    values[:, :, :40] = 5000
    paths = (
        write("img_1.tif", piece("a"), transform=place("a")),
        write("img_10.tif", values, transform=place("b")),
    )
    return paths, polygons(tmp_path / "lake.geojson", [("img_10", 140, 0, 180, 300)])


@pytest.mark.parametrize("field", [None, "image"])
def test_polygons_limit_what_is_looked_at_and_nothing_else(field, spoiled, tmp_path):
    paths, lake = spoiled
    result = run(
        request(paths, tmp_path, vector_mask=lake, mask_mode="exclude", mask_field=field,
                robust=False, model_images=("img_1",), output_model=str(tmp_path / "m.json"))
    )  # fmt: skip
    model = load_adjustments(result.output_model)
    assert model.of("img_10").gains[0] == pytest.approx(1.25, rel=2e-3)
    outside = 220 * 210 - 40 * 210
    assert model.of("img_10").whole[0].size == outside
    # the polygon of img_10 does not serve img_1
    assert model.of("img_1").whole[0].size == 220 * 200 - (0 if field else 40 * 200)
    assert model.of("img_1").overlaps[0][1][0].size == 40 * 170
    # the lake itself is corrected too
    assert pixels(result.output_layers[1]).values[0, 100, 20] == pytest.approx(6250, abs=30)


def test_polygons_inside_and_outside_count_all_pixels_together(spoiled, tmp_path):
    paths, lake = spoiled
    sizes = {}
    for mode in ("include", "exclude"):
        path = str(tmp_path / f"{mode}.json")
        run(Request(images=paths, output_folder=str(tmp_path / mode), vector_mask=lake,
                    mask_mode=mode, output_model=path))  # fmt: skip
        sizes[mode] = [image.whole[0].size for image in load_adjustments(path).images]
    total = np.add(*sizes.values()).tolist()
    assert total == [220 * 200, 220 * 210]


def test_masks_that_leave_nothing_are_an_error(spoiled, tmp_path):
    paths, _ = spoiled
    elsewhere = polygons(tmp_path / "far.geojson", [("img_1", 900, 900, 950, 950)])
    with pytest.raises(InvalidOption, match=r"The mask leaves no pixel of img_1\.tif for"):
        run(request(paths, tmp_path, vector_mask=elsewhere))
    with pytest.raises(InvalidOption, match=r"far\.geojson has no polygon for img_10\.tif\."):
        run(request(paths, tmp_path, vector_mask=elsewhere, mask_field="image"))


def test_two_groups_are_told_and_a_lone_image_is_unchanged(write, tmp_path, listen):
    values = piece("a")
    paths = [
        write(f"{name}.tif", (values * gain).astype("uint16"),
              transform=(X + east, 10.0, 0.0, Y, 0.0, -10.0))
        for name, gain, east in (("a", 1, 0), ("b", 0.8, 0), ("c", 1.2, 9e4), ("d", 1, 9e4),
                                 ("e", 1.1, 5e5))
    ]  # fmt: skip
    heard = listen()
    result = run(request(tuple(paths), tmp_path), heard)
    assert result.group_count == 3
    np.testing.assert_array_equal(
        pixels(result.output_layers[4]).values, (values * 1.1).astype("uint16")
    )
    assert heard.warnings == [
        "Too few pixels in common with any other image, kept unchanged: e.",
        "The images form 2 groups without common ground; each keeps its own level.",
    ]


def test_a_single_image_is_written_unchanged_with_a_warning(tiles, tmp_path, listen):
    heard = listen()
    result = run(request(tiles("a"), tmp_path, report=str(tmp_path / "r.html")), heard)
    np.testing.assert_array_equal(pixels(result.output_layers[0]).values, piece("a"))
    assert heard.warnings == [
        "Only one image has valid pixels; there is nothing to compare it with."
    ]
    assert result.mean_difference_before is None and result.pairs == 0


def test_images_without_valid_pixels_are_copied_and_counted(tiles, write, tmp_path, listen):
    blank = write("blank.tif", np.zeros((2, 50, 60), "uint16"), nodata=0, transform=place("a"))
    heard = listen()
    report = tmp_path / "r.html"
    result = run(request((*tiles("ab"), blank), tmp_path, report=str(report)), heard)
    assert (result.images_used, result.images_skipped) == (2, 1)
    assert heard.warnings == ["blank.tif has no valid pixels; it was copied unchanged."]
    assert "blank: no valid pixels" in report.read_text("utf-8")
    assert not pixels(result.output_layers[2]).valid.any()


def test_an_undeclared_black_border_is_told(write, tmp_path, listen):
    values = piece("a")
    values[:, :, :5] = 0
    paths = (
        write("x.tif", values, transform=place("a")),
        write("y.tif", piece("a"), transform=place("a")),
    )
    heard = listen()
    run(request(paths, tmp_path), heard)
    assert heard.warnings == [
        "x.tif declares no nodata but its border is 0. Set NODATA=0 if that is a collar."
    ]
    heard = listen()
    run(Request(images=paths, output_folder=str(tmp_path / "again"), nodata=0.0), heard)
    assert heard.warnings == []


def test_grids_that_do_not_coincide_are_compared_too(write, tmp_path):
    scene = ground(1)
    moved = (X + 100.0 * 10 + 3.7, 10.0, 0.0, Y - 6.1, 0.0, -10.0)
    south_up = (X, 10.0, 0.0, Y - 10.0 * 300, 0.0, 10.0)
    paths = (
        write("a.tif", scene[:, :300, :220].astype("float32"), transform=place("a")),
        write("b.tif", (0.8 * scene[:, :300, 100:380]).astype("float32"), transform=moved),
        write("c.tif", (1.25 * scene[:, 299::-1, :260]).astype("float32"), transform=south_up),
    )
    result = run(request(paths, tmp_path, model_images=("a",), output_model=str(tmp_path / "m")))
    model = load_adjustments(result.output_model)
    # the scene of b lies a third to two thirds of a pixel off, which costs contrast
    assert model.of("b").gains[0] == pytest.approx(1.25, rel=0.02)
    assert model.of("c").gains[0] == pytest.approx(0.8, rel=1e-3)


def test_every_pixel_is_read_at_most_twice(tiles, tmp_path):
    paths = tiles()
    started = bytes_read()
    run(request(paths, tmp_path))
    sources = sum(piece(name).nbytes for name in "abc")
    assert bytes_read() - started <= 2.1 * sources


def test_outputs_share_one_style(tiles, tmp_path):
    result = run(request(tiles(bands=3), tmp_path))
    styles = {Path(path).with_suffix(".qml").read_bytes() for path in result.output_layers}
    assert len(styles) == 1


def test_another_type_is_written_when_asked_for(tiles, tmp_path):
    result = run(request(tiles("ab", nodata=0), tmp_path, output_type="float32"))
    assert {open_image(path).dtype.name for path in result.output_layers} == {"float32"}
    assert {open_image(path).nodata for path in result.output_layers} == {0.0}


def test_unreadable_images_are_skipped_when_asked_for(tiles, tmp_path, listen):
    broken = tmp_path / "broken.tif"
    broken.write_text("not a tif", "utf-8")
    heard = listen()
    paths = (*tiles("ab"), str(broken))
    result = run(request(paths, tmp_path, skip_unreadable=True), heard)
    assert (result.images_used, result.images_skipped) == (2, 1)
    with pytest.raises(OrthoweaveError, match=r"broken\.tif cannot be opened"):
        run(request(paths, tmp_path))


def test_images_that_do_not_fit_are_refused_before_anything_is_written(tiles, write, tmp_path):
    (a,) = tiles("a")
    other = write("b.tif", piece("b"), transform=place("b"), crs="EPSG:32634")
    with pytest.raises(IncompatibleImages) as error:
        run(request((a, other), tmp_path))
    assert str(error.value) == (
        'a.tif has EPSG:32633 and b.tif EPSG:32634. Use "Align to grid" first.'
    )
    three = write("three.tif", piece("b", bands=3), transform=place("b"))
    with pytest.raises(IncompatibleImages, match=r"a\.tif has 2 bands and three\.tif 3"):
        run(request((a, three), tmp_path))
    with pytest.raises(InvalidOption, match='MODEL_IMAGES names "img_7"'):
        run(request((a,), tmp_path, model_images=("img_7",)))
    with pytest.raises(InvalidOption, match="MODEL_IMAGES excludes every image"):
        run(request((a,), tmp_path, model_images=("a",), model_mode="exclude"))
    with pytest.raises(InvalidOption, match="have the same name"):
        again = write("sub/a.tif", piece("a"), transform=place("a"))
        run(request((a, again), tmp_path))
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"mean_factor": -1}, "Weight of means: -1 is below 0."),
        ({"std_factor": 2000}, "Weight of spreads: 2000 is above 1000."),
        ({"pair_weight": "size"}, "Weight of a pair: 'size' is not one of pixels, equal."),
        ({"model_mode": "only"}, "Model mode: 'only' is not one of include, exclude."),
    ],
)
def test_wrong_options_are_refused(how, sentence, tmp_path):
    with pytest.raises(InvalidOption) as error:
        request(("a.tif",), tmp_path, **how)
    assert str(error.value) == sentence


@pytest.mark.parametrize("questions", [0, 3, 6])
def test_a_cancelled_run_leaves_no_file_under_a_final_name(questions, tiles, tmp_path, listen):
    model = tmp_path / "m.json"
    with pytest.raises(Cancelled):
        run(request(tiles(), tmp_path, output_model=str(model)), listen(cancel_after=questions))
    assert not model.exists()
    left = [path.name for path in (tmp_path / "out").glob("*")]
    assert not any(name.startswith(".") for name in left)


def test_the_pipeline_can_survey_and_apply_by_itself(tiles):
    images = [open_image(path) for path in tiles()]
    how = globalregression.Estimating(model_images=("a",))
    canvas = globalregression.common_canvas(images)
    sums = globalregression.collectors(images, canvas, how)
    globalregression.survey(images, own=(sums.own,), joint=(sums.joint,), canvas=canvas)
    found = globalregression.estimate(images, sums, how)
    view = globalregression.apply(images[1], found.adjustments)
    assert view.read(view.grid.window).values.mean() == pytest.approx(
        piece("b").mean() * 1.25, rel=1e-3
    )
    assert found.groups == 1 and found.empty == ()


@pytest.fixture(scope="module")
def rotated_collars(shared, tmp_path_factory):
    """Six tiles of one real scene, each with its own gain, offset, vignetting and haze, 600 px."""
    folder = tmp_path_factory.mktemp("collars")
    source = shared / "s2_timeseries" / "S2_20150711.tif"
    tool = shared.parent / "tools" / "make_cases.py"
    if not source.exists() or not tool.exists():
        pytest.skip(f"{source} or {tool} is not there")
    # in a process of its own: the tool changes settings of GDAL
    made = (
        "import make_cases as cases, sys; source, folder = sys.argv[1:];"
        "big = cases.scaleup(source, folder + '/big.tif', (1400, 1000), bands=[2, 3, 4, 8]);"
        "cases.mosaic(big, folder + '/set', nx=3, ny=2, overlap=0.3, gain=0.23, offset=0.1,"
        " vignette=0.12, irregular=True, haze=0.03, phase=False)"
    )
    command = [sys.executable, "-B", "-c", made, str(source), str(folder)]
    done = subprocess.run(command, cwd=tool.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the case cannot be made here: {done.stderr[-200:]}")
    return folder / "set"


def overlap_difference(paths, mean):
    """Σ|y_i − y_j| / count over all common valid pixels of all pairs, % of the truth's mean."""
    images = [open_image(str(path)) for path in paths]
    found = [image.read(image.grid.window) for image in images]
    total, count = 0.0, 0
    for one in range(len(images)):
        for other in range(one):
            grid = images[one].grid
            common = grid.placed(images[other].grid).clipped(grid.window)
            if common.empty:
                continue
            at = common.within(grid.placed(images[other].grid))
            a, b = found[one].cropped(*common.slices), found[other].cropped(*at)
            valid = a.valid & b.valid
            apart = np.abs(a.values.astype(float) - b.values)[:, valid]
            total, count = total + apart.sum(1), count + valid.sum()
    return float(100 * (total / count / mean).mean())


def test_tiles_with_rotated_collars_agree_better_than_the_best_peer(rotated_collars, tmp_path):
    paths = sorted(rotated_collars.glob("tile_??.tif"))
    truth = pixels(str(rotated_collars / "truth_mosaic.tif"))
    mean = truth.values[:, truth.valid].mean(1)
    result = run(request(tuple(map(str, paths)), tmp_path))
    assert overlap_difference(paths, mean) > 10
    after = overlap_difference(result.output_layers, mean)
    # the best peer reaches 3.4 %; vignetting and haze, which no gain can remove, leave about 1.5 %
    assert after <= 2.5
    for before, written in zip(paths, result.output_layers):
        np.testing.assert_array_equal(pixels(str(before)).valid, pixels(written).valid)
    assert result.mean_difference_after == pytest.approx(after, abs=0.4)


def test_the_numbers_of_the_report_do_not_overwrite_the_model(tiles, tmp_path):
    model, report = tmp_path / "g.json", tmp_path / "g.html"
    run(request(tiles(), tmp_path, output_model=str(model), report=str(report)))
    assert set(load_adjustments(str(model)).names) == {"a", "b", "c"}
    assert (tmp_path / "g.html.json").exists()


def test_a_nodata_value_that_does_not_fit_keeps_the_declared_one(tiles, tmp_path):
    images = tiles("ab", nodata=0)
    found = run(request(images, tmp_path, nodata=-9999))
    assert [open_image(path).nodata for path in found.output_layers] == [0, 0]


@pytest.mark.parametrize("after", [1, 4, 8, 12, 16])
def test_a_stopped_run_keeps_all_images_or_none(tiles, tmp_path, listen, after):
    out = tmp_path / "out"
    try:
        run(request(tiles(), tmp_path), listen(cancel_after=after))
    except Cancelled:
        assert list(out.glob("*.tif")) == list(out.glob("*.qml")) == []
    else:
        assert len(list(out.glob("*.tif"))) == 3


def test_an_image_that_is_smoother_does_not_bend_the_gain(shared, write, tmp_path):
    scene = open_image(str(shared / "naip_nd" / "m_4709963_se_14_1_20190904_west.tif"))
    infrared = scene.read(Window(0, 0, 252, 152), (4,)).values[0].astype("f4")
    moved = [infrared[a : a + 150, b : b + 250] for a in range(3) for b in range(3)]
    first, second = infrared[1:151, 1:251].copy(), 0.8 * np.mean(moved, axis=0) + 10
    first[:, 150:] = second[:, :100] = np.nan
    paths = (write("a.tif", first[None]), write("b.tif", second[None]))
    how = {"output_model": str(tmp_path / "m.json"), "write_images": False}
    result = run(request(paths, tmp_path, **how))
    with open(result.output_model, encoding="utf-8") as file:
        model = json.load(file)
    gains = [model[name]["adjustments"]["band_0"]["scale"] for name in "ab"]
    # means of 3 x 3 lose 2 % of the spread here; when the plain half of the overlap, which holds
    # only noise, decided which cells fit, 1.49 came out
    assert gains[1] / gains[0] == pytest.approx(1.25, rel=0.04)
