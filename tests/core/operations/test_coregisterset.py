# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import (
    Cancelled,
    IncompatibleImages,
    InvalidOption,
    NoSolution,
)
from orthoweave.core.exchange.tiepoints import TiePoints, write_tie_points
from orthoweave.core.exchange.transform import read_transform
from orthoweave.core.operations.coregisterset import Request, registered, run
from orthoweave.core.raster import open_image, open_images

X, Y, PX = 500000.0, 5000000.0, 10.0
SIZE = 260
PLACES = {"a": (60, 60), "b": (190, 80), "c": (110, 200)}
SHIFTS = {"a": (1.3, -0.7), "b": (-2.1, 1.8), "c": (0.8, -1.1)}
"""Where each image shows the ground, px to the right and down; on average nothing."""


@pytest.fixture(scope="session")
def terrain():
    """Noise under a Gaussian of 1.5 px: values of the ground at any place."""
    ndimage = pytest.importorskip("scipy.ndimage")
    noise = np.random.default_rng(2).normal(0, 1, (560, 560))
    coefficients = ndimage.spline_filter(ndimage.gaussian_filter(noise, 1.5) * 3000 + 4000, 5)

    def at(x, y):
        return ndimage.map_coordinates(coefficients, [y, x], order=5, prefilter=False)

    return at


@pytest.fixture
def frames(terrain, write):
    """Write the images: frames(turn=degrees of "b", ...) -> paths by name."""

    def made(names="abc", turn=0.0, seed=0, **how):
        rng = np.random.default_rng(seed)
        return {name: one(name, turn if name == "b" else 0.0, rng, **how) for name in names}

    def one(name, turn, rng, dtype="uint16", edit=None, **how):
        (col, row), (dx, dy) = PLACES[name], SHIFTS[name]
        rows, cols = np.mgrid[0:SIZE, 0:SIZE].astype(float)
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        u, v = cols - dx - SIZE / 2, rows - dy - SIZE / 2
        x, y = cos * u + sin * v + SIZE / 2, cos * v - sin * u + SIZE / 2
        values = terrain(x + col, y + row) + rng.normal(0, 8, (SIZE, SIZE))
        bands = np.stack([values, values + 5]).round().astype(dtype)
        bands = bands if edit is None else edit(name, bands)
        transform = (X + PX * col, PX, 0.0, Y - PX * row, 0.0, -PX)
        return write(f"{name}.tif", bands, transform=transform, **how)

    return made


@pytest.fixture
def adjust(tmp_path):
    """Run the tool: adjust(images, **options) -> (Result, geotransforms by name)."""
    count = iter(range(100))

    def made(images, progress=None, **options):
        options.setdefault("output_folder", str(tmp_path / f"out{next(count)}"))
        options.setdefault("threads", 1)
        request = Request(images=tuple(images), **options)
        result = run(*([request, progress] if progress else [request]))
        return result, {Path(path).stem[0]: open_image(path) for path in result.output_layers}

    return made


def moved(images, name):
    """How far an output lies from its image, px to the right and down."""
    col, row = PLACES[name]
    transform = images[name].grid.transform
    return (transform[0] - X) / PX - col, -(transform[3] - Y) / PX - row


def test_every_image_comes_to_its_place(frames, adjust):
    result, images = adjust(frames().values())
    for name, shift in SHIFTS.items():
        assert moved(images, name) == pytest.approx([-shift[0], -shift[1]], abs=0.03)
    assert sum(np.array([moved(images, name) for name in images])) == pytest.approx(
        [0, 0], abs=1e-6
    )
    assert (result.pairs, result.group_count, result.accepted) == (3, 1, 1)
    assert result.rmse_before > 2 and result.rmse_after < 0.1


def test_pixels_stay_as_they_are_when_only_the_place_changes(frames, adjust):
    paths = frames()
    _, images = adjust(paths.values())
    for name, path in paths.items():
        source, output = open_image(path), images[name]
        window = source.grid.window
        assert (output.read(window).values == source.read(window).values).all()
        assert output.grid.pixel_size == source.grid.pixel_size and not output.grid.rotated


def test_a_rotation_is_found_and_stored(frames, adjust):
    _, images = adjust(frames(turn=0.3).values(), global_model="rigid")
    turns = {
        name: math.degrees(math.atan2(-one.grid.transform[4], one.grid.transform[1]))
        for name, one in images.items()
    }
    # what "b" is turned by is shared by all: two thirds of it, one third each
    assert turns["b"] == pytest.approx(-0.2, abs=0.01)
    assert turns["a"] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("options", [{"tap": True}, {"resolution": "8"}, {"resolution": 12}])
