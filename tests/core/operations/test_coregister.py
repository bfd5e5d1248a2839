# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import math
from functools import lru_cache

import numpy as np
import pytest
from orthoweave.core import cli
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption, NoSolution
from orthoweave.core.exchange.transform import read_transform
from orthoweave.core.operations import applytransform, coregister
from orthoweave.core.operations.coregister import Request, run
from orthoweave.core.raster import open_image
from orthoweave.core.registration import solve
from osgeo import gdal

SIZE = (220, 250)
NORTH_UP = (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)
TERMS = 250


@lru_cache(maxsize=2)
def waves(seed):
    """Frequencies, phases and sizes of a scene with detail down to 5 px."""
    rng = np.random.default_rng(seed)
    length = np.exp(rng.uniform(np.log(5), np.log(90), TERMS))
    way, phase = rng.uniform(0, 2 * np.pi, (2, TERMS))
    k = 2 * np.pi / length
    return k * np.cos(way), k * np.sin(way), phase, length**0.55


def scene(x, y, seed=1):
    """Brightness, about 1000 +- 200, of a scene that is known between its pixels."""
    found, norm = np.zeros(np.shape(x)), 0.0
    for kx, ky, phase, size in zip(*waves(seed)):
        found += size * np.cos(kx * x + ky * y + phase)
        norm += size**2 / 2
    found /= math.sqrt(norm)
    return 1000 + 200 * found


def pixels(size=SIZE):
    return np.mgrid[0 : size[0], 0 : size[1]].astype(float)[::-1]


