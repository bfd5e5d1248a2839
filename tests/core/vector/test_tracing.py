# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError
from orthoweave.core.grid import Grid
from orthoweave.core.vector import trace
from orthoweave.core.vector.rings import area_of, ring_area, rings_of
from orthoweave.core.vector.tracing import quadrilateral, simplified, tidied, trace_pixels

DIAGONAL = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], "u1")
PINCHED = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]], "u1")


def square(left, top, size):
    ring = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], float)
    return ring * size + (left, top)


def valid(polygons):
    ogr = pytest.importorskip("osgeo.ogr")
    from orthoweave.core.vector.rings import wkb_of

    return ogr.CreateGeometryFromWkb(wkb_of(polygons)).IsValid()


def test_pixels_that_meet_at_corners_are_separate_parts(write):
    polygons = trace_pixels(write("mask.tif", DIAGONAL))
    assert len(polygons) == 3
    assert area_of(polygons) == 3


def test_outlines_that_touch_themselves_are_valid_and_keep_their_area(write):
    polygons = trace_pixels(write("mask.tif", PINCHED))
    assert area_of(polygons) == PINCHED.sum()
    assert all(valid((polygon,)) for polygon in polygons)


def test_random_masks_keep_their_area(write):
    mask = (np.random.default_rng(1).random((60, 80)) < 0.6).astype("u1")
    polygons = trace_pixels(write("mask.tif", mask))
    assert area_of(polygons) == mask.sum()
    assert all(valid((polygon,)) for polygon in polygons)


@pytest.mark.parametrize(
    "transform",
    [
        (10.0, 2.0, 0.0, 50.0, 0.0, -3.0),
        (10.0, 2.0, 0.0, 5.0, 0.0, 3.0),
        (0.0, 3.0, 1.0, 0.0, 1.0, -3.0),
    ],
)
def test_the_transform_is_applied_once(write, transform):
    mask = np.zeros((4, 5), "u1")
    mask[1:3, 2:4] = 1
    ((ring,),) = rings_of(trace(write("mask.tif", mask), Grid(5, 4, transform)))
    grid = Grid(5, 4, transform)
    corners = {grid.to_map(col, row) for col in (2, 4) for row in (1, 3)}
    assert {tuple(point) for point in ring.tolist()} == corners


def test_a_file_that_is_no_raster_is_refused(tmp_path):
    path = tmp_path / "mask.tif"
    path.write_bytes(b"no raster")
    with pytest.raises(ImageIOError, match="cannot be traced"):
        trace_pixels(str(path))


def test_small_parts_and_holes_go_and_what_lies_in_closed_holes_too():
    outer, hole, island = square(0, 0, 20), square(5, 5, 4), square(6, 6, 2)
    speck = square(30, 0, 1)
    polygons = ((outer, hole), (island,), (speck,))
    assert tidied(polygons, 0, 0) == polygons
    assert [len(p) for p in tidied(polygons, 2, 0)] == [2, 1]
    assert [len(p) for p in tidied(polygons, 0, 17)] == [1, 1]
    assert abs(ring_area(tidied(polygons, 2, 17)[0][0])) == 400


def test_simplification_removes_steps_and_stays_valid():
    steps = [(0.0, 0.0)]
    for number in range(100):
        steps += [(number + 1.0, float(number)), (number + 1.0, number + 1.0)]
    ring = np.array([*steps, (0.0, 100.0), (0.0, 0.0)])
    near = square(52, 48.5, 0.5)  # a part that a straight line would pass over
    found = simplified(((ring,), (near,)), 1.5)
    assert len(found[0][0]) < 60
    assert valid(found)
    assert simplified(((ring,),), 0) == ((ring,),)


def test_the_outline_of_all_pixels_is_their_corners():
    ((ring,),) = (quadrilateral(Grid(3, 2, (0, 1, 0, 0, 0, -1))),)
    assert ring.tolist() == [[0, 0], [3, 0], [3, 2], [0, 2], [0, 0]]