def test_new_pixels_fit_each_other(frames, adjust, options):
    _, images = adjust(frames().values(), global_model="similarity", resampling="cubic", **options)
    grids = [image.grid for image in images.values()]
    assert all(grids[0].matches(grid) for grid in grids)
    one, other = images["a"], images["b"]
    place = one.grid.placed(other.grid)
    both = place.clipped(one.grid.window)
    ends = [
        image.read(both.shifted(-col, -row), (1,))
        for image, col, row in ((one, 0, 0), (other, place.col, place.row))
    ]
    joint = ends[0].valid & ends[1].valid
    values = [end.values[0][joint].astype(float) for end in ends]
    assert np.corrcoef(*values)[0, 1] > 0.98


def test_a_fixed_image_stays_and_the_others_come_to_it(frames, adjust):
    paths = frames()
    result, images = adjust(paths.values(), fixed_images=(paths["a"],))
    assert images["a"].grid == open_image(paths["a"]).grid
    shift = np.subtract(SHIFTS["a"], SHIFTS["b"])
    assert moved(images, "b") == pytest.approx(shift, abs=0.03)
    beside, found = adjust([paths["b"], paths["c"]], fixed_images=(paths["a"],))
    assert sorted(found) == ["b", "c"] and beside.pairs == 3
    assert moved(found, "b") == pytest.approx(shift, abs=0.03)


def test_weights_share_a_shift(frames, adjust):
    paths = frames("ab")
    _, images = adjust(paths.values(), global_weights=("a;1", "b.tif;3"))
    assert moved(images, "a") == pytest.approx(np.multiply(moved(images, "b"), -3), abs=1e-6)
    _, still = adjust(paths.values(), global_weights=("a;inf",))
    assert moved(still, "a") == (0.0, 0.0)


def test_strength_is_a_share_of_the_correction(frames, adjust):
    paths = frames("ab")
    full, half = (adjust(paths.values(), global_strength=one)[1] for one in (1.0, 0.5))
    assert moved(half, "a") == pytest.approx(np.multiply(moved(full, "a"), 0.5), abs=1e-6)


def test_saved_tie_points_give_the_same_result(frames, adjust, tmp_path, listen):
    paths, ties = frames(turn=0.2), str(tmp_path / "ties.json")
    how = {"global_model": "similarity"}
    first, images = adjust(paths.values(), save_tie_points=ties, **how)
    heard = listen()
    second, again = adjust(paths.values(), heard, load_tie_points=ties, **how)
    for name in images:
        assert again[name].grid.transform == images[name].grid.transform
    assert second.rmse_after == first.rmse_after
    entries = json.loads(Path(ties).read_text())["tie_points"]
    assert {(one["image_1"], one["image_2"]) for one in entries} == {
        ("a.tif", "b.tif"),
        ("a.tif", "c.tif"),
        ("b.tif", "c.tif"),
    }


def test_the_result_is_the_same_for_any_window_size_and_thread_count(frames, adjust):
    paths = frames()
    how = {"global_model": "similarity", "tap": True}
    _, one = adjust(paths.values(), **how)
    _, other = adjust(paths.values(), threads=3, window_size=64, **how)
    for name in one:
        assert one[name].grid == other[name].grid
        window = one[name].grid.window
        ends = [image.read(window) for image in (one[name], other[name])]
        assert (ends[0].values == ends[1].values).all()


def test_nodata_and_what_it_holds_change_nothing(frames, adjust):
    def holed(value):
        def edit(name, bands):
            bands[:, 40:90, 150:220] = value
            return bands

        return edit

    found = []
    for value in (0, 65535):
        paths = frames(edit=holed(value), nodata=value)
        found.append(adjust(paths.values())[1])
    for name in "abc":
        assert found[0][name].grid.transform == found[1][name].grid.transform
        assert moved(found[0], name) == pytest.approx(np.negative(SHIFTS[name]), abs=0.03)


def test_float_images_may_hold_nan(frames, adjust):
    def edit(name, bands):
        bands[:, 40:90, 150:220] = np.nan
        return bands

    _, images = adjust(frames(dtype="float32", edit=edit).values())
    assert moved(images, "a") == pytest.approx(np.negative(SHIFTS["a"]), abs=0.03)


