# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
from itertools import count

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, OrthoweaveError
from orthoweave.core.operations.rastertopolygons import Request, run
from osgeo import gdal, ogr

PIXEL = 100.0
"""Area of a pixel of the images, square meters."""


@pytest.fixture
def trace(tmp_path):
    """Run the tool on one image; return the features as (value, area, geometry), and the result."""
    numbers = count()

    def make(path, expression="b1", progress=None, **options):
        folder = options.pop("output_folder", str(tmp_path / f"out{next(numbers)}"))
        request = Request(images=(path,), expression=expression, output_folder=folder, **options)
        result = run(*([request, progress] if progress else [request]))
        found = read(result.output_layers[0]) if result.output_layers else []
        return found, result

    return make


def read(path):
    dataset = ogr.Open(path)
    layer = dataset.GetLayerByName("mask")
    return [(f["value"], f["area"], f.GetGeometryRef().Clone(), f["image"]) for f in layer]


def burned(found, like):
    """Return where polygons lie, as an image on the pixels of another one; overlaps are marked."""
    source = gdal.Open(like)
    total = np.zeros((source.RasterYSize, source.RasterXSize), np.int32)
    times = np.zeros_like(total)
    for value, _, geometry, _ in found:
        memory = ogr.GetDriverByName("Memory").CreateDataSource("")
        layer = memory.CreateLayer("x", source.GetSpatialRef())
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(geometry)
        layer.CreateFeature(feature)
        target = gdal.GetDriverByName("MEM").Create("", *total.shape[::-1])
        target.SetGeoTransform(source.GetGeoTransform())
        target.SetProjection(source.GetProjection())
        gdal.RasterizeLayer(target, [1], layer, burn_values=[1])
        here = target.ReadAsArray() > 0
        total[here] = value
        times += here
    assert times.max() <= 1
    return total, times > 0


def blobs(seed=0, shape=(60, 70), levels=4):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, levels, (shape[0] // 5, shape[1] // 5))
    values = np.kron(coarse, np.ones((5, 5), int))
    values[rng.random(shape) < 0.05] = levels
    return values.astype(np.uint8)


def test_polygons_cover_the_pixels_of_their_value(write, trace):
    values = blobs()
    path = write("a.tif", values)
    found, result = trace(path)
    total, covered = burned(found, path)
    assert covered.all() and result.polygon_count == len(found)
    np.testing.assert_array_equal(total, values)
    for _, area, geometry, image in found:
        assert image == "a" and geometry.IsValid() and geometry.GetGeometryName() == "POLYGON"
        assert area == pytest.approx(geometry.GetArea(), rel=1e-12)
    assert sum(area for _, area, _, _ in found) == pytest.approx(values.size * PIXEL)


@pytest.mark.parametrize("kind", ["nodata", "alpha", "internal", "nan"])
def test_only_true_and_valid_pixels_make_polygons(layer, trace, kind):
    image = layer("a.tif", kind, "float32" if kind == "nan" else "uint8", size=(40, 45))
    found, _ = trace(image.path, "b1 > 50%b1")
    middle = np.percentile(image.values[0][image.valid], 50, method="inverted_cdf")
    expected = image.valid & (image.values[0] > middle)
    np.testing.assert_array_equal(burned(found, image.path)[1], expected)
    assert {value for value, *_ in found} == {1}


def test_objects_that_cross_windows_are_one(write, trace):
    values = np.zeros((1100, 1200), np.uint8)
    values[500:530, 10:1190] = values[10:1090, 505:520] = 1
    values[700, 700] = 1
    path = write("a.tif", values)
    found, _ = trace(path, "b1 == 1")
    assert sorted(area for _, area, _, _ in found) == [PIXEL, (30 * 1180 + 15 * 1050) * PIXEL]


def test_zero_is_a_value_and_false_is_none(write, trace):
    path = write("a.tif", np.array([[0, 0, 1, 1]], np.uint8))
    assert [value for value, *_ in trace(path)[0]] == [0, 1]
    assert [value for value, *_ in trace(path, "b1 > 0")[0]] == [1]
    assert [value for value, *_ in trace(path, "b1 * 1.4 - 3")[0]] == [-3, -2]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (">2px", [4, 9]),
        ("2px", [4, 9]),
        (">=2px", [2, 4, 9]),
        ("<=200", [1, 2]),
        ("< 200", [1]),
        (">350", [4, 9]),
        (">50%", [4, 9]),
        ("75%", [9]),
        ("<=25%", [1]),
        ("", [1, 2, 4, 9]),
    ],
)
def test_sizes_are_compared_in_map_units_pixels_or_percent(write, trace, rule, kept):
    values = np.zeros((8, 20), np.uint8)
    values[0, 0] = values[0, 3:5] = values[0:2, 8:10] = values[0:3, 14:17] = 1
    found, result = trace(write("a.tif", values), "b1 == 1", filter_by_polygon_size=rule)
    assert sorted(round(area / PIXEL) for _, area, _, _ in found) == kept
    assert result.dropped_count == 4 - len(kept)


