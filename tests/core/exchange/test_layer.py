# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import sqlite3
from xml.etree import ElementTree

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.exchange.layer import (
    LENGTH,
    ExtraField,
    positions,
    read_key_points,
    write_key_points,
)
from orthoweave.core.exchange.table import write_table
from orthoweave.core.matching.keypoints import STATUSES, KeyPoints

FIELDS = [
    *("x0", "y0", "dx", "dy", "east", "north", "radial_error", "angle", "bearing", "score"),
    *("sigma_x", "sigma_y", "zncc_score", "mutual_info_score", "mi_score", "x_map", "y_map"),
    *("altitude", "status"),
]


def opened(path):
    from osgeo import ogr

    dataset = ogr.Open(path, 1)
    return dataset, dataset.GetLayer(0)


def arrow_scale(path):
    """Millimetres per unit, the fields of the arrows and the text of the legend."""
    connection = sqlite3.connect(path)
    try:
        ((text,),) = connection.execute("SELECT styleQML FROM layer_styles").fetchall()
    finally:
        connection.close()
    root = ElementTree.fromstring(text)
    field = next(layer for layer in root.iter("layer") if layer.attrib["class"] == "VectorField")
    found = {option.attrib["name"]: option.attrib["value"] for option in field[0]}
    legend = next(rule.attrib["label"] for rule in root.iter("rule") if len(rule))
    return float(found["scale"]), (found["x_attribute"], found["y_attribute"]), legend


@pytest.mark.parametrize("kind", ["north up", "rotated", "south up", "geographic"])
def test_points_lie_at_pixel_centers_in_the_crs_of_the_reference(tmp_path, key_points, grids, kind):
    grid = grids[kind]
    points = key_points(20, grid)
    dataset, layer = opened(write_key_points(str(tmp_path / "k.gpkg"), points, grid))
    x, a, b, y, d, e = grid.transform
    for feature, col, row in zip(layer, points.x0 + 0.5, points.y0 + 0.5):
        place = feature.GetGeometryRef()
        assert place.GetX() == pytest.approx(x + a * col + b * row, rel=1e-15)
        assert place.GetY() == pytest.approx(y + d * col + e * row, rel=1e-15)
    assert layer.GetSpatialRef().GetAuthorityCode(None) in ("32633", "4326")
    del dataset


def test_without_crs_points_lie_where_qgis_shows_the_pixels(tmp_path, key_points, grids):
    points = key_points(5)
    x, y = positions(points, grids["nowhere"])
    np.testing.assert_array_equal(x, points.x0 + 0.5)
    np.testing.assert_array_equal(y, -(points.y0 + 0.5))
    path = write_key_points(str(tmp_path / "k.gpkg"), points, grids["nowhere"])
    dataset, layer = opened(path)
    assert layer.GetNextFeature().GetGeometryRef().GetY() == y[0]
    del dataset


def test_all_points_and_fields_are_there_rejected_ones_too(tmp_path, key_points, grids):
    points = key_points(8, grids["north up"], status=[0, 1, 2, 3] * 2, altitude=np.arange(8.0))
    dataset, layer = opened(write_key_points(str(tmp_path / "k.gpkg"), points, grids["north up"]))
    rows = [feature.items() for feature in layer]
    assert list(rows[0]) == FIELDS
    assert [row["status"] for row in rows] == list(STATUSES) * 2
    assert rows[3]["altitude"] == 3 and rows[3]["zncc_score"] is None
    assert rows[3]["bearing"] == pytest.approx(points.bearing[3])
    del dataset


def test_points_are_read_back_bit_for_bit(tmp_path, key_points, grids):
    points = key_points(30, grids["rotated"], status=np.arange(30) % 4, mi_score=np.ones(30))
    found = read_key_points(write_key_points(str(tmp_path / "k.gpkg"), points, grids["rotated"]))
    for name in ("x0", "y0", "dx", "dy", "score", "sigma_x", "east", "north", "x_map", "status"):
        np.testing.assert_array_equal(getattr(found, name), getattr(points, name))
    assert np.isnan(found.zncc_score).all() and (found.mi_score == 1).all()