def ties(tmp_path, *pairs):
    """Write tie points: 40 over the overlap of each pair (name, name, (dx, dy))."""
    rng, made = np.random.default_rng(0), []
    for one, other, shift in pairs:
        away = np.subtract(PLACES[other], PLACES[one])
        low, high = np.maximum(0, away) + 5, np.minimum(SIZE, SIZE + away) - 5
        first = rng.uniform(low, high, (40, 2))
        made.append(TiePoints(f"{one}.tif", f"{other}.tif", first, first - away + shift))
    return write_tie_points(str(tmp_path / "given.json"), made)


def test_groups_are_corrected_apart_and_lone_images_are_copied(frames, adjust, tmp_path, listen):
    paths, heard = frames(), listen()
    known = ties(tmp_path, ("a", "b", (4.0, 2.0)))
    document = json.loads(Path(known).read_text())
    for end in "ab":
        document["tie_points"].append({"image_1": f"{end}.tif", "image_2": "c.tif", "points": []})
    Path(known).write_text(json.dumps(document))
    result, images = adjust(paths.values(), heard, load_tie_points=known)
    assert moved(images, "b") == pytest.approx([-2, -1], abs=1e-3)
    assert moved(images, "c") == (0.0, 0.0)
    assert (result.pairs, result.group_count, result.images_used) == (1, 1, 2)
    assert any("Without tie points" in text and "c.tif" in text for text in heard.warnings)
    assert any("2 of 3 overlapping pairs" in text for text in heard.warnings)


def test_evidence_is_written_before_a_refusal(frames, adjust, tmp_path):
    # the sum round the triangle is 12 px: no shifts can serve all pairs
    known = ties(tmp_path, ("a", "b", (0.1, 0.0)), ("b", "c", (0.1, 0.0)), ("c", "a", (12.0, 0.0)))
    how = {
        "load_tie_points": known,
        "transforms": str(tmp_path / "transforms"),
        "key_points": str(tmp_path / "points.gpkg"),
        "report": str(tmp_path / "report.html"),
        "output_folder": str(tmp_path / "none"),
        "robust_loss": "none",
    }
    paths = frames()
    with pytest.raises(NoSolution, match=r"refused: between .* the residual is 0\.1 px before"):
        adjust(paths.values(), **how)
    assert not list((tmp_path / "none").glob("*.tif"))
    assert (tmp_path / "points.gpkg").is_file()
    page = (tmp_path / "report.html").read_text()
    assert "refused" in page and "Triangles that do not close" in page
    saved = read_transform(str(tmp_path / "transforms" / "a.json"))
    assert not saved.accepted and "refused" in saved.reason


@pytest.mark.parametrize(("refused", "still"), [("unchanged", True), ("force", False)])
def test_a_refused_set_is_written_when_asked_for(frames, adjust, tmp_path, listen, refused, still):
    known = ties(tmp_path, ("a", "b", (0.1, 0.0)), ("b", "c", (0.1, 0.0)), ("c", "a", (12.0, 0.0)))
    heard = listen()
    result, images = adjust(
        frames().values(), heard, load_tie_points=known, refused=refused, robust_loss="none"
    )
    assert result.accepted == 0
    assert (moved(images, "a") == (0.0, 0.0)) == still
    assert any(f"REFUSED = {refused}" in text for text in heard.warnings)


def test_an_image_must_not_be_stretched(frames, adjust, tmp_path):
    known = ties(tmp_path, ("a", "b", (0.0, 0.0)))
    document = json.loads(Path(known).read_text())
    points = np.array(document["tie_points"][0]["points"])
    points[:, 1] = (points[:, 1] - 100) * 1.3 + 100
    document["tie_points"][0]["points"] = points.tolist()
    Path(known).write_text(json.dumps(document))
    with pytest.raises(NoSolution, match=r"it scales .\.tif by"):
        adjust(frames("ab").values(), load_tie_points=known, global_model="similarity")


def test_transforms_report_and_layer_tell_the_result(frames, adjust, tmp_path):
    paths = frames()
    result, images = adjust(
        paths.values(),
        transforms=str(tmp_path / "transforms"),
        key_points=str(tmp_path / "points.gpkg"),
        report=str(tmp_path / "report.html"),
    )
    saved = read_transform(str(tmp_path / "transforms" / "b.json"))
    grid = open_image(paths["b"]).grid
    # the correction says where the image shows the ground
    assert saved.correction.displacements(grid, 100.0, 100.0) == pytest.approx(
        np.array(SHIFTS["b"]), abs=0.03
    )
    assert saved.accepted and saved.model_used == "translation"
    page = (tmp_path / "report.html").read_text()
    assert "Pairs, worst first" in page and "a.tif – b.tif" in page and "accepted" in page
    from orthoweave.core.vector import read_points

    layer = read_points(str(tmp_path / "points.gpkg"))
    assert set(layer.columns["image_1"]) | set(layer.columns["image_2"]) == {
        "a.tif",
        "b.tif",
        "c.tif",
    }
    assert {"fit", "check"} == set(layer.columns["role"])
    left = np.hypot(layer.columns["residual_x"], layer.columns["residual_y"])
    assert float(np.median(left)) < 0.1
    assert result.report == str(tmp_path / "report.html")