def turned(x, y, degrees, dx, dy, size=SIZE):
    """Where the moving image shows reference positions."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x0, y0 = (size[1] - 1) / 2, (size[0] - 1) / 2
    return x0 + c * (x - x0) - s * (y - y0) + dx, y0 + s * (x - x0) + c * (y - y0) + dy


def back(x, y, degrees, dx, dy):
    x, y = x - dx, y - dy
    return turned(x, y, -degrees, 0, 0)


def noise(seed, size=SIZE):
    return 2 * np.random.default_rng(seed).standard_normal(size)


@lru_cache(maxsize=8)
def reference_values():
    return scene(*pixels()) + noise(1)


@lru_cache(maxsize=8)
def moving_values(degrees=0.0, dx=3.4, dy=-2.2):
    return 1.1 * scene(*back(*pixels(), degrees, dx, dy)) + 60 + noise(2)


@pytest.fixture
def pair(write):
    """Write a pair: pair(degrees, dx, dy) -> options that name it."""

    def make(degrees=0.0, dx=3.4, dy=-2.2, **how):
        moving = moving_values(degrees, dx, dy).astype("float32")
        return {
            "reference": write("ref.tif", reference_values().astype("float32"), **how),
            "moving": write("mov.tif", moving, **how),
        }

    return make


def wrong(correction, grid, *truth):
    """Root of the mean squared error of a correction, px."""
    x, y = (part[::10, ::10] for part in pixels())
    want = turned(x, y, *truth)
    dx, dy = correction.displacements(grid, x, y)
    return float(np.sqrt(np.mean((x + dx - want[0]) ** 2 + (y + dy - want[1]) ** 2)))


def solved(options, tmp_path, progress=None, **more):
    """Run without an image and read the transform."""
    path = str(tmp_path / "t.json")
    request = Request(**{**options, **more, "transform": path})
    result = run(*([request, progress] if progress else [request]))
    return result, read_transform(path)


@pytest.mark.parametrize(
    "truth", [(0.0, 3.4, -2.2), (0.15, 2.3, 1.6), (1.0, 2.0, 1.0), (0.0, 25.3, -18.7)]
)
def test_a_known_displacement_comes_back(pair, tmp_path, truth):
    result, saved = solved(pair(*truth), tmp_path)
    # white noise of 1 % of the contrast on 70000 pixels allows far less than .005 px
    assert wrong(saved.correction, saved.reference.grid, *truth) < 0.005
    assert result.accepted == 1 and saved.accepted
    assert result.rmse_after < 0.05 < result.rmse_before
    assert result.reliability > 60 and result.points >= 12
    assert result.rotation == pytest.approx(truth[0], abs=0.005)
    assert (result.shift_x, result.shift_y) == pytest.approx(truth[1:], abs=0.005)
    assert (result.shift_east, result.shift_north) == pytest.approx(
        (10 * truth[1], -10 * truth[2]), abs=0.05
    )


@pytest.mark.parametrize("model", ["translation", "similarity", "affine"])
def test_every_linear_model_finds_a_shift(pair, tmp_path, model):
    result, saved = solved(pair(), tmp_path, model=model)
    assert result.model_used == model
    assert wrong(saved.correction, saved.reference.grid, 0, 3.4, -2.2) < 0.01
    assert result.scale == pytest.approx(1.0, abs=2e-4)


def test_the_corrected_image_shows_what_the_reference_shows(pair, tmp_path, read_back):
    output = str(tmp_path / "out" / "o.tif")
    run(Request(**pair(0.15, 2.3, 1.6), output=output, resampling="bspline"))
    found = read_back(output)
    ideal = 1.1 * scene(*pixels()) + 60
    inner = (slice(12, -12), slice(12, -12))
    rest = (found.values[0] - ideal)[inner]
    # noise has a deviation of 2, and .01 px on the steepest edges would be 2 more
    assert rest.std() < 3.5 and abs(rest.mean()) < 0.1
    assert found.transform == NORTH_UP or found.transform is not None
    assert open_image(output).grid == open_image(str(tmp_path / "mov.tif")).grid


def test_estimate_and_apply_give_the_same_pixels_as_one_run(pair, tmp_path, read_back):
    one, two = str(tmp_path / "one.tif"), str(tmp_path / "two.tif")
    given = pair(0.15, 2.3, 1.6)
    transform = str(tmp_path / "t.json")
    run(Request(**given, output=one, transform=transform))
    applytransform.run(
        applytransform.Request(image=given["moving"], transform=transform, output=two)
    )
    np.testing.assert_array_equal(read_back(one).values, read_back(two).values)


def test_the_grid_of_the_reference_can_be_asked_for(pair, tmp_path, read_back, write):
    given = pair()
    x, y = pixels((150, 160))
    small = scene(*back(x + 60, y + 50, 0, 3.4, -2.2)) + 60
    at = (500600.0, 10.0, 0.0, 5000000.0 - 500.0, 0.0, -10.0)
    transform = open_image(given["reference"]).grid.transform
    at = (transform[0] + 600, transform[1], 0.0, transform[3] - 500, 0.0, transform[5])
    given["moving"] = write("small.tif", small.astype("float32"), transform=at)
    output = str(tmp_path / "o.tif")
    run(Request(**given, output=output, output_grid="reference"))
    offset = open_image(given["reference"]).grid.offset(open_image(output).grid)
    # 3.4 px to the right and 2.2 up in the moving image, so it lies that much left and below
    assert offset == (56, 52)
    found = read_back(output)
    ideal = scene(*(np.array(pixels(found.valid.shape)) + np.array([56, 52])[:, None, None])) + 60
    inner = np.zeros_like(found.valid)
    inner[8:-8, 8:-8] = True
    rest = (found.values[0] - ideal)[inner & found.valid]
    assert rest.std() < 12  # cubic convolution dampens the finest detail


def test_windows_and_threads_do_not_change_the_result(pair, tmp_path):
    given, found = pair(0.15, 2.3, 1.6), []
    for number, how in enumerate(
        ({"threads": 1}, {"threads": 4}, {"threads": 1, "window_size": 128})
    ):
        output = str(tmp_path / f"{number}.tif")
        path = str(tmp_path / f"{number}.json")
        run(Request(**given, output=output, transform=path, **how))
        correction = read_transform(path).correction
        found.append((correction.linear, open_image(output).read(open_image(output).grid.window)))
    assert found[0][0] == found[1][0] == found[2][0]
    for _, values in found[1:]:
        np.testing.assert_array_equal(values.values, found[0][1].values)


@pytest.mark.parametrize("value", [-9999.0, 0.0, 65535.0, math.nan])
def test_what_invalid_pixels_hold_changes_nothing(pair, write, tmp_path, value):
    given = pair()
    holes = np.zeros(SIZE, bool)
    holes[40:110, 60:150] = holes[200:, :70] = True
    results = []
    for held in (-1.0, value):
        moving = np.where(holes, held, moving_values()).astype("float32")
        reference = np.where(np.roll(holes, 40, 1), held, reference_values()).astype("float32")
        files = {
            "moving": write(f"m{held}.tif", moving, nodata=held),
            "reference": write(f"r{held}.tif", reference, nodata=held),
        }
        results.append(solved(files, tmp_path)[1].correction.linear)
    assert results[0] == results[1]
    assert given


def test_nodata_can_be_told_and_masks_leave_pixels_out(write, tmp_path):
    moving, reference = moving_values().copy(), reference_values().copy()
    cloud = np.zeros(SIZE, bool)
    cloud[60:200, 60:130] = True
    # a bright "cloud" that moves by another shift
    moving[cloud] = 2500 + 300 * np.sin(np.arange(cloud.sum()) / 3)
    moving[:30] = 7.0
    files = {
        "moving": write("m.tif", moving.astype("float32")),
        "reference": write("r.tif", reference.astype("float32")),
        "moving_mask": write("mask.tif", cloud.astype("uint8")),
        "moving_nodata": "7, nan",
    }
    result, saved = solved(files, tmp_path)
    assert result.accepted == 1
    assert wrong(saved.correction, saved.reference.grid, 0, 3.4, -2.2) < 0.01


def test_polygons_are_masks_too(pair, tmp_path):
    box = "[[[500000,5000000],[500900,5000000],[500900,4999000],[500000,4999000],[500000,5000000]]]"
    polygons = tmp_path / "clouds.geojson"
    polygons.write_text(
        '{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":'
        '"urn:ogc:def:crs:EPSG::32633"}},"features":[{"type":"Feature","properties":{},'
        f'"geometry":{{"type":"Polygon","coordinates":{box}}}}}]}}',
        encoding="utf-8",
    )
    given = pair(transform=NORTH_UP)
    path = str(tmp_path / "kp.gpkg")
    result, _ = solved({**given, "reference_mask": str(polygons)}, tmp_path, key_points=path)
    assert result.accepted == 1
    from orthoweave.core.exchange.layer import read_key_points

    points = read_key_points(path, open_image(given["reference"]).grid)
    # the first 90 columns of 100 rows are masked: nothing was matched inside
    inside = (points.x0 < 45) & (points.y0 < 45)
    assert not points.used[inside].any()


TRANSFORMS = {
    "south-up": (500000.0, 10.0, 0.0, 4997500.0, 0.0, 10.0),
    "rotated": (500000.0, 8.660254037844387, 5.0, 5000000.0, 5.0, -8.660254037844387),
}


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_axes_of_the_pixels_do_not_matter(pair, tmp_path, kind):
    result, saved = solved(pair(0.15, 2.3, 1.6, transform=TRANSFORMS[kind]), tmp_path)
    assert result.model_used == "rigid"
    assert wrong(saved.correction, saved.reference.grid, 0.15, 2.3, 1.6) < 0.005
    # as seen on the map, a turn in south-up pixels goes the other way round
    assert result.rotation == pytest.approx(-0.15 if kind == "south-up" else 0.15, abs=0.005)


def test_degrees_are_turned_as_metres(pair, tmp_path, write):
    """At 60 degrees north a degree of longitude is half as long: pixels 2:1 are squares."""
    at = (10.0, 0.0002, 0.0, 60.0, 0.0, -0.0001)
    result, saved = solved(pair(0.3, 2.3, 1.6, transform=at, crs="EPSG:4326"), tmp_path)
    assert result.model_used == "rigid" and result.accepted == 1
    assert wrong(saved.correction, saved.reference.grid, 0.3, 2.3, 1.6) < 0.03
    assert result.rotation == pytest.approx(0.3, abs=0.01)


def test_other_pixel_sizes_and_crs_are_met_through_the_map(pair, write, tmp_path):
    given = pair(transform=NORTH_UP)
    y, x = np.mgrid[0:125, 0:140] * 2.0
    fine = [scene(*back(x + a, y + b, 0, 3.4, -2.2)) for a in (0, 1) for b in (0, 1)]
    coarse = (sum(fine) / 4).astype("float32")
    twice = (500000.0, 20.0, 0.0, 5000000.0, 0.0, -20.0)
    given["moving"] = write("coarse.tif", coarse, transform=twice)
    result, saved = solved(given, tmp_path)
    assert result.accepted == 1
    # .05 px of the coarser pixel
    assert wrong(saved.correction, saved.reference.grid, 0, 3.4, -2.2) < 0.05


def test_another_utm_zone_is_no_obstacle(pair, write, tmp_path):
    from osgeo import gdal

    given = pair(transform=NORTH_UP)
    other = str(tmp_path / "other.tif")
    done = gdal.Warp(
        other,
        given["moving"],
        dstSRS="EPSG:32632",
        resampleAlg="lanczos",
        xRes=10,
        yRes=10,
        dstNodata=0,
        errorThreshold=0,
    )
    del done
    result, saved = solved({**given, "moving": other}, tmp_path)
    assert result.accepted == 1
    # resampling by Lanczos dampens and displaces the finest detail by hundredths of a pixel
    assert wrong(saved.correction, saved.reference.grid, 0, 3.4, -2.2) < 0.03


def test_an_image_lies_on_itself(write, tmp_path, read_back):
    path = write("one.tif", np.rint(reference_values()).astype("uint16"))
    output = str(tmp_path / "o.tif")
    result = run(Request(moving=path, reference=path, output=output, resampling="nearest"))
    assert math.hypot(result.shift_x, result.shift_y) < 0.001
    assert "already aligned" in result.reason and result.accepted == 1
    np.testing.assert_array_equal(read_back(output).values, read_back(path).values)


def test_an_image_of_oblong_pixels_lies_on_itself(write, tmp_path):
    # its lattice has squares, so that the reference is resampled: by a spline, not by averages,
    # which are smoother than the moving image and left .01 px
    oblong = (500000.0, 10.0, 0.0, 5000000.0, 0.0, -9.9)
    path = write("one.tif", np.rint(reference_values()).astype("uint16"), transform=oblong)
    result = run(Request(moving=path, reference=path))
    assert math.hypot(result.shift_x, result.shift_y) < 0.001
    assert "already aligned" in result.reason and result.rmse_before < 0.005


def test_what_a_model_too_simple_leaves_is_not_hidden(write, tmp_path):
    ndimage = pytest.importorskip("scipy.ndimage")
    size = (400, 640)
    x, y = pixels(size)
    wide = np.random.default_rng(3).standard_normal((480, 720))
    wide = 1000 + 800 * ndimage.gaussian_filter(wide, 1.8)
    shown_x, shown_y = turned(x, y, -0.9, 0, 0, size)
    still, shown = wide[40:-40, 40:-40], ndimage.map_coordinates(wide, (shown_y + 40, shown_x + 40))
    options = {
        "reference": write("ref.tif", still.astype("float32")),
        "moving": write("mov.tif", shown.astype("float32")),
    }
    how = {"model": "translation", "metric": "ncc", "refused": "force"}
    found, saved = solved(options, tmp_path, **how)
    px, py = turned(x, y, 0.9, 0, 0, size)
    dx, dy = saved.correction.displacements(saved.reference.grid, x, y)
    truth = math.sqrt(np.mean((x + dx - px) ** 2 + (y + dy - py) ** 2))
    # corners are displaced by 6 px, more than is searched for what a good model leaves: left out,
    # they made the residual smaller by half; a few check windows stand for the whole area
    assert found.rmse_after == pytest.approx(truth, rel=0.25) and truth > 3


def test_values_beyond_the_output_type_are_told(pair, tmp_path, listen):
    heard = listen()
    run(Request(**pair(), output=str(tmp_path / "o.tif"), output_type="uint8"), heard)
    assert any("were beyond uint8 and were cut" in text for text in heard.warnings)


def test_inverted_contrast_is_no_obstacle(pair, write, tmp_path):
    given = pair()
    dark = ((2500 - moving_values()) / 2500) ** 0.6 * 2500
    given["moving"] = write("dark.tif", dark.astype("float32"))
    result, saved = solved(given, tmp_path)
    assert result.accepted == 1
    assert wrong(saved.correction, saved.reference.grid, 0, 3.4, -2.2) < 0.01


def bent(x, y, sign=1.0):
    """A smooth warp of up to 1.5 px."""
    dx = 1.5 * np.sin(x / 40 + 0.3) * np.cos(y / 35)
    dy = 1.5 * np.cos(x / 37) * np.sin(y / 42 + 0.8)
    return x + sign * dx, y + sign * dy


def test_a_smooth_warp_needs_the_local_model(write, tmp_path):
    pytest.importorskip("scipy")
    x, y = pixels()
    px, py = x, y
    for _ in range(30):
        qx, qy = bent(px, py)
        px, py = px + x - qx, py + y - qy
    files = {
        "moving": write("m.tif", (scene(px, py) + noise(2)).astype("float32")),
        "reference": write("r.tif", reference_values().astype("float32")),
    }
    result, saved = solved(files, tmp_path, model="local", grid_spacing=16)
    assert result.model_used == "local" and saved.correction.field is not None
    a, b = (part[20:-20:8, 20:-20:8] for part in pixels())
    dx, dy = saved.correction.displacements(saved.reference.grid, a, b)
    want = bent(a, b)
    rest = np.hypot(a + dx - want[0], b + dy - want[1])
    # .05 px is asked of a warp that is harder than this one
    assert np.sqrt(np.mean(rest**2)) < 0.05
    assert result.rmse_after < 0.3 * result.rmse_before


def test_holes_of_the_moving_image_can_be_filled(pair, write, tmp_path):
    given = pair()
    holes = np.random.default_rng(3).random(SIZE) < 0.002
    moving = np.where(holes, 0, moving_values()).astype("float32")
    given["moving"] = write("speckled.tif", moving, nodata=0)
    points = [solved(given, tmp_path, mutual_mask=mutual)[0] for mutual in (True, False)]
    assert points[1].n_points >= points[0].n_points and points[1].accepted == 1


def test_real_dates_are_found_aligned_and_a_bare_file_gets_its_sentence(shared, tmp_path):
    folder = shared / "versailles_s2_l8"
    first = str(next(folder.glob("2019-07-03*L1C*B04.tif")))
    other = str(next(folder.glob("2019-07-08*L1C*B04.tif")))
    result, _ = solved({"moving": other, "reference": first}, tmp_path)
    assert result.accepted == 1
    # the authors of the set have registered it (its README: at most .07 px)
    assert math.hypot(result.shift_x, result.shift_y) < 0.1
    bare = str(next(folder.glob("2019-07-04_L8*B04.tif")))
    request_error({"moving": bare, "reference": first}, "has no coordinate reference system")


def unrelated(write):
    rng = np.random.default_rng(5)
    other = scene(*(np.array(pixels()) + 5000.0), seed=2)
    return {
        "places": other,
        "noise": 1000 + 200 * rng.standard_normal(SIZE),
        "sea": np.full(SIZE, 500.0) + 0.5 * rng.standard_normal(SIZE),
    }


@pytest.mark.parametrize("kind", ["places", "noise", "sea"])
def test_what_does_not_belong_together_is_refused(pair, write, tmp_path, kind):
    given = pair()
    given["moving"] = write(f"{kind}.tif", unrelated(write)[kind].astype("float32"))
    output, transform = tmp_path / "o.tif", tmp_path / "t.json"
    report = tmp_path / "r.html"
    with pytest.raises(NoSolution, match="windows agree|refused|limit|no structure|valid"):
        run(
            Request(
                **given,
                output=str(output),
                transform=str(transform),
                report=str(report),
                max_rotation=0.0,
            )
        )
    assert not output.exists() and report.exists()
    saved = json.loads(transform.read_text(encoding="utf-8"))
    assert saved["accepted"] is False and saved["reason"]


def test_the_command_line_ends_with_1_when_a_result_is_refused(pair, write, capsys):
    given = pair()
    given["moving"] = write("noise.tif", unrelated(write)["noise"].astype("float32"))
    status = cli.main(
        [
            *("coregister", "--moving", given["moving"], "--reference", given["reference"]),
            *("--max-rotation", "0"),
        ]
    )
    assert status == 1
    assert "windows agree" in capsys.readouterr().err


@pytest.mark.parametrize("refused", ["unchanged", "force"])
def test_a_refused_result_can_be_written_with_a_warning(
    pair, write, tmp_path, listen, read_back, refused
):
    given = pair()
    values = unrelated(write)["places"].astype("float32")
    given["moving"] = write("other.tif", values)
    heard = listen()
    output = str(tmp_path / "o.tif")
    result = run(Request(**given, output=output, refused=refused, max_rotation=0), heard)
    assert result.accepted == 0 and any("REFUSED" in text for text in heard.warnings)
    if refused == "unchanged":
        np.testing.assert_array_equal(read_back(output).values[0], values)


def test_a_shift_beyond_the_search_is_refused(pair, tmp_path):
    with pytest.raises(NoSolution):
        run(Request(**pair(0.0, 25.3, -18.7), max_shift=100.0, max_rotation=0))


def test_only_the_geotransform_changes_when_asked(pair, tmp_path, read_back):
    given = pair(0.15, 2.3, 1.6, transform=NORTH_UP)
    output = str(tmp_path / "placed.tif")
    result = run(Request(**given, output=output, correction="geotransform"))
    found = read_back(output)
    np.testing.assert_array_equal(found.values, read_back(given["moving"]).values)
    # what the moving image shows at T(X) now lies at X
    grid, truth = open_image(output).grid, open_image(given["reference"]).grid
    x, y = (part[::40, ::40] for part in pixels())
    shown = turned(x, y, 0.15, 2.3, 1.6)
    col, row = truth.to_pixel(*grid.to_map(shown[0] + 0.5, shown[1] + 0.5))
    assert np.abs(col - 0.5 - x).max() < 0.01 and np.abs(row - 0.5 - y).max() < 0.01
    assert result.accepted == 1 and grid.rotated


def test_valid_zeros_stay_valid_and_no_nodata_value_is_invented(pair, write, tmp_path, read_back):
    given = pair()
    whole = np.clip(np.rint(0.3 * moving_values() - 230), 0, 255).astype("uint8")
    assert (whole == 0).any()
    given["moving"] = write("bytes.tif", whole)
    output = str(tmp_path / "o.tif")
    run(Request(**given, output=output))
    found = read_back(output)
    assert found.nodata is None
    inner = (slice(10, -10), slice(10, -10))
    assert found.valid[inner].all() and (found.values[0][inner] == 0).any()


def test_whole_numbers_are_rounded_and_not_cut(pair, write, tmp_path, read_back):
    given = pair()
    given["moving"] = write("int.tif", np.rint(moving_values()).astype("uint16"))
    output, exact = str(tmp_path / "o.tif"), str(tmp_path / "f.tif")
    run(Request(**given, output=output))
    run(Request(**given, output=exact, output_type="float32"))
    rest = read_back(output).values[0].astype(float) - read_back(exact).values[0]
    inner = rest[10:-10, 10:-10]
    assert np.abs(inner).max() <= 0.5 and abs(inner.mean()) < 0.02


def test_key_points_tell_every_window_and_can_be_fed_back(pair, tmp_path):
    from orthoweave.core.exchange.layer import read_key_points

    given = pair()
    path = str(tmp_path / "kp.gpkg")
    result, _ = solved(given, tmp_path, key_points=path)
    points = read_key_points(path, open_image(given["reference"]).grid)
    assert len(points) >= result.points > 10
    used = points.chosen(points.used)
    assert np.median(used.dx) == pytest.approx(3.4, abs=0.05)
    again, saved = solved(given, tmp_path, tie_points=path, tie_point_use="only")
    assert again.metric_used == "tie points" and again.accepted == 1
    assert wrong(saved.correction, saved.reference.grid, 0, 3.4, -2.2) < 0.03
    added, saved = solved(given, tmp_path, tie_points=path)
    assert wrong(saved.correction, saved.reference.grid, 0, 3.4, -2.2) < 0.005
    start, saved = solved(given, tmp_path, tie_points=path, tie_point_use="start")
    assert wrong(saved.correction, saved.reference.grid, 0, 3.4, -2.2) < 0.005


def test_a_gross_error_among_given_points_changes_nothing(pair, tmp_path):
    given = pair(transform=NORTH_UP)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(10, 240, (2, 40))
    rows = ["mapX,mapY,sourceX,sourceY,enable,dX,dY,residual"]
    grid = open_image(given["reference"]).grid
    for number, (a, b) in enumerate(zip(x, y)):
        true = grid.to_map(a + 0.5, b + 0.5)
        off = (3.4, -2.2) if number else (53.4, -2.2)
        shown = grid.to_map(a + 0.5 + off[0], b + 0.5 + off[1])
        enable = 0 if number == 39 else 1
        rows.append(f"{true[0]},{true[1]},{shown[0]},{shown[1]},{enable},0,0,0")
    path = tmp_path / "a.points"
    path.write_text("\n".join(rows), encoding="utf-8")
    _, saved = solved(given, tmp_path, tie_points=str(path), tie_point_use="only")
    assert wrong(saved.correction, saved.reference.grid, 0, 3.4, -2.2) < 0.01


def test_diagnostics_show_what_was_matched(pair, tmp_path, read_back):
    folder = tmp_path / "diag"
    solved(pair(), tmp_path, diagnostics_folder=str(folder))
    names = sorted(path.name for path in folder.glob("*.tif"))
    assert names == ["fixed_mask.tif", "fixed_reg.tif", "moving_mask.tif", "moving_reg.tif"]
    assert read_back(str(folder / "fixed_reg.tif")).values.shape == (1, *SIZE)


def test_the_report_is_one_file_with_its_sentence(pair, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "r.html"
    run(Request(**pair(), report=str(path)))
    text = path.read_text(encoding="utf-8")
    assert "The correction was accepted" in text and "Overlay before and after" in text
    assert "<script" not in text and "http" not in text.split("<h2>Request")[0]
    assert len(text) < 2_500_000


def test_bands_keep_what_they_say_in_folders_of_200_letters(pair, tmp_path):
    files = pair()
    opened = gdal.Open(files["moving"], gdal.GA_Update)
    band = opened.GetRasterBand(1)
    band.SetDescription("near infrared")
    band.SetScale(0.0001)
    band.SetOffset(-0.1)
    band.SetMetadata({"wavelength": "842", "STATISTICS_MEAN": "7"})
    del band, opened
    folder = tmp_path
    while len(str(folder)) < 200:
        folder = folder / "Überflug vom 3. Mai, 2. Teil"
    output = str(folder / "bewegt ä.tif")
    run(Request(**files, output=output, transform=str(folder / "t ö.json"), model="translation"))
    opened = gdal.Open(output)
    band = opened.GetRasterBand(1)
    told = (band.GetDescription(), band.GetScale(), band.GetOffset())
    assert told == ("near infrared", 0.0001, -0.1)
    assert band.GetMetadataItem("wavelength") == "842"
    assert band.GetMetadataItem("STATISTICS_MEAN") != "7"


def test_a_local_field_without_support_becomes_an_affine(pair, tmp_path, listen, monkeypatch):
    pytest.importorskip("scipy")
    monkeypatch.setattr(solve, "SUPPORTED", 1.01)
    heard = listen()
    result, _ = solved(pair(0.15, 2.3, 1.6), tmp_path, heard, model="local")
    assert result.model_used == "affine" and result.accepted
    assert any("affine instead of local" in text for text in heard.warnings)


def test_dates_ten_years_apart_are_put_in_place(shared, tmp_path):
    """Single windows are doubtful; many that agree are not."""
    name = "naip_nd/m_4709963_se_14_1_{}_west.tif"
    dates = [shared / name.format(date) for date in ("20090818", "20190904")]
    if not all(path.is_file() for path in dates):
        pytest.skip("the dates are absent")
    moving, reference = map(str, dates)
    result = run(Request(moving=moving, reference=reference, threads=1))
    assert result.accepted and result.rmse_after <= result.rmse_before
    # by way of 2012 it is (-.16, -.30)
    assert (result.shift_x, result.shift_y) == pytest.approx((-0.08, -0.30), abs=0.2)


def test_edges_are_trimmed_when_asked(pair, write, tmp_path, read_back):
    given = pair()
    moving = moving_values().copy()
    moving[100:120, 100:130] = 0
    given["moving"] = write("holed.tif", moving.astype("float32"), nodata=0)
    outputs = []
    for trim in (False, True):
        output = str(tmp_path / f"{trim}.tif")
        run(Request(**given, output=output, edge_trim=trim, edge_trim_depth=5))
        outputs.append(read_back(output).valid)
    assert outputs[1].sum() < outputs[0].sum()
    assert not (outputs[1] & ~outputs[0]).any()


def test_a_model_without_support_is_lowered_and_says_so(write, pair, tmp_path, listen):
    given = pair()
    holes = np.ones(SIZE, bool)
    holes[62:112, 72:124] = False
    reference = np.where(holes, 0, reference_values()).astype("float32")
    given["reference"] = write("small.tif", reference, nodata=0)
    heard = listen()
    result, _ = solved(given, tmp_path, heard, model="affine", window_size_match=32)
    assert result.model_used in ("rigid", "translation")
    assert any("instead of affine" in text for text in heard.warnings)


@pytest.mark.parametrize("after", [0, 2, 4, 6])
def test_a_stopped_run_leaves_nothing(pair, tmp_path, listen, after):
    output = tmp_path / "o.tif"
    with pytest.raises(Cancelled):
        run(Request(**pair(), output=str(output)), listen(cancel_after=after))
    assert not list(tmp_path.glob("o.*")) and not list(tmp_path.glob(".o.*"))


def request_error(options, match):
    with pytest.raises((InvalidOption, IncompatibleImages, NoSolution), match=match):
        run(Request(**options))


def test_bad_input_gets_its_sentence(pair, write, tmp_path):
    given = pair()
    bare = write("bare.tif", reference_values().astype("float32"), crs=None, transform=None)
    far = (900000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)
    away = write("away.tif", reference_values().astype("float32"), transform=far)
    flat = write("flat.tif", np.full(SIZE, 3.0, "float32"))
    points = tmp_path / "few.points"
    points.write_text("mapX,mapY,sourceX,sourceY\n500100,4999900,500110,4999900\n", "utf-8")
    cases = [
        ({"moving": bare}, "has no coordinate reference system. Assign one"),
        ({"moving_band": 5}, "MOVING_BAND is 5 but mov.tif has 1 band"),
        ({"moving": away}, "do not overlap, even allowing MAX_SHIFT"),
        ({"moving": flat}, "flat.tif band 1 shows no structure in the overlap"),
        ({"output": given["moving"]}, "Output would overwrite the input mov.tif"),
        ({"tie_points": str(points), "tie_point_use": "only"}, "1 enabled point; rigid needs 3"),
        ({"tie_points": str(points), "tie_point_use": "only", "model": "translation"}, "needs 3"),
        ({"tie_point_use": "only"}, "TIE_POINT_USE = only needs the key points"),
        ({"solve_resolutions": (40.0, -5.0)}, "Pixel sizes of the solve: -5 is not 0 or a pixel"),
        (
            {"transform": str(tmp_path / "a.tif"), "output": str(tmp_path / "a.tif")},
            r"would both be written as a\.tif\. Give each its own name",
        ),
    ]
    for options, match in cases:
        request_error({**given, **options}, match)
    half = np.where(np.arange(SIZE[1]) < 200, 0, reference_values()).astype("float32")
    holed = write("half.tif", half, nodata=0)
    request_error({**given, "reference": holed, "min_valid_fraction": 0.9}, "MIN_VALID_FRACTION")
    with pytest.raises(InvalidOption, match="A local field cannot be stored in a geotransform"):
        Request(**given, model="local", correction="geotransform")
    with pytest.raises(InvalidOption, match="Matching window: 8 is below 16"):
        Request(**given, window_size_match=8)


def test_the_operation_tells_what_it_needs():
    assert coregister.NEEDS[0] == ("all models but local", ())
