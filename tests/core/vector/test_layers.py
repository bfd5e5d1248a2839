# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import re
import sqlite3

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.raster import parse_crs
from orthoweave.core.vector import Feature, Layer, read_polygons, write_layers
from orthoweave.core.vector.rings import rings_of, wkb_of
from orthoweave.core.vector.styles import cells_style, cuts_style, footprints_style

UTM = parse_crs("EPSG:32633")
RING = np.array([[0, 0], [1, 0], [1, 1 / 3], [0, 0]])
FIELDS = (("image", "string"), ("priority", "integer"), ("area", "real"))


def cells(style="", **values):
    return Layer(
        "cells", "MultiPolygon", UTM, FIELDS, (Feature(wkb_of(((RING,),)), values),), style
    )


def rows(path, query):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_features_are_written_bit_for_bit(tmp_path):
    path = write_layers(
        str(tmp_path / "new" / "a.gpkg"), [cells(image="a", priority=1, area=1 / 3)]
    )
    (found,) = read_polygons(path, UTM)
    np.testing.assert_array_equal(rings_of(found.geometry)[0][0], RING)
    assert found.values == {"image": "a", "priority": 1, "area": 1 / 3}
    assert os.listdir(tmp_path / "new") == ["a.gpkg"]


def test_absent_values_are_null(tmp_path):
    (found,) = read_polygons(write_layers(str(tmp_path / "a.gpkg"), [cells(image="a")]), UTM)
    assert found.values == {"image": "a", "priority": None, "area": None}


def test_styles_lie_in_a_table_as_qgis_writes_it(tmp_path):
    path = write_layers(str(tmp_path / "a.gpkg"), [cells(cells_style("image"), image="a")])
    columns = [row[1] for row in rows(path, "PRAGMA table_info(layer_styles)")]
    assert columns == [
        "id", "f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column", "styleName",
        "styleQML", "styleSLD", "useAsDefault", "description", "owner", "ui", "update_time",
    ]  # fmt: skip
    query = "SELECT f_table_name, f_geometry_column, useAsDefault, update_time FROM layer_styles"
    ((table, geometry, default, changed),) = rows(path, query)
    assert (table, geometry, default) == ("cells", "geom", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", changed)


def test_layers_without_style_have_no_row(tmp_path):
    path = write_layers(str(tmp_path / "a.gpkg"), [cells(image="a")])
    assert rows(path, "SELECT name FROM sqlite_master WHERE name = 'layer_styles'") == []


@pytest.mark.parametrize(
    "style", [cells_style("image"), cuts_style(), footprints_style(["a & <b>", "c"], 'the "name"')]
)
def test_styles_are_well_formed(style):
    import xml.etree.ElementTree as ElementTree

    root = ElementTree.fromstring(style)
    assert root.attrib["version"] == "3.22"
    assert root.find("renderer-v2") is not None


def test_other_extensions_are_refused(tmp_path):
    with pytest.raises(InvalidOption, match=r"cells.shp is no GeoPackage"):
        write_layers(str(tmp_path / "cells.shp"), [])


def test_an_older_file_is_replaced_only_when_the_new_one_is_complete(tmp_path):
    path = write_layers(str(tmp_path / "a.gpkg"), [cells(image="old")])
    broken = Layer("x", "MultiPolygon", UTM, FIELDS, (Feature(b"", {}), 3))
    with pytest.raises((ImageIOError, AttributeError, TypeError)):
        write_layers(path, [broken])
    assert os.listdir(tmp_path) == ["a.gpkg"]
    assert read_polygons(path, UTM)[0].values["image"] == "old"
