# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.raster import parse_crs
from orthoweave.core.vector import Layer, point_features, read_points, write_layers

UTM = parse_crs("EPSG:32633")
FIELDS = (("name", "string"), ("count", "integer"), ("size", "real"))


def layer(name="points", crs=UTM):
    x, y = np.array([1 / 3, 2.0]), np.array([-7.0, 1e7 / 3])
    columns = {"name": ["a", None], "count": [1, 2], "size": np.array([np.nan, 0.1])}
    return Layer(name, "Point", crs, FIELDS, point_features(x, y, columns))


def test_points_come_back_bit_for_bit(tmp_path):
    found = read_points(write_layers(str(tmp_path / "a.gpkg"), [layer()]))
    assert found.x.tolist() == [1 / 3, 2.0] and found.y.tolist() == [-7.0, 1e7 / 3]
    assert found.columns == {"name": ["a", None], "count": [1, 2], "size": [None, 0.1]}
    assert found.title == "a.gpkg" and "UTM zone 33N" in found.crs


def test_a_layer_without_crs_has_none(tmp_path):
    assert read_points(write_layers(str(tmp_path / "a.gpkg"), [layer(crs="")])).crs == ""


def test_a_layer_is_taken_by_its_name_and_a_part_of_it_by_a_filter(tmp_path):
    path = write_layers(str(tmp_path / "a.gpkg"), [layer("one"), layer("two")])
    assert len(read_points(f"{path}|layername=two").x) == 2
    assert read_points(f'{path}|layername=two|subset="count" = 2').x.tolist() == [2.0]


def test_an_empty_layer_has_empty_columns(tmp_path):
    empty = Layer("points", "Point", UTM, FIELDS, ())
    found = read_points(write_layers(str(tmp_path / "a.gpkg"), [empty]))
    assert len(found.x) == 0 and found.columns == {"name": [], "count": [], "size": []}


def test_features_without_place_and_with_several_are_read(tmp_path):
    from osgeo import ogr

    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(tmp_path / "a.gpkg"))
    table = dataset.CreateLayer("points", None, ogr.wkbMultiPoint)
    for text in ("MULTIPOINT (3 4, 5 6)", None, "MULTIPOINT EMPTY"):
        feature = ogr.Feature(table.GetLayerDefn())
        if text:
            feature.SetGeometryDirectly(ogr.CreateGeometryFromWkt(text))
        table.CreateFeature(feature)
    del dataset
    found = read_points(str(tmp_path / "a.gpkg"))
    np.testing.assert_array_equal(found.x, [3, np.nan, np.nan])
    np.testing.assert_array_equal(found.y, [4, np.nan, np.nan])


def test_polygons_are_refused(tmp_path):
    path = write_layers(str(tmp_path / "a.gpkg"), [Layer("cells", "Polygon", UTM, FIELDS, ())])
    with pytest.raises(InvalidOption, match=r"no layer of points; its layers are: cells"):
        read_points(path)


def test_a_file_that_is_no_layer_is_refused(tmp_path):
    (tmp_path / "a.gpkg").write_text("text")
    with pytest.raises(ImageIOError, match=r"a.gpkg cannot be opened"):
        read_points(str(tmp_path / "a.gpkg"))
