# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from orthoweave.core.vector.joining import free_name, polygon_wkb, unique_names
from osgeo import ogr


@pytest.mark.parametrize(
    ("wanted", "reserved", "found"),
    [
        ([["a", "b"], ["a"], ["A"]], "", [["a", "b"], ["a_2"], ["A_3"]]),
        ([["a"], ["a_2", "a"]], "", [["a"], ["a_2", "a_3"]]),
        ([["name", "fid"]], "name", [["name_2", "fid_2"]]),
        ([[], ["geom"]], "", [[], ["geom_2"]]),
    ],
)
def test_names_that_repeat_get_a_number(wanted, reserved, found):
    assert unique_names(wanted, reserved) == found


def test_a_free_name_stays():
    assert free_name("a", {"b"}) == "a"


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("POLYGON Z ((0 0 5, 2 0 5, 2 2 5, 0 0 5))", 2),
        ("GEOMETRYCOLLECTION (POINT (1 1), POLYGON ((0 0, 2 0, 2 2, 0 0)))", 2),
        ("MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))", 1),
    ],
)
def test_polygons_of_any_geometry_are_taken(text, area):
    found = ogr.CreateGeometryFromWkb(polygon_wkb(ogr.CreateGeometryFromWkt(text)))
    assert found.GetGeometryName() == "MULTIPOLYGON"
    assert (found.GetArea(), found.GetCoordinateDimension()) == (area, 2)


@pytest.mark.parametrize("text", ["POINT (1 1)", "LINESTRING (0 0, 1 1)"])
def test_without_polygons_there_is_nothing(text):
    assert polygon_wkb(ogr.CreateGeometryFromWkt(text)) is None