def test_values_and_type_can_be_changed_without_resampling(frames, adjust):
    _, images = adjust(frames(nodata=0).values(), output_type="float32", output_nodata=-1.0)
    assert images["a"].dtype == np.float32 and images["a"].nodata == -1.0
    assert moved(images, "a") == pytest.approx(np.negative(SHIFTS["a"]), abs=0.03)


def test_a_set_without_tie_points_is_refused(frames, adjust, tmp_path):
    pair = {"image_1": "a.tif", "image_2": "b.tif", "points": []}
    known = tmp_path / "known.json"
    known.write_text(json.dumps({"tie_points": [pair]}))
    with pytest.raises(NoSolution, match="None of 1 overlapping pairs could be matched"):
        adjust(frames("ab").values(), load_tie_points=str(known))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"band": 3}, "BAND is 3 but a.tif has 2 bands"),
        ({"global_weights": ("x;1",)}, "GLOBAL_WEIGHTS names x, which is not among IMAGES"),
        ({"global_weights": ("a;-1",)}, "not a number of 0 or more"),
        ({"global_weights": ("a;heavy",)}, "not a number of 0 or more"),
        ({"global_weights": ("a;inf", "b;inf")}, "All images are fixed"),
        ({"window_size_match": 8}, "Matching window: 8 is below 16"),
        ({"resolution": "large"}, "not one or two numbers"),
        ({"global_strength": 2.0}, "Strength"),
        ({"global_model": "none"}, "both none, so nothing would be corrected"),
        ({"local_weights": ("x;1",)}, "LOCAL_WEIGHTS names x"),
        ({"name_pattern": "same"}, "needs a \\$"),
    ],
)
def test_bad_options_get_their_sentence(frames, adjust, options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        adjust(frames("ab").values(), **options)


def test_one_image_is_not_a_set(frames, adjust):
    with pytest.raises(InvalidOption, match=r"a\.tif is the only one"):
        adjust(frames("a").values())


def test_images_must_lie_somewhere(frames, adjust, write):
    paths = frames("a")
    flat = np.ones((2, 50, 50), "uint8")
    lost = write("lost.tif", flat, crs=None)
    with pytest.raises(IncompatibleImages, match=r"lost\.tif has no coordinate reference system"):
        adjust([paths["a"], lost])
    loose = write("loose.tif", flat, transform=None)
    with pytest.raises(IncompatibleImages, match=r"loose\.tif has no georeferencing"):
        adjust([paths["a"], loose])
    far = write("far.tif", flat, transform=(X + 1e5, PX, 0.0, Y, 0.0, -PX))
    with pytest.raises(IncompatibleImages, match="overlap each other"):
        adjust([paths["a"], far])


def test_tie_points_of_other_images_are_refused(frames, adjust, tmp_path, listen):
    known = write_tie_points(
        str(tmp_path / "other.json"), [TiePoints("x.tif", "y.tif", *[np.zeros((3, 2))] * 2)]
    )
    with pytest.raises(InvalidOption, match=r"other\.json holds no tie points of two"):
        adjust(frames("ab").values(), listen(), load_tie_points=known)


def test_inputs_are_not_overwritten(frames, adjust, tmp_path):
    paths = frames("ab")
    with pytest.raises(InvalidOption, match="overwrite"):
        adjust(paths.values(), output_folder=str(tmp_path), name_pattern="$")


def test_two_outputs_cannot_be_one_file(frames, adjust, tmp_path):
    both = str(tmp_path / "a.json")
    with pytest.raises(InvalidOption, match=r"would both be written as a\.json"):
        adjust(frames("ab").values(), save_tie_points=both, report=both)


def test_a_cancelled_run_leaves_no_image(frames, adjust, listen, tmp_path):
    paths = frames("ab")
    for after in (1, 5, 20):
        folder = tmp_path / f"cancelled{after}"
        with pytest.raises(Cancelled):
            adjust(paths.values(), listen(cancel_after=after), output_folder=str(folder))
        assert not list(folder.glob("*.tif")) if folder.exists() else True


def test_distant_tie_points_are_dropped(frames, adjust, tmp_path):
    known = ties(tmp_path, ("a", "b", (4.0, 2.0)), ("b", "c", (60.0, 0.0)), ("c", "a", (0.0, 0.0)))
    result, _ = adjust(frames().values(), load_tie_points=known, max_shift=100.0)
    assert result.pairs == 2


def test_a_smooth_field_leaves_a_perfect_set_alone(frames, adjust, tmp_path):
    pytest.importorskip("scipy")
    known = ties(tmp_path, ("a", "b", (0, 0)), ("b", "c", (0, 0)), ("c", "a", (0, 0)))
    paths = frames(nodata=0)
    _, images = adjust(paths.values(), load_tie_points=known, local_model="smooth")
    for name, path in paths.items():
        source, output = open_image(path), images[name]
        both = source.grid.window
        place = output.grid.placed(source.grid)
        found = output.read(both.shifted(place.col, place.row)).values.astype(int)
        assert np.abs(found - source.read(both).values.astype(int)).max() <= 1


def test_a_smooth_field_takes_what_shifts_leave(frames, adjust, tmp_path):
    pytest.importorskip("scipy")
    paths = frames(turn=0.4)
    before, _ = adjust(paths.values())
    how = {
        "local_model": "smooth",
        "local_spacing": 400.0,
        "local_smoothness": 0.01,
        "local_bending": 0.01,
        "transforms": str(tmp_path / "transforms"),
    }
    after, images = adjust(paths.values(), **how)
    # the field fades at the rim of the overlaps, where a rotation leaves most
    assert after.rmse_after < 0.75 * before.rmse_after
    saved = read_transform(str(tmp_path / "transforms" / "b.json"))
    assert saved.correction.field is not None
    assert not images["b"].grid.rotated


def test_fields_work_alone_and_on_new_pixels(frames, adjust):
    pytest.importorskip("scipy")
    how = {"global_model": "none", "local_model": "smooth", "resolution": "12"}
    result, images = adjust(frames().values(), **how)
    assert result.rmse_after < 0.6 * result.rmse_before
    grids = [image.grid for image in images.values()]
    assert all(grids[0].matches(grid) for grid in grids)
    assert grids[0].pixel_size == (12.0, 12.0)


def test_views_can_be_had_without_an_image(frames, tmp_path):
    paths = tuple(frames().values())
    images = open_images(paths)
    request = Request(
        images=paths,
        output_folder=str(tmp_path),
        transforms=str(tmp_path / "transforms"),
        save_tie_points=str(tmp_path / "tie_points.json"),
    )
    views, done, _ = registered(images, request)
    assert done.found.accepted
    for image, view in zip(images, views):
        saved = read_transform(str(tmp_path / "transforms" / f"{image.name}.json"))
        dx, dy = SHIFTS[image.name]
        found = np.array(view.grid.to_map(0, 0)) - image.grid.to_map(0, 0)
        assert found == pytest.approx((-PX * dx, PX * dy), abs=0.5)
        assert saved.accepted
        both = [one.read(one.grid.window).values for one in (image, view)]
        assert np.array_equal(*both)
    assert (tmp_path / "tie_points.json").is_file()
    assert not list(tmp_path.glob("**/*_Coregistered*"))


def test_mutual_information_moves_the_windows_of_a_pair(frames, adjust):
    result, images = adjust(frames("ab").values(), metric="mutual_information")
    assert result.accepted and result.rmse_after < 0.1
    assert set(images) == {"a", "b"}


@pytest.mark.parametrize("surface", ["bilinear", "piecewise_affine"])
def test_cells_bend_images_as_a_smooth_field_does(frames, adjust, surface):
    pytest.importorskip("scipy")
    paths = frames("ab", turn=0.4).values()
    plain, _ = adjust(paths)
    bent, _ = adjust(paths, local_model=surface)
    # cells of 16 px hold what a rotation leaves, but smoothness resists
    assert bent.rmse_after < 0.8 * plain.rmse_after


def test_drone_frames_with_parallax_fit_better(shared, adjust):
    pytest.importorskip("scipy")
    folder = shared / "drone_brighton"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    names = ("DJI_0018", "DJI_0019", "DJI_0027", "DJI_0028")
    result, _ = adjust(
        [str(folder / f"{name}.tif") for name in names],
        global_model="affine",
        local_model="smooth",
    )
    assert result.group_count == 1 and result.accepted
    assert result.rmse_after < 0.5 * result.rmse_before
