# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os

import numpy as np
import pytest

shapely = pytest.importorskip("shapely")
pytest.importorskip("scipy")

from orthoweave.core.errors import Cancelled, ImageIOError, InvalidOption  # noqa: E402
from orthoweave.core.operations.mergevectors import Request, run  # noqa: E402
from orthoweave.core.raster import parse_crs  # noqa: E402
from orthoweave.core.vector import Feature, Layer, joining, write_layers  # noqa: E402
from osgeo import gdal, ogr  # noqa: E402
from shapely import wkb, wkt  # noqa: E402
from shapely.geometry import Point, Polygon, box  # noqa: E402
from shapely.ops import unary_union  # noqa: E402

EXACT = 1e-9  # part of the area


@pytest.fixture
def vector(tmp_path):
    """Write (shape, values) rows as a GeoPackage: vector("a", row, …[, kind=, crs=])."""

    def make(name, *rows, kind="MultiPolygon", crs="EPSG:32633", fields=None):
        found = fields or (("name", "string"), ("size", "real"))
        features = tuple(Feature(shape.wkb, values) for shape, values in rows)
        layer = Layer(name, kind, parse_crs(crs) if crs else "", found, features)
        return write_layers(str(tmp_path / "in" / f"{name}.gpkg"), [layer])

    return make


def merge(vectors, tmp_path, method="keep", progress=None, **how):
    output = str(tmp_path / "out" / "m.gpkg")
    request = Request(vectors=vectors, method=method, output=output, **how)
    return run(request, progress) if progress else run(request)


def read(result, name="merged"):
    dataset = gdal.OpenEx(result.output, gdal.OF_VECTOR)
    layer = dataset.GetLayer(name)
    return [(f.items(), wkb.loads(bytes(f.GetGeometryRef().ExportToIsoWkb()))) for f in layer]


def squares(vector):
    """Two squares that share a quarter, with the same fields."""
    a = vector("a", (box(0, 0, 10, 10), {"name": "left", "size": 1.0}))
    b = vector("b", (box(5, 5, 15, 15), {"name": "right", "size": 2.0}))
    return [a, b]


def test_keep_takes_all_features_with_all_fields(vector, tmp_path):
    paths = squares(vector)
    more = (("name", "integer"), ("who", "string"))
    paths.append(vector("c", (box(0, 0, 1, 1), {"name": 7, "who": "x"}), fields=more))
    result = merge(paths, tmp_path, name_field="source")
    assert [values for values, _ in read(result)] == [
        {"source": "a", "name": "left", "size": 1.0, "name_2": None, "who": None},
        {"source": "b", "name": "right", "size": 2.0, "name_2": None, "who": None},
        {"source": "c", "name": None, "size": None, "name_2": 7, "who": "x"},
    ]
    assert [shape.area for _, shape in read(result)] == [100, 100, 1]
    assert (result.layers_used, result.feature_count, result.repaired) == (3, 3, 0)


def test_keep_takes_points_lines_and_heights(vector, tmp_path):
    points = vector("p", (Point(1, 2), {"name": "p"}), kind="Point")
    high = str(tmp_path / "high.geojson")
    with open(high, "w", encoding="utf-8") as file:
        file.write(
            '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": '
            '{"name": "l"}, "geometry": {"type": "LineString", "coordinates": '
            "[[15, 45, 100], [15.1, 45, 200]]}}]}"
        )
    result = merge([points, high], tmp_path)
    (_, point), (values, line) = read(result)
    assert point.wkt == "POINT (1 2)" and values["name"] == "l"
    assert [z for _, _, z in line.coords] == [100, 200]
    assert line.coords[0][0] == pytest.approx(500000, abs=1)
    only = merge([points], tmp_path)
    assert read(only)[0][1].wkt == "MULTIPOINT (1 2)"


def test_union_has_every_piece_of_ground_once(vector, tmp_path):
    result = merge(squares(vector), tmp_path, "union", name_field="from", name_separator=" + ")
    found = {values["from"]: (values, shape) for values, shape in read(result)}
    assert {name: shape.area for name, (_, shape) in found.items()} == {
        "a": 75, "b": 75, "a + b": 25,
    }  # fmt: skip
    both = found["a + b"][0]
    assert (both["name"], both["name_2"], both["size"], both["size_2"]) == ("left", "right", 1, 2)
    assert found["a"][0]["name_2"] is None and found["b"][0]["name"] is None
    assert result.feature_count == 3