def test_fields_of_others_stand_behind_ours(tmp_path, key_points, grids):
    extra = [
        ExtraField("id", "integer", [7, 8]),
        ExtraField("weight", "real", np.array([0.5, np.nan])),
        ExtraField("role", "string", ["fit", None]),
    ]
    grid = grids["north up"]
    path = write_key_points(str(tmp_path / "k.gpkg"), key_points(2, grid), grid, extra)
    dataset, layer = opened(path)
    rows = [list(feature.items().values())[-3:] for feature in layer]
    assert rows == [[7, 0.5, "fit"], [8, None, None]]
    del dataset
    assert len(read_key_points(path)) == 2


def test_layers_of_other_names_are_refused(tmp_path, key_points, grids):
    with pytest.raises(InvalidOption, match=r"k.shp is no GeoPackage"):
        write_key_points(str(tmp_path / "k.shp"), key_points(1), grids["north up"])


def test_no_points_make_an_empty_layer(tmp_path, grids):
    path = write_key_points(str(tmp_path / "k.gpkg"), KeyPoints.none(), grids["north up"])
    assert len(read_key_points(path)) == 0


def test_the_median_arrow_is_five_millimetres_long(tmp_path, key_points, grids):
    grid = grids["north up"]
    points = key_points(9, grid, dx=np.arange(9.0), dy=np.zeros(9), status=[0] * 7 + [2, 2])
    scale, fields, legend = arrow_scale(write_key_points(str(tmp_path / "k.gpkg"), points, grid))
    # the median of 0 to 6 px of 10 m, outliers left out; the style keeps six digits
    assert scale * 30 == pytest.approx(LENGTH, rel=1e-5)
    assert fields == ("east", "north") and legend == "5 mm = 30 m"


@pytest.mark.parametrize(
    ("shift", "length"), [(np.zeros(5), 1), (np.array([0, 0, 0, 0, 4.0]), 4), (np.full(5, 2.0), 2)]
)
def test_arrows_have_a_scale_even_when_nothing_moves(tmp_path, key_points, grids, shift, length):
    points = key_points(5, dx=shift, dy=np.zeros(5))
    path = write_key_points(str(tmp_path / "k.gpkg"), points, grids["nowhere"])
    scale, fields, legend = arrow_scale(path)
    assert scale * length == pytest.approx(LENGTH)
    assert fields == ("radial_error", "bearing") and legend.endswith("px")


def test_without_map_units_the_bearing_is_that_of_the_picture(tmp_path, key_points, grids):
    shift = {"dx": [1, 0, -1, 0], "dy": [0, 1, 0, -1]}
    path = write_key_points(str(tmp_path / "k.gpkg"), key_points(4, **shift), grids["nowhere"])
    dataset, layer = opened(path)
    # right, down, left, up, clockwise from up
    assert [feature["bearing"] for feature in layer] == [90, 180, 270, 0]
    del dataset


def test_with_a_pixel_size_arrows_are_in_metres(tmp_path, key_points, grids):
    from orthoweave.core.displacements.ground import with_map

    points = with_map(key_points(3, dx=np.ones(3), dy=np.zeros(3)), grids["nowhere"], 2.0)
    _, fields, legend = arrow_scale(
        write_key_points(str(tmp_path / "k.gpkg"), points, grids["nowhere"])
    )
    assert fields == ("east", "north") and legend == "5 mm = 2 m"


def edited(path, *statements):
    from osgeo import gdal

    dataset = gdal.OpenEx(path, gdal.OF_VECTOR | gdal.OF_UPDATE)
    for statement in statements:
        dataset.ExecuteSQL(statement)
    del dataset


def test_a_layer_edited_by_a_user_is_read(tmp_path, key_points, grids, listen):
    grid = grids["north up"]
    points = key_points(6, grid)
    path = write_key_points(str(tmp_path / "k.gpkg"), points, grid)
    edited(
        path,
        "DELETE FROM key_points WHERE fid = 1",
        "UPDATE key_points SET status = 'Outlier' WHERE fid = 2",
        "UPDATE key_points SET status = NULL, score = NULL WHERE fid = 3",
        "UPDATE key_points SET dx = NULL WHERE fid = 4",
        "UPDATE key_points SET x0 = NULL, y0 = NULL WHERE fid = 5",
    )
    progress = listen()
    found = read_key_points(path, grid, progress)
    assert len(found) == 4
    assert found.status.tolist() == [STATUSES.index("outlier"), 0, 0, 0]
    # from the position, which is exact to about 1e-9 px
    np.testing.assert_allclose(found.x0, points.x0[[1, 2, 4, 5]], atol=1e-6)
    np.testing.assert_allclose(found.y0, points.y0[[1, 2, 4, 5]], atol=1e-6)
    assert len(progress.warnings) == 1 and "1 of 5 points" in progress.warnings[0]


