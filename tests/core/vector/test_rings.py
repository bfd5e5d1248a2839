# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.vector.rings import (
    area_of,
    densified,
    mapped,
    ring_area,
    rings_of,
    wkb_of,
)

SQUARE = np.array([[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], float)
HOLE = np.array([[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]], float)


def test_polygons_survive_well_known_binary_bit_for_bit():
    polygons = ((SQUARE / 3, HOLE / 7), (SQUARE + 10,))
    found = rings_of(wkb_of(polygons))
    assert [len(polygon) for polygon in found] == [2, 1]
    for before, after in zip(polygons, found):
        for ring, back in zip(before, after):
            np.testing.assert_array_equal(ring, back)


def test_a_single_big_endian_polygon_is_read():
    ogr = pytest.importorskip("osgeo.ogr")
    geometry = ogr.CreateGeometryFromWkt("POLYGON((0 0,4 0,4 4,0 0),(1 1,2 1,2 2,1 1))")
    (polygon,) = rings_of(bytes(geometry.ExportToWkb(ogr.wkbXDR)))
    assert [ring.tolist()[1] for ring in polygon] == [[4, 0], [2, 1]]


def test_empty_geometries_have_no_rings():
    assert rings_of(wkb_of(())) == ()


@pytest.mark.parametrize("wkt", ["POINT(1 2)", "LINESTRING(0 0,1 1)"])
def test_other_geometries_are_refused(wkt):
    ogr = pytest.importorskip("osgeo.ogr")
    with pytest.raises(ValueError, match="instead of a polygon"):
        rings_of(bytes(ogr.CreateGeometryFromWkt(wkt).ExportToWkb()))


def test_bytes_behind_a_geometry_are_refused():
    with pytest.raises(ValueError, match="behind"):
        rings_of(wkb_of(((SQUARE,),)) + b"x")


def test_areas_leave_out_holes_and_know_the_direction():
    assert ring_area(SQUARE) == 16
    assert ring_area(SQUARE[::-1]) == -16
    assert area_of(((SQUARE, HOLE), (SQUARE + 1e6,))) == 31


def test_edges_are_divided_into_equal_pieces_up_to_a_number():
    ((ring,),) = densified(((SQUARE,),), 1.0)
    assert len(ring) == 17
    np.testing.assert_allclose(np.hypot(*np.diff(ring, axis=0).T), 1)
    ((ring,),) = densified(((SQUARE,),), 1e-6)
    assert len(ring) == 81
    ((ring,),) = densified(((SQUARE,),), 100)
    np.testing.assert_array_equal(ring, SQUARE)


def test_every_vertex_is_mapped():
    ((ring,),) = mapped(((SQUARE,),), lambda x, y: (x + 1, -y))
    np.testing.assert_array_equal(ring, SQUARE * (1, -1) + (1, 0))
