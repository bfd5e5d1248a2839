# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import (
    Cancelled,
    ImageIOError,
    IncompatibleImages,
    InvalidOption,
    NoSolution,
)
from orthoweave.core.exchange import results
from orthoweave.core.exchange.configuration import read_configuration
from orthoweave.core.exchange.layer import read_key_points
from orthoweave.core.operations.shiftanalysis import Request, run
from orthoweave.core.raster import open_image

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")

SIDE, BORDER = 300, 40
UTM = (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)


def canvas(seed=3, side=SIDE + 2 * BORDER):
    """A periodic texture of all sizes, mean 1000, standard deviation 200."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :]
    radius = np.hypot(fx, fy)
    weight = np.exp(-((radius / 0.2) ** 2)) / np.maximum(radius, 0.01)
    found = np.fft.ifft2(np.fft.fft2(rng.standard_normal((side, side))) * weight).real
    return 1000 + 200 * (found - found.mean()) / found.std()


def moved(ground, dx, dy):
    """The ground shifted right by dx and down by dy, exactly."""
    fy, fx = np.fft.fftfreq(ground.shape[0])[:, None], np.fft.fftfreq(ground.shape[1])[None, :]
    phase = np.exp(-2j * np.pi * (fx * dx + fy * dy))
    return np.fft.ifft2(np.fft.fft2(ground) * phase).real


def cut(ground):
    return ground[BORDER:-BORDER, BORDER:-BORDER]


def warped(ground, function):
    """The middle of the ground seen through displacements (dx, dy) = function(x, y)."""
    ndimage = pytest.importorskip("scipy.ndimage", reason="warping needs SciPy")
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    dx, dy = function(x, y)
    # to first order: the moving image at p shows what the reference shows at p - d(p)
    at = (y - dy + BORDER, x - dx + BORDER)
    return ndimage.map_coordinates(ground, at, order=5, mode="wrap")


@pytest.fixture
def pair(write):
    """Write reference and moving image: pair(dx, dy, dtype="uint16", **how) -> their paths."""

    def make(dx=3.0, dy=2.0, dtype="uint16", **how):
        ground = canvas()
        images = (cut(ground), cut(moved(ground, dx, dy)))
        values = [i if np.dtype(dtype).kind == "f" else np.rint(i) for i in images]
        names = how.pop("files", ("reference.tif", "moving.tif"))
        return tuple(write(n, v.astype(dtype), **how) for n, v in zip(names, values))

    return make


@pytest.fixture
def without_figures(monkeypatch):
    """Leave the figures out, which take most of the time."""
    monkeypatch.setattr(results, "write_figures", lambda *_: ())


@pytest.fixture
def analyze(tmp_path, without_figures, listen):
    """Run: analyze((reference, moving), **options) -> result; `analyze.heard` has listened."""

    def call(images, **how):
        call.heard = listen()
        reference, moving = images
        folder = how.pop("output_folder", str(tmp_path / "out"))
        request = Request(moving=moving, reference=reference, output_folder=folder, **how)
        return run(request, call.heard)

    return call


def rows(folder):
    (path,) = Path(folder).glob("KLT_matcher_*.csv")
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def column(folder, name):
    return np.array([float(row[name] or "nan") for row in rows(folder)])


def statistics(result):
    return json.loads(Path(result.statistics).read_text(encoding="utf-8"))


def test_right_and_down_are_positive_and_every_file_is_written(pair, tmp_path, listen):
    reference, moving = pair(3, 2)
    heard = listen()
    result = run(
        Request(
            moving=moving,
            reference=reference,
            output_folder=str(tmp_path / "out"),
            report=str(tmp_path / "r.html"),
            key_points=str(tmp_path / "k.gpkg"),
            key_points_mask=True,
            title_prefix="A prefix longer than KARIOS's twenty-six characters",
        ),
        heard,
    )
    # rounding to whole counts of a texture of 200 is 1/700 of its contrast
    assert (result.median_dx, result.median_dy) == pytest.approx((3, 2), abs=0.005)
    assert (result.shift_x, result.shift_y) == (result.median_dx, result.median_dy)
    assert (result.shift_east, result.shift_north) == pytest.approx((30, -20), abs=0.05)
    assert result.points == result.n_key_points > 100
    assert result.ce90 == pytest.approx(np.hypot(3, 2), abs=0.02)
    assert result.ce90_map == pytest.approx(10 * result.ce90)
    assert (result.rotation, result.scale) == pytest.approx((0, 1), abs=1e-3)
    assert result.passed == 0 and result.verdict.startswith("Constant shift. The moving image")
    folder = Path(result.output_folder)
    assert folder == tmp_path / "out" / "moving_reference"
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "KLT_matcher_moving_reference.csv", "correl_res.txt", "kp_delta.json", "kp_mask.tif",
        "key_points.points", "processing_configuration.json", "report.html", "statistics.json",
        "shiftanalysis.orthoweave.json",
    }  # fmt: skip
    assert "key_points.gpkg" not in names and Path(result.key_points).is_file()
    assert not [path for path in tmp_path.rglob("*") if "partial" in path.name]
    head, line = (folder / "correl_res.txt").read_text(encoding="utf-8").splitlines()
    numbers = dict(zip(head.split(), line.split()))
    assert (numbers["refImg"], numbers["secImg"]) == ("reference.tif", "moving.tif")
    assert float(numbers["mean_y"]) == pytest.approx(-2, abs=0.01)  # north-positive with a CRS
    assert float(numbers["mean_x"]) == pytest.approx(3, abs=0.01)
    assert int(numbers["sample_pixel"]) == result.n_key_points
    assert heard.warnings == []
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1.0


def test_figures_and_report_show_the_pair(pair, tmp_path):
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    reference, moving = pair(0.3, -0.2)
    result = run(Request(moving=moving, reference=reference, output_folder=str(tmp_path)))
    drawn = sorted(path.name for path in Path(result.output_folder).glob("*.png"))
    assert drawn == ["01_overview.png", "02_dx.png", "03_dy.png", "04_ce.png", "05_field.png"]
    page = Path(result.report).read_text(encoding="utf-8")
    assert len(page) < 2_000_000 and page.count("<svg") == 5 and "<script" not in page
    for part in ("Agrees.", "KLT_matcher_moving_reference.csv", "ZNCC", ">qgis_process<"):
        assert part in page


def test_statistics_hold_everything_and_the_configuration_reads_back(pair, analyze):
    result = analyze(pair(0.4, 0.1), max_points=300, outliers="global")
    found = statistics(result)
    assert found["version"] == 1 and found["verdict"]["class"] == "agrees"
    assert found["counts"]["used"] == result.n_key_points == found["accuracy"]["n"]
    assert found["accuracy"]["pixels"]["x"]["median"] == pytest.approx(result.median_dx)
    assert len(found["zones"]) == 9 and found["altitude"] is None
    assert found["grids"]["reference"] == {
        "width": SIDE, "height": SIDE, "transform": list(UTM), "crs": "EPSG:32633"
    }  # fmt: skip
    assert found["options"]["max_points"] == 300
    assert found["measurement"]["method"] in ("key_points", "phase_correlation")
    path = Path(result.output_folder) / "processing_configuration.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    klt = written["processing_configuration"]["klt_matching"]
    assert (klt["maxCorners"], klt["outliers_filtering"]) == (300, True)
    ours = written["orthoweave"]
    assert ours["request"]["max_points"] == 300 and ours["measured"]["support"] > 0
    assert read_configuration(str(path)).values["max_points"] == 300


def test_a_configuration_gives_what_the_request_leaves_to_its_default(pair, analyze, tmp_path):
    path = tmp_path / "c.json"
    klt = {"minDistance": 30, "maxCorners": 60, "xStart": 150}
    path.write_text(json.dumps({"processing_configuration": {"klt_matching": klt}}))
    images = pair(1.2, 0.5)
    found = analyze(images, configuration=str(path))
    assert found.n_key_points <= 60
    assert column(found.output_folder, "x0").min() >= 150
    won = analyze(images, configuration=str(path), max_points=30, min_distance=12)
    assert won.n_key_points <= 30
    found = statistics(won)["options"]
    assert (found["min_distance"], found["max_points"], found["first_column"]) == (12, 30, 150)


def test_a_total_displacement_stands_in_every_file(pair, analyze):
    result = analyze(pair(23.0, -17.0), no_value=())
    folder = result.output_folder
    for name, truth in (
        ("dx", 23), ("dy", -17), ("radial error", np.hypot(23, 17)),
        ("angle", np.degrees(np.arctan2(-17, 23))),
    ):  # fmt: skip
        assert np.abs(column(folder, name) - truth).max() < 0.1, name
    layer = read_key_points(result.key_points)
    used = layer.chosen(layer.used)
    assert np.abs(used.dx - 23).max() < 0.1 and np.abs(used.dy + 17).max() < 0.1
    features = json.loads((Path(folder) / "kp_delta.json").read_text())["features"]
    assert {round(f["properties"]["dx"]) for f in features} == {23}
    told = "A large shift of (23, -17) px was found and taken into account."
    assert told in analyze.heard.infos and told in result.verdict


@pytest.mark.parametrize("kind", ["north-up", "rotated", "south-up", "geographic"])
def test_points_lie_at_pixel_centers_whatever_the_grid(kind, pair, analyze):
    transform, crs = {
        "north-up": (UTM, "EPSG:32633"),
        "rotated": ((500000.0, 8.0, 6.0, 5000000.0, 6.0, -8.0), "EPSG:32633"),
        "south-up": ((500000.0, 10.0, 0.0, 5000000.0, 0.0, 10.0), "EPSG:32633"),
        "geographic": ((15.0, 1e-4, 0.0, 45.0, 0.0, -1e-4), "EPSG:4326"),
    }[kind]
    result = analyze(pair(3, 2, transform=transform, crs=crs))
    data = json.loads((Path(result.output_folder) / "kp_delta.json").read_text())
    x, a, b, y, d, e = transform
    for row, feature in zip(rows(result.output_folder), data["features"]):
        col, line = float(row["x0"]) + 0.5, float(row["y0"]) + 0.5
        assert feature["geometry"]["coordinates"] == pytest.approx(
            [x + a * col + b * line, y + d * col + e * line], rel=1e-12
        )
    code = crs.partition(":")[2]
    assert data["crs"]["properties"]["name"] == f"urn:ogc:def:crs:EPSG::{code}"
    east, north = a * 3 + b * 2, d * 3 + e * 2
    if kind == "geographic":  # metres of a degree at 45 degrees north
        east, north = east * 78847, north * 111132
    assert (result.shift_east, result.shift_north) == pytest.approx((east, north), rel=0.01)


def test_geographic_and_projected_answers_agree_in_metres(pair, analyze):
    degree = (78847.0, 111132.0)  # metres of a degree of longitude and latitude at 45 degrees
    flat = analyze(pair(0.6, 0.3, transform=(5e5, 8.0, 0.0, 5e6, 0.0, -12.0)))
    transform = (15.0, 8 / degree[0], 0.0, 45.0, 0.0, -12 / degree[1])
    curved = analyze(pair(0.6, 0.3, transform=transform, crs="EPSG:4326"))
    assert curved.ce90_map == pytest.approx(flat.ce90_map, rel=0.01)
    assert flat.ce90_map == pytest.approx(np.hypot(0.6 * 8, 0.3 * 12), rel=0.02)


def test_without_crs_map_numbers_need_the_pixel_size(pair, analyze):
    images = pair(1.0, 0.5, transform=None, crs=None)
    plain = analyze(images)
    assert (plain.median_dx, plain.median_dy) == pytest.approx((1, 0.5), abs=0.005)
    assert plain.ce90_map is None and plain.shift_east is None
    assert not (Path(plain.output_folder) / "kp_delta.json").exists()
    line = (Path(plain.output_folder) / "correl_res.txt").read_text().splitlines()[-1]
    assert float(line.split()[-2]) == pytest.approx(0.5, abs=0.01)  # y down without CRS
    sized = analyze(images, pixel_size=2.5)
    assert sized.ce90_map == pytest.approx(2.5 * sized.ce90)
    assert (sized.shift_east, sized.shift_north) == pytest.approx((2.5, -1.25), abs=0.02)


def test_types_and_ranges_give_the_same_points(pair, analyze, write):
    ground = canvas()
    images = [cut(ground), cut(moved(ground, 0.7, -0.4))]
    found = {}
    for name, change in {
        "uint8": lambda v: np.rint(v / 8), "uint16": lambda v: np.rint(20 * v),
        "int16": lambda v: np.rint(10 * (v - 1500)), "float32": lambda v: v / 2000,
    }.items():  # fmt: skip
        paths = [write(f"{name}_{i}.tif", change(v).astype(name)) for i, v in enumerate(images)]
        folder = analyze(paths, zero_is_nodata=False).output_folder
        found[name] = {(r["x0"], r["y0"]): (float(r["dx"]), float(r["dy"])) for r in rows(folder)}
    for name, tolerance in (("int16", 0.01), ("float32", 0.01), ("uint8", 0.05)):
        common = found["uint16"].keys() & found[name].keys()
        # rounding to 8 bit may tip a threshold or the order of two equal corners
        assert len(common) > (0.95 if name != "uint8" else 0.6) * len(found["uint16"])
        off = [np.subtract(found["uint16"][at], found[name][at]) for at in common]
        assert np.abs(off).max() < 3 * tolerance and np.abs(off).mean() < tolerance


def test_pixels_that_mean_nothing_change_nothing_elsewhere(pair, analyze, write):
    ground = canvas()
    images = [cut(ground), cut(moved(ground, 0.7, -0.4))]
    clean = analyze([write(f"{i}.tif", v.astype("float32")) for i, v in enumerate(images)])
    points = {(r["x0"], r["y0"]) for r in rows(clean.output_folder)}
    spoiled = [image.copy() for image in images]
    spoiled[0][290, 290] = 65535
    spoiled[0][:, 250:] = -9999
    spoiled[1][:60] = np.nan
    spoiled[1][280:] = 0
    paths = [write(f"s{i}.tif", v.astype("float32")) for i, v in enumerate(spoiled)]
    result = analyze(paths, no_value=(-9999,))
    found = rows(result.output_folder)
    inside = [r for r in found if float(r["x0"]) < 250 and 60 <= float(r["y0"]) < 280]
    assert len(inside) == len(found)
    errors = np.hypot(column(result.output_folder, "dx") - 0.7,
                      column(result.output_folder, "dy") + 0.4)  # fmt: skip
    assert errors.max() < 0.1 and np.sqrt((errors**2).mean()) < 0.015
    # a measuring window (3 x 8 px) away from what was spoiled
    area = [p for p in points if float(p[0]) < 225 and 85 < float(p[1]) < 255]
    assert len([r for r in found if (r["x0"], r["y0"]) in area]) >= 0.96 * len(area)


def test_windows_and_threads_change_nothing(pair, analyze):
    images, found = pair(2.4, -1.3), []
    for how in ({"threads": 1}, {"threads": 4, "window_size": 128}):
        folder = analyze(images, **how).output_folder
        found.append([column(folder, name) for name in ("x0", "y0", "dx", "dy", "zncc_score")])
    assert np.array_equal(found[0][:2], found[1][:2])
    assert np.abs(np.subtract(found[0][2:4], found[1][2:4])).max() <= 1e-3
    assert found[1][4] == pytest.approx(found[0][4], abs=1e-3, nan_ok=True)


def test_inverted_contrast_is_found_and_told(write, analyze):
    ground = canvas()
    paths = [
        write("r.tif", cut(ground).astype("float32")),
        write("m.tif", (2000 - cut(moved(ground, 0.3, 0.2))).astype("float32")),
    ]
    result = analyze(paths)
    assert (result.median_dx, result.median_dy) == pytest.approx((0.3, 0.2), abs=0.01)
    assert "contrast of the moving image is inverted" in result.verdict
    assert statistics(result)["measurement"]["inverted"] is True


def test_masks_only_take_away(pair, analyze, write):
    images = pair(0.5, 0.5)
    mask = np.ones((SIDE // 2 + 10, SIDE // 2 + 10), "uint8")
    mask[:, 80:] = 0
    coarse = (499950.0, 20.0, 0.0, 5000050.0, 0.0, -20.0)
    path = write("mask.tif", mask, transform=coarse)
    result = analyze(images, mask=path)
    # the mask ends at 499950 + 80 * 20 m = column 155
    assert column(result.output_folder, "x0").max() < 155
    assert "mask does not cover" not in " ".join(analyze.heard.warnings)
    small = write("small.tif", mask[:60], transform=coarse)
    analyze(images, mask=small)
    assert any("does not cover the whole overlap" in text for text in analyze.heard.warnings)
    assert column(result.output_folder, "y0").max() < SIDE
    none = analyze(images, mask="-", dem="-")
    assert none.n_key_points > result.n_key_points


@pytest.mark.parametrize("crs", [32633, 4326])
def test_polygons_in_any_crs_include_or_exclude(crs, pair, analyze, tmp_path):
    from osgeo import ogr, osr

    target = osr.SpatialReference()
    target.ImportFromEPSG(crs)
    target.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    source = osr.SpatialReference()
    source.ImportFromEPSG(32633)
    box = "POLYGON((500000 5000000,501500 5000000,501500 4997000,500000 4997000,500000 5000000))"
    shape = ogr.CreateGeometryFromWkt(box)
    shape.Segmentize(100)
    shape.Transform(osr.CoordinateTransformation(source, target))
    path = str(tmp_path / "polygons.gpkg")
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(path)
    layer = dataset.CreateLayer("polygons", target, ogr.wkbPolygon)
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(shape)
    layer.CreateFeature(feature)
    del feature, layer, dataset
    images = pair(0.5, 0.5)
    kept = analyze(images, vector_mask=path)
    assert column(kept.output_folder, "x0").max() < 150
    rest = analyze(images, vector_mask=path, mask_mode="exclude")
    assert column(rest.output_folder, "x0").min() >= 150


def test_mask_and_polygons_hold_together(pair, analyze, write, tmp_path):
    from osgeo import ogr, osr

    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    path = str(tmp_path / "p.gpkg")
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(path)
    layer = dataset.CreateLayer("p", crs, ogr.wkbPolygon)
    feature = ogr.Feature(layer.GetLayerDefn())
    box = "POLYGON((500000 5000000,503000 5000000,503000 4998500,500000 4998500,500000 5000000))"
    feature.SetGeometry(ogr.CreateGeometryFromWkt(box))
    layer.CreateFeature(feature)
    del feature, layer, dataset
    mask = np.zeros((SIDE, SIDE), "uint8")
    mask[:, :170] = 1
    mask[100:, :] = 255
    result = analyze(pair(0.5, 0.5), vector_mask=path, mask=write("m.tif", mask, nodata=255))
    assert column(result.output_folder, "x0").max() < 170
    assert column(result.output_folder, "y0").max() < 100  # nodata of the mask is left out


def test_a_displacement_that_grows_with_height_is_found(write, analyze, monkeypatch):
    monkeypatch.undo()  # the figures are drawn here
    ground = canvas()
    y, x = np.mgrid[:SIDE, :SIDE]

    def rise(x, y):
        return 200 * np.sin(x / 45.0) * np.cos(y / 60.0)

    heights = 500 + rise(x, y)
    image = warped(ground, lambda x, y: (0.01 * rise(x, y), 0 * x))
    # a grid of its own: twice the pixel, half a pixel off
    coarse = heights[::2, ::2].astype("float32")
    dem = write("dem.tif", coarse, transform=(499995.0, 20.0, 0.0, 5000005.0, 0.0, -20.0))
    paths = [write("r.tif", cut(ground).astype("float32")), write("m.tif", image.astype("float32"))]
    result = analyze(paths, dem=dem, dem_description="made, in metres")
    found = statistics(result)["altitude"]
    assert found["depends"] is True
    assert found["slopes"]["dx"]["value"] == pytest.approx(1.0, rel=0.05)
    assert result.verdict.startswith("Height dependent.")
    if not pytest.importorskip("matplotlib"):
        return
    names = {path.name for path in Path(result.output_folder).glob("dem_*.png")}
    assert names == {"dem_dx.png", "dem_dy.png", "dem_radial_error.png"}


VERDICTS = {
    "Agrees": lambda x, y: (0.2 + 0 * x, -0.1 + 0 * x),
    "Constant shift": lambda x, y: (1.3 + 0 * x, 0.8 + 0 * x),
    "Rotation and scale": lambda x, y: ((y - 150) * 0.012, (150 - x) * 0.012),
    "Linear distortion": lambda x, y: ((y - 150) * 0.015, 0 * x),
    "Local distortion": lambda x, y: (1.5 * np.sin(y / 25.0), 1.2 * np.cos(x / 30.0)),
}


@pytest.mark.parametrize("kind", VERDICTS)
def test_each_kind_of_displacement_has_its_verdict(kind, write, analyze):
    ground = canvas()
    image = warped(ground, VERDICTS[kind])
    paths = [write("r.tif", cut(ground).astype("float32")), write("m.tif", image.astype("float32"))]
    result = analyze(paths)
    assert result.verdict.startswith(f"{kind}. ")
    assert result.passed == int(kind == "Agrees")


def test_identical_images_agree(pair, analyze):
    reference, _ = pair()
    result = analyze((reference, reference))
    assert result.n_key_points > 100 and result.passed == 1
    numbers = (result.mean_dx, result.mean_dy, result.rmse, result.ce90, result.median_dx)
    assert numbers == pytest.approx((0, 0, 0, 0, 0), abs=1e-9)


def test_no_point_of_enough_score_is_a_result(pair, analyze):
    result = analyze(pair(0.5, 0.2), confidence=1.0)
    assert (result.n_key_points, result.passed) == (0, 0)
    assert result.ce90 is None and result.median_dx is None and result.ce90_map is None
    assert re.match(
        r"Not measured\. .*no key point reaches a score of 1 \(the best has 0\.9", result.verdict
    )
    assert Path(result.report).is_file() and Path(result.key_points).is_file()
    assert rows(result.output_folder)


def test_one_point_is_a_result(pair, analyze):
    result = analyze(pair(0.5, 0.2), max_points=1)
    assert result.n_key_points == 1 and result.verdict.startswith("Not measured.")
    assert result.ce90 == pytest.approx(np.hypot(0.5, 0.2), abs=0.02)


def test_one_valid_corner_is_a_result_without_points(pair, analyze, write):
    corner = np.zeros((SIDE, SIDE), "uint16")
    corner[:30, :30] = cut(canvas())[:30, :30]
    result = analyze((write("corner.tif", corner), pair()[1]))
    assert result.n_key_points == 0 and result.verdict.startswith("Not measured.")


@pytest.mark.noisy
def test_bad_input_gives_its_sentence(pair, analyze, write, tmp_path):
    reference, moving = pair()
    texture = cut(canvas()).astype("uint16")
    far = write("far.tif", texture, transform=(900000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0))
    edge = write("edge.tif", texture, transform=(502500.0, 10.0, 0.0, 5000000.0, 0.0, -10.0))
    nowhere = write("nowhere.tif", texture, crs=None)
    flat = write("flat.tif", np.full((SIDE, SIDE), 12, "uint8"))
    empty = write("empty.tif", np.zeros((SIDE, SIDE), "uint8"))
    other = write("other.tif", cut(canvas(99)).astype("uint16"))
    wave = write("wave.tif", texture.astype("complex64"))
    none = write("none.tif", np.zeros((SIDE, SIDE), "uint8"))
    zone = write("zone.tif", np.ones((5, 5), "uint8"), crs=None, transform=None)
    for images, how, kind, sentence in (
        ((reference, "gone.tif"), {}, ImageIOError, r"gone\.tif cannot be opened"),
        ((reference, moving), {"moving_band": 7}, InvalidOption,
         r"Band 7 was asked of the moving image moving\.tif, which has 1 band\. Choose band 1\."),
        ((reference, nowhere), {}, IncompatibleImages,
         r"reference\.tif has EPSG:32633 and nowhere\.tif has no coordinate system\. Assign a CRS "
         r"to nowhere\.tif, or clear both to compare pixel by pixel\."),
        ((reference, far), {}, IncompatibleImages,
         r"reference\.tif and far\.tif do not overlap: in EPSG:32633 they cover x 500000 to "),
        ((reference, edge), {}, IncompatibleImages, r"overlap in 50 × 300 px .* at least 64 px"),
        ((flat, moving), {}, IncompatibleImages,
         r"The reference .*has no texture in band 1 \(the 2 and 98 % values are both 12\)"),
        ((reference, empty), {}, IncompatibleImages,
         r"No valid pixel is left in the moving image empty\.tif: .*90000 .*ZERO_IS_NODATA"),
        ((reference, moving), {"mask": none}, IncompatibleImages,
         r"No valid pixel is left in the reference reference\.tif: .*90000 .*MASK"),
        ((reference, other), {}, NoSolution, r"FEATURE"),
        ((reference, wave), {}, IncompatibleImages, r"wave\.tif holds complex values"),
        ((reference, moving), {"mask": zone}, IncompatibleImages,
         r"zone\.tif has no position on the ground"),
        ((reference, moving), {"key_points": reference.replace(".tif", ".shp")}, InvalidOption,
         r"must end with \.gpkg"),
        ((reference, moving), {"support": "13"}, InvalidOption, r"'13' is not one of automatic"),
        ((reference, moving), {"tolerance": 0}, InvalidOption, r"Tolerance: 0 is below"),
        ((reference, moving), {"configuration": "gone.json"}, ImageIOError, r"gone\.json"),
    ):  # fmt: skip
        with pytest.raises(kind, match=sentence) as caught:
            analyze(images, **how)
        assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_an_input_is_never_replaced(pair, analyze, tmp_path):
    reference, moving = pair(files=("reference.tif", "out/moving_reference/kp_mask.tif"))
    before = Path(moving).read_bytes()
    with pytest.raises(InvalidOption, match=r"overwrite the input kp_mask\.tif"):
        analyze((reference, moving), key_points_mask=True,
                configuration=None, output_folder=str(tmp_path / "out2"),
                report=moving)  # fmt: skip
    assert Path(moving).read_bytes() == before


def test_odd_names_and_two_images_of_one_name(pair, analyze):
    files = ("a b/ima ge; é.tif", "c d/ima ge; é.tif")
    result = analyze(pair(0.3, 0.2, files=files), key_points_mask=True)
    folder = Path(result.output_folder)
    assert folder.name == "ima ge; é_ima ge; é" and result.passed == 1
    assert (folder / "KLT_matcher_ima ge; é_ima ge; é.csv").is_file()
    line = (folder / "correl_res.txt").read_text(encoding="utf-8").splitlines()[1]
    assert line.startswith('"ima ge; é.tif" "ima ge; é.tif" ')


def test_chips_and_rasters_are_written(pair, analyze):
    result = analyze(pair(2.0, -1.0), chips=True, delta_raster=True, key_points_mask=True)
    folder = Path(result.output_folder)
    mask, delta = (open_image(str(folder / f"kp_{name}.tif")) for name in ("mask", "delta"))
    values = mask.read(mask.grid.window).values[0]
    assert (mask.dtype, mask.nodata, values.sum()) == (np.uint8, None, len(rows(folder)))
    assert delta.bands == 2 and np.isnan(delta.nodata) and delta.grid == mask.grid
    found = delta.read(delta.grid.window)
    assert found.values[0][found.valid] == pytest.approx(2.0, abs=0.05)
    field = open_image(str(folder / "kp_field.tif"))
    assert field.read(field.grid.window).values[1] == pytest.approx(-1.0, abs=0.05)
    for name in ("mon", "ref"):
        assert open_image(str(folder / f"{name}_bandpass.tif")).grid == mask.grid
    for name in ("chips", "chips_bandpass"):
        listed = (folder / name / "chips.csv").read_text().splitlines()[1:]
        assert 0 < len(listed) <= 125
        for side, prefix in (("moving.tif", "MON"), ("reference.tif", "REF")):
            chips = list((folder / name / side).glob(f"{prefix}_*_*.TIFF"))
            assert len(chips) == len(listed)
        assert (folder / name / "monitored_chips.vrt").is_file()


def test_files_of_other_names_stay_and_a_cancelled_run_leaves_nothing(
    pair, analyze, tmp_path, listen
):
    reference, moving = pair()
    folder = tmp_path / "out" / "moving_reference"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("kept")
    whole = listen()
    request = Request(moving=moving, reference=reference, output_folder=str(tmp_path / "out"))
    analyze((reference, moving))
    (folder / "statistics.json").write_text("before")
    run(request, whole)
    assert (folder / "statistics.json").read_text() != "before"
    (folder / "statistics.json").write_text("before")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for share in (0.1, 0.5, 0.95):
        with pytest.raises(Cancelled):
            run(request, listen(cancel_after=int(share * whole.asked)))
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert (folder / "mine.txt").read_text() == "kept"


def test_a_folder_that_cannot_be_made_gives_its_sentence_before_measuring(pair, analyze, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageIOError, match=r"Folder .*file.* cannot be created"):
        analyze(pair(), output_folder=str(tmp_path / "file" / "out"))
    assert "Measuring key points" not in analyze.heard.phases


def test_a_configuration_that_asks_too_much_is_named(pair, analyze, tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"processing_configuration": {"klt_matching": {"minDistance": 1}}}')
    with pytest.raises(InvalidOption, match=r"c\.json: Smallest distance .* is below 2 px"):
        analyze(pair(), configuration=str(path))


def test_an_earlier_run_is_resumed_until_something_differs(pair, analyze):
    images = pair(1.5, -0.5)
    first = analyze(images)
    again = analyze(images, resume=True, confidence=0.9, tolerance=2)
    assert any("key points are taken from" in text for text in analyze.heard.infos)
    assert analyze.heard.warnings == []
    assert again.median_dx == pytest.approx(first.median_dx, abs=1e-5)
    assert 0 < again.n_key_points <= first.n_key_points and again.passed == 1
    other = analyze(images, resume=True, outliers="none")
    assert analyze.heard.warnings == [
        "RESUME: OUTLIERS was local and is none. Key points are measured anew."
    ]
    assert other.n_key_points >= first.n_key_points
    pair(0.5, 0.5)  # the moving image is written again
    assert analyze(images, resume=True).median_dx == pytest.approx(0.5, abs=0.01)
    assert "the moving image is another file or has changed" in analyze.heard.warnings[0]


@pytest.mark.parametrize("suffix", ["", "_shifted"])
def test_a_table_of_karios_is_resumed_with_a_warning_each_time(suffix, pair, analyze, tmp_path):
    folder = tmp_path / "out" / "moving_reference"
    folder.mkdir(parents=True)
    points = np.random.default_rng(1).uniform(30, 270, (40, 2)).round()
    lines = [f"{x};{y};0.25;-0.125;0.8;0.28;-26.5" for x, y in points]
    table = folder / f"KLT_matcher_moving{suffix}_reference.csv"
    table.write_text("\n".join(["x0;y0;dx;dy;score;radial error;angle", *lines, ""]))
    for _ in range(2):
        result = analyze(pair(0.25, -0.125), resume=True, delta_raster=not suffix)
        (warning,) = analyze.heard.warnings
        word = "a shifted copy" if suffix and "holds" in warning else "nothing tells"
        assert word in warning
        assert (result.n_key_points, result.median_dx) == (40, 0.25)
        assert result.uncertainty is None and result.passed == 1
        assert statistics(result)["measurement"]["method"] == "another program"


def test_without_opencv_the_other_method_measures_the_same(pair, analyze):
    result = analyze(pair(1.3, 0.4), method="phase_correlation")
    assert (result.median_dx, result.median_dy) == pytest.approx((1.3, 0.4), abs=0.01)
    assert statistics(result)["measurement"]["method"] == "phase_correlation"