def translated(path, target, driver):
    """Save a layer as another format; GDAL's remarks on shortened names are not heard."""
    from osgeo import gdal, ogr

    source, layer = opened(path)
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    dataset = ogr.GetDriverByName(driver).CreateDataSource(target)
    dataset.CopyLayer(layer, "k")
    del dataset, source
    gdal.PopErrorHandler()
    return target


@pytest.mark.parametrize(
    ("name", "driver"), [("k.geojson", "GeoJSON"), ("k.shp", "ESRI Shapefile")]
)
def test_layers_saved_as_other_formats_are_read(tmp_path, key_points, grids, name, driver):
    points = key_points(5, grids["north up"], mutual_info_score=np.full(5, 1.5))
    path = write_key_points(str(tmp_path / "k.gpkg"), points, grids["north up"])
    found = read_key_points(translated(path, str(tmp_path / name), driver))
    # GeoJSON and shapefiles keep 15 digits
    np.testing.assert_allclose(found.dx, points.dx, rtol=1e-13)
    assert (found.mutual_info_score == 1.5).all() and found.used.all()


def foreign(path, fields, rows):
    """Write points with fields of one's own."""
    from osgeo import ogr

    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(path)
    layer = dataset.CreateLayer("mine", None, ogr.wkbPoint)
    for name, kind in fields:
        layer.CreateField(ogr.FieldDefn(name, kind))
    for x, y, values in rows:
        feature = ogr.Feature(layer.GetLayerDefn())
        for index, value in enumerate(values):
            feature.SetField(index, value)
        place = ogr.Geometry(ogr.wkbPoint)
        place.AddPoint_2D(x, y)
        feature.SetGeometryDirectly(place)
        layer.CreateFeature(feature)
    del dataset
    return path


def test_points_with_dx_and_dy_alone_are_placed_by_the_reference(tmp_path, grids):
    from osgeo import ogr

    fields = [("DX", ogr.OFTReal), ("dy", ogr.OFTString), ("sigma", ogr.OFTReal)]
    rows = [(10.5, -3.5, (1.5, "-2", 0.5)), (2.5, -8.5, (0.5, "1", 0.1))]
    path = foreign(str(tmp_path / "mine.gpkg"), fields, rows)
    found = read_key_points(path, grids["nowhere"])
    assert found.x0.tolist() == [2, 10] and found.y0.tolist() == [8, 3]
    assert found.dx.tolist() == [0.5, 1.5] and found.dy.tolist() == [1, -2]
    np.testing.assert_allclose(found.sigma, [0.1, 0.5])
    with pytest.raises(InvalidOption, match="no fields x0 and y0, and without a reference"):
        read_key_points(path)


def test_layers_without_displacements_are_refused(tmp_path, grids):
    from osgeo import ogr

    path = foreign(str(tmp_path / "mine.gpkg"), [("name", ogr.OFTString)], [(1, 1, ("a",))])
    with pytest.raises(InvalidOption, match=r"no field dx. Its fields are: name"):
        read_key_points(path, grids["nowhere"])


def test_words_where_numbers_belong_are_refused(tmp_path, grids):
    from osgeo import ogr

    fields = [("dx", ogr.OFTString), ("dy", ogr.OFTReal)]
    path = foreign(str(tmp_path / "mine.gpkg"), fields, [(1, 1, ("a", 1.0))])
    with pytest.raises(InvalidOption, match=r"field dx holds something that is no number"):
        read_key_points(path, grids["nowhere"])


def test_an_unknown_status_is_refused_with_the_known_ones(tmp_path, key_points, grids):
    path = write_key_points(str(tmp_path / "k.gpkg"), key_points(2), grids["north up"])
    edited(path, "UPDATE key_points SET status = 'bad' WHERE fid = 1")
    with pytest.raises(InvalidOption, match=r"'bad' is not known. Use used, low score, outlier"):
        read_key_points(path)


def test_a_table_is_read_through_the_same_door(tmp_path, key_points):
    path = write_table(str(tmp_path / "a.CSV"), key_points(3))
    assert len(read_key_points(path)) == 3
