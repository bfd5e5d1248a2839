# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.vector.clipping import Shapes, exploded, largest_shares
from orthoweave.core.vector.rings import wkb_of


def ring(left, low, right, high):
    corners = [(left, low), (right, low), (right, high), (left, high), (left, low)]
    return (np.array(corners, float),)


def box(*edges):
    return wkb_of([ring(*edges)])


SHAPES = Shapes((box(0, 0, 2, 1), box(5, 0, 6, 1)))


def test_areas_centers_boxes_and_distances():
    assert SHAPES.areas.tolist() == [2, 1]
    assert SHAPES.centers.tolist() == [[1, 0.5], [5.5, 0.5]]
    assert SHAPES.boxes.tolist() == [[0, 0, 2, 1], [5, 0, 6, 1]]
    assert SHAPES.distance(0, 1) == 3


def test_what_two_shapes_share():
    other = Shapes((box(1, 0, 5.5, 4), box(2, 0, 3, 1)))
    assert list(SHAPES.meeting(other)) == [(0, 0), (0, 1), (1, 0)]
    assert Shapes((SHAPES.common(0, other, 0),)).areas[0] == pytest.approx(1)
    # they touch along an edge only
    assert SHAPES.common(0, other, 1) is None


def test_parts_are_taken_apart():
    assert len(exploded(wkb_of([ring(0, 0, 1, 1), ring(2, 2, 3, 3)]))) == 2


def test_a_shape_belongs_to_the_other_that_holds_most_of_it():
    regions = [box(0, 0, 1.2, 5), box(1.2, 0, 5.4, 5), box(100, 0, 101, 1)]
    found = largest_shares([*SHAPES.shapes, box(50, 50, 51, 51)], regions)
    assert found.tolist() == [0, 1, -1]