def test_new_values_merge_classes_and_drop_others(write, trace):
    path = write("a.tif", np.array([[1, 2, 3, 3, 1]], np.uint8))
    found, _ = trace(path, value_mapping="1:10,2:10,3:")
    assert [(value, area / PIXEL) for value, area, _, _ in found] == [(10, 2), (10, 1)]
    again, _ = trace(path, value_mapping=[[1, 10], [2, 10], [3, ""]])
    assert [value for value, *_ in again] == [10, 10]
    assert [value for value, *_ in trace(path, value_mapping={3: None})[0]] == [1, 2, 1]


def test_buffers_grow_and_join_or_shrink(write, trace):
    values = np.zeros((20, 30), np.uint8)
    values[5:10, 3:8] = values[5:10, 10:15] = 1
    values[5:10, 20:25] = 2
    path = write("a.tif", values)
    found, _ = trace(path, "b1", value_mapping="0:", polygon_buffer=15)
    assert [(value, geometry.GetGeometryName()) for value, _, geometry, _ in found] == [
        (1, "POLYGON"),
        (2, "POLYGON"),
    ]
    # a square of 50 m, four strips of 15 m, four quarter circles
    assert found[1][1] == pytest.approx(2500 + 4 * 50 * 15 + np.pi * 225, rel=0.01)
    found, result = trace(path, "b1", value_mapping="0:", polygon_buffer=-26)
    assert found == [] and result.dropped_count == 3
    found, _ = trace(path, "b1 == 2", polygon_buffer=-10)
    assert found[0][1] == pytest.approx(900)


def test_corners_connect_when_asked(write, trace):
    path = write("a.tif", np.eye(6, dtype=np.uint8))
    assert len(trace(path, "b1 == 1")[0]) == 6
    ((_, area, geometry, _),) = trace(path, "b1 == 1", eight_connected=True)[0]
    assert area == 6 * PIXEL and geometry.GetGeometryCount() == 6


@pytest.mark.parametrize(
    "transform",
    [(0, 2, 0, 0, 0, 2), (100, 1.6, 1.2, 200, 1.2, -1.6), (10, 3, 0, 20, 0, -5)],
    ids=["south up", "rotated", "oblong"],
)
def test_any_transform_is_applied_once(write, trace, transform):
    values = blobs(3, (20, 25))
    path = write("a.tif", values, transform=transform)
    found, _ = trace(path)
    pixel = abs(transform[1] * transform[5] - transform[2] * transform[4])
    assert sum(area for _, area, _, _ in found) == pytest.approx(values.size * pixel)
    np.testing.assert_array_equal(burned(found, path)[0], values)


def test_windows_and_threads_do_not_matter(layer, trace):
    image = layer("a.tif", "nodata", size=(560, 530))
    truth = None
    for threads in (1, 3):
        found, _ = trace(image.path, "b1 // 64", threads=threads, filter_by_polygon_size=">3px")
        plain = [(v, a, bytes(g.ExportToWkb())) for v, a, g, _ in found]
        truth = truth or plain
        assert plain == truth


def test_no_polygon_leaves_an_empty_layer_and_a_warning(write, trace, listen):
    heard = listen()
    found, result = trace(write("a.tif", blobs()), "b1 > 200", heard)
    assert found == [] and result.polygon_count == 0
    assert any("a.tif gives no polygon; its layer is empty" in text for text in heard.warnings)
    assert ogr.Open(result.output_layers[0]).GetLayerByName("mask").GetFeatureCount() == 0