def test_intersection_has_the_ground_of_all(vector, tmp_path):
    paths = squares(vector)
    paths.append(vector("c", (box(0, 0, 7, 20), {"name": "third"})))
    ((values, shape),) = read(merge(paths, tmp_path, "intersection", name_field="from"))
    assert shape.symmetric_difference(box(5, 5, 7, 10)).area == 0
    assert (values["from"], values["name_3"]) == ("a_b_c", "third")


def test_layers_without_common_area_give_an_empty_layer_and_a_warning(vector, tmp_path, listen):
    paths = [*squares(vector), vector("far", (box(90, 90, 91, 91), {"name": "far"}))]
    progress = listen()
    result = merge(paths, tmp_path, "intersection", progress=progress)
    assert (read(result), result.feature_count) == ([], 0)
    assert "The layers have no common area; the result is an empty layer." in progress.warnings


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_the_union_of_random_polygons_is_geometric(vector, tmp_path, crs):
    rng = np.random.default_rng(3)
    scale, origin = (
        (10, np.array([5e5, 5e6])) if crs == "EPSG:32633" else (1e-4, np.array([15, 45]))
    )

    def some(count):
        found = []
        for _ in range(count):
            turn, far = np.sort(rng.uniform(0, 2 * np.pi, 9)), rng.uniform(5, 30, 9)
            spokes = np.column_stack([np.cos(turn), np.sin(turn)]) * far[:, None]
            found.append(Polygon((spokes + rng.uniform(0, 80, 2)) * scale + origin).buffer(0))
        return found

    layers = [some(8), some(8), some(8)]
    paths = [
        vector(f"v{n}", *((s, {"name": str(i)}) for i, s in enumerate(found)), crs=crs)
        for n, found in enumerate(layers)
    ]
    found = [shape for _, shape in read(merge(paths, tmp_path, "union"))]
    whole = unary_union([shape for layer in layers for shape in layer])
    assert all(shape.is_valid for shape in found)
    assert unary_union(found).symmetric_difference(whole).area < EXACT * whole.area
    assert sum(shape.area for shape in found) == pytest.approx(whole.area, rel=EXACT)
    common = unary_union(layers[0])
    for layer in layers[1:]:
        common = common.intersection(unary_union(layer))
    inner = [shape for _, shape in read(merge(paths, tmp_path, "intersection"))]
    assert unary_union(inner).symmetric_difference(common).area < EXACT * whole.area


@pytest.mark.parametrize("method", ["keep", "union"])
def test_invalid_geometries_are_repaired_and_counted(vector, tmp_path, listen, method):
    bow = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    path = vector("bow", (bow, {"name": "x"}), (box(20, 0, 30, 10), {"name": "y"}))
    progress = listen()
    result = merge([path], tmp_path, method, progress=progress)
    shapes = [shape for _, shape in read(result)]
    assert all(shape.is_valid for shape in shapes)
    assert sorted(shape.area for shape in shapes) == [50, 100]
    assert result.repaired == 1
    assert "1 invalid geometries were repaired." in progress.warnings


@pytest.mark.parametrize("method", ["keep", "union"])
def test_layers_are_brought_to_one_crs(vector, tmp_path, listen, method):
    utm = vector("utm", (box(500000, 4983000, 500100, 4983100), {"name": "a"}))
    degrees = vector("deg", (box(15, 45, 15.01, 45.01), {"name": "b"}), crs="EPSG:4326")
    progress = listen()
    result = merge([utm, degrees], tmp_path, method, progress=progress)
    bounds = unary_union([shape for _, shape in read(result)]).bounds
    assert bounds[0] == pytest.approx(500000, abs=1) and bounds[3] > 4983500
    assert any("Layers in EPSG:4326 are brought to EPSG:32633" in t for t in progress.infos)
    asked = merge([utm, degrees], tmp_path, method, crs="EPSG:4326", layer_name="all")
    assert unary_union([shape for _, shape in read(asked, "all")]).bounds[2] < 16


def test_folders_patterns_and_layers_of_a_file(vector, tmp_path, listen):
    paths = squares(vector)
    assert merge([str(tmp_path / "in")], tmp_path).layers_used == 2
    assert merge([str(tmp_path / "in" / "?.gpkg")], tmp_path).feature_count == 2
    progress = listen()
    assert merge([paths[0], paths[0]], tmp_path, progress=progress).feature_count == 1
    assert "a.gpkg is given twice; it is used once." in progress.warnings
    named = merge([f"{paths[0]}|layername=a", paths[1]], tmp_path, name_field="source")
    assert [values["source"] for values, _ in read(named)] == ["a", "b"]


def test_features_without_geometry_are_counted(vector, tmp_path, listen):
    path = vector("a", (box(0, 0, 1, 1), {"name": "x"}), (wkt.loads("POLYGON EMPTY"), {}))
    progress = listen()
    result = merge([path], tmp_path, progress=progress)
    assert (result.feature_count, result.skipped) == (1, 1)
    assert "1 features without usable geometry are left out." in progress.warnings


def test_bad_input_gives_a_sentence(vector, tmp_path):
    paths = squares(vector)
    with pytest.raises(InvalidOption, match='"gone.gpkg" matches no vector file'):
        merge(["gone.gpkg"], tmp_path)
    with pytest.raises(InvalidOption, match="would overwrite the input a.gpkg"):
        run(Request(vectors=paths, output=paths[0]))
    with pytest.raises(InvalidOption, match="'merge' is not one of keep, union, intersection"):
        Request(vectors=paths, output="m.gpkg", method="merge")
    with pytest.raises(InvalidOption, match="Field for names: 'geom' is taken"):
        Request(vectors=paths, output="m.gpkg", name_field="geom")
    with pytest.raises(InvalidOption, match="LAYER_NAME is empty"):
        Request(vectors=paths, output="m.gpkg", layer_name=" ")
    points = vector("p", (Point(1, 2), {}), kind="Point")
    with pytest.raises(InvalidOption, match="p.gpkg holds no polygons; only METHOD=keep takes"):
        merge([*paths, points], tmp_path, "union")


@pytest.mark.noisy
def test_a_file_that_is_no_vector_layer_gives_gdals_reason(tmp_path):
    (tmp_path / "x.gpkg").write_text("no layer")
    with pytest.raises(ImageIOError, match=r"x.gpkg cannot be opened: .+"):
        merge([str(tmp_path / "x.gpkg")], tmp_path)


def test_a_cancelled_run_leaves_nothing(vector, tmp_path, listen):
    paths = squares(vector)
    for method in ("keep", "union"):
        with pytest.raises(Cancelled):
            merge(paths, tmp_path, method, progress=listen(cancel_after=0))
        assert not (tmp_path / "out").exists() or os.listdir(tmp_path / "out") == []


def test_field_types_survive_a_copy(tmp_path):
    source = str(tmp_path / "t.gpkg")
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(source)
    layer = dataset.CreateLayer("t", None, ogr.wkbPoint)
    flag = ogr.FieldDefn("flag", ogr.OFTInteger)
    flag.SetSubType(ogr.OFSTBoolean)
    for field in (flag, ogr.FieldDefn("day", ogr.OFTDate), ogr.FieldDefn("big", ogr.OFTInteger64)):
        layer.CreateField(field)
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetField("flag", 1)
    feature.SetField("day", "2024/05/31")
    feature.SetField("big", 2**40)
    feature.SetGeometryDirectly(ogr.CreateGeometryFromWkt("POINT (1 2)"))
    layer.CreateFeature(feature)
    del feature, layer, dataset
    result = merge([source], tmp_path)
    dataset = gdal.OpenEx(result.output, gdal.OF_VECTOR)
    copied = dataset.GetLayer("merged")
    kinds = [copied.GetLayerDefn().GetFieldDefn(n).GetType() for n in range(3)]
    assert kinds == [ogr.OFTInteger, ogr.OFTDate, ogr.OFTInteger64]
    assert next(iter(copied)).items() == {"flag": 1, "day": "2024/05/31", "big": 2**40}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("method", ["keep", "union"])
def test_thousands_of_layers_are_open_one_after_the_other(vector, tmp_path, monkeypatch, method):
    paths = [vector(f"v{n}", (box(n, 0, n + 1, 1), {"name": str(n)})) for n in range(30)]
    before, most = len(os.listdir("/proc/self/fd")), []
    whole = joining.open_layer

    def counted(*args):
        most.append(len(os.listdir("/proc/self/fd")))
        return whole(*args)

    monkeypatch.setattr(joining, "open_layer", counted)
    assert merge(paths, tmp_path, method).feature_count == 30
    assert len(most) == 60 and max(most) < before + 10


@pytest.mark.parametrize("method", ["keep", "union"])
def test_the_crs_is_that_of_the_first_layer_that_has_one(vector, tmp_path, listen, method):
    plain = vector("plain", (box(0, 0, 10, 10), {"name": "x"}), crs="")
    placed = vector("placed", (box(0, 0, 10, 10), {"name": "y"}))
    heard = listen()
    result = merge((plain, placed), tmp_path, method, heard)
    dataset = gdal.OpenEx(result.output, gdal.OF_VECTOR)
    assert dataset.GetLayer("merged").GetSpatialRef().GetAuthorityCode(None) == "32633"
    assert heard.warnings == ["Without CRS, taken to be in EPSG:32633: plain.gpkg."]