def test_outlines_are_simplified_within_a_tolerance(write, trace):
    rows, cols = np.indices((80, 80))
    path = write("a.tif", ((rows - 40) ** 2 + (cols - 40) ** 2 < 900).astype(np.uint8))
    ((_, area, exact, _),) = trace(path, "b1 == 1")[0]
    ((_, _, fewer, _),) = trace(path, "b1 == 1", simplify=1.5)[0]
    count_of = [g.GetGeometryRef(0).GetPointCount() for g in (exact, fewer.GetGeometryRef(0))]
    assert count_of[1] < count_of[0] / 3
    # a rim of 1.5 px along 190 px
    assert exact.SymDifference(fewer).Area() < 0.1 * area


def test_planning_counts_and_writes_nothing(write, trace, tmp_path):
    found, result = trace(write("a.tif", blobs()), dry_run=True, output_folder=str(tmp_path / "o"))
    assert found == [] and result.polygon_count > 10 and not list((tmp_path / "o").glob("*.gpkg"))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"expression": "b1; b1"}, "2 results are given"),
        ({"expression": "b7"}, 'Unknown name "b7" at character 1'),
        ({"expression": "b1 * 1e12"}, "values of polygons lie between"),
        ({"filter_by_polygon_size": "large"}, "'large' is not a size such as >100"),
        ({"filter_by_polygon_size": ">101%"}, "101 % is above 100 %"),
        ({"value_mapping": "1=2"}, "'1=2' is not old:new with whole numbers"),
        ({"value_mapping": "1:2,1:3"}, "1 is given twice"),
        ({"value_mapping": "1:99999999999"}, "'1:99999999999' goes beyond what polygons can have"),
        ({"value_mapping": "-2147483648:1"}, "beyond what polygons can have, -2147483647 to 2147"),
        ({"polygon_buffer": math.nan}, "Buffer: nan is not a finite number"),
        ({"value_mapping": "1:x"}, "'1:x' is not old:new"),
        ({"simplify": -1}, "Simplification: -1 is below 0"),
        ({"name_pattern": "same.gpkg", "images": ("a", "b")}, "needs a \\$ for 2 images"),
    ],
)
def test_bad_options_give_a_sentence(write, tmp_path, options, text):
    values = blobs()
    given = {"images": ("a",), "expression": "b1", "output_folder": str(tmp_path / "o"), **options}
    given["images"] = tuple(write(f"{name}.tif", values) for name in given["images"])
    with pytest.raises(OrthoweaveError, match=text):
        run(Request(**given))
    assert not list((tmp_path / "o").glob("*.gpkg"))


def test_a_cancelled_run_leaves_nothing(write, trace, listen, tmp_path):
    path, heard = write("a.tif", blobs(shape=(600, 600))), listen()
    trace(path, "b1 > 50%b1", heard)
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1
    for asked in range(0, heard.asked - 1, 7):
        stop = listen(cancel_after=asked)
        with pytest.raises(Cancelled):
            trace(path, "b1 > 50%b1", stop, output_folder=str(tmp_path / "c"))
        assert not list((tmp_path / "c").glob("*"))


def test_a_run_that_fails_leaves_no_layer(write, tmp_path):
    paths = [write(f"{n}.tif", np.full((20, 20), n, np.float64)) for n in (5, 3e9)]
    with pytest.raises(OrthoweaveError, match="values of polygons lie between"):
        run(Request(images=tuple(paths), expression="b1", output_folder=str(tmp_path / "o")))
    assert not list((tmp_path / "o").glob("*"))


def test_a_long_outline_is_buffered_in_the_time_of_its_length(write, trace):
    rows, cols = np.indices((300, 300))
    values = ((rows % 4 < 2) | (cols % 40 < 2)).astype(np.uint8)
    found, _ = trace(write("a.tif", values), "b1 == 1", polygon_buffer=2.0)
    assert len(found) == 1 and found[0][2].IsValid()
    # strips of 38 px by 20 m between the bars are narrowed by 2 m at each side
    holes = found[0][2].GetGeometryRef(0).GetGeometryCount() or found[0][2].GetGeometryCount()
    assert holes > 400
