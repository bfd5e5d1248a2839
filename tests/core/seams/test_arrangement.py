# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

geometry = pytest.importorskip("shapely.geometry")

from orthoweave.core.seams.arrangement import (  # noqa: E402
    OUTSIDE,
    adopted,
    arrange,
    boundaries,
    covers,
    joined,
    thin_faces,
)
from orthoweave.core.seams.cover import (  # noqa: E402
    covered,
    groups,
    kinship,
    rim,
)

LEFT, RIGHT = geometry.box(0, 0, 6, 6), geometry.box(4, 2, 10, 8)


def arrangement(*polygons):
    return arrange(boundaries(polygons), closed=True)


def test_two_squares_give_three_faces_and_their_covers():
    found = arrangement(LEFT, RIGHT)
    names = dict(zip(covers(found, [LEFT, RIGHT], ()), found.areas.tolist()))
    assert names == {(0,): 28, (0, 1): 8, (1,): 28}


def test_every_line_has_its_face_on_the_left_and_on_the_right():
    found = arrangement(LEFT, RIGHT)
    for line, (left, right) in zip(found.coordinates, found.sides.tolist()):
        middle, way = line[:2].mean(0), line[1] - line[0]
        normal = np.array([-way[1], way[0]]) * 1e-3
        for face, position in ((left, middle + normal), (right, middle - normal)):
            point = geometry.Point(*position)
            inside = [n for n, polygon in enumerate(found.faces) if polygon.contains(point)]
            assert inside == ([] if face == OUTSIDE else [face])


def test_faces_of_one_owner_join_and_holes_stay_free():
    ring = geometry.box(0, 0, 9, 9).difference(geometry.box(3, 3, 6, 6))
    found = arrangement(ring, geometry.box(8, 0, 20, 9))
    state = covered(found, [ring, geometry.box(8, 0, 20, 9)])
    owners = np.array([cover[0] if cover else OUTSIDE for cover in state.covers])
    cells = joined(found, owners)
    assert [polygon.area for polygon in cells[0]] == [72]
    assert len(cells[0][0].interiors) == 1
    assert [polygon.area for polygon in cells[1]] == [99]


def test_without_owners_there_are_no_cells():
    found = arrangement(LEFT)
    assert joined(found, np.array([OUTSIDE])) == {}


def test_rounding_slivers_join_the_neighbor_with_the_longest_common_line():
    other = geometry.box(6 - 4e-15, 0, 9, 6)
    found = arrangement(LEFT, other)
    thin = thin_faces(found, 1e-9)
    assert len(thin) == 1
    (neighbor,) = adopted(found, thin).values()
    assert found.areas[neighbor] > 1
    state = covered(found, [LEFT, other])
    assert state.covers[thin[0]] == state.covers[neighbor]
    assert sorted(set(state.covers)) == [(0,), (1,)]


def test_a_sliver_beside_nothing_else_counts_as_outside():
    sliver = geometry.box(0, 0, 5, 1e-12)
    found = arrangement(sliver)
    assert adopted(found, [0]) == {0: OUTSIDE}


def test_interior_points_lie_inside():
    found = arrangement(LEFT, RIGHT)
    for face, (x, y) in zip(found.faces, found.insides.tolist()):
        assert face.contains(geometry.Point(x, y))


def test_groups_hang_together_by_lines_and_have_a_rim():
    cross = [geometry.box(0, 4, 10, 6), geometry.box(4, 0, 6, 10)]
    found = arrangement(*cross)
    state = covered(found, cross)
    arms = [face for face, cover in enumerate(state.covers) if len(cover) == 1]
    assert [len(group) for group in groups(found, arms)] == [1, 1, 1, 1]
    everything = range(len(found.faces))
    assert [len(group) for group in groups(found, everything)] == [5]
    length = sum(found.lines[line].length for line in rim(found, everything))
    assert length == 40


def test_kinship_tells_twins_from_images_inside_others():
    inner = geometry.box(1, 1, 3, 3)
    polygons = [LEFT, inner, geometry.box(0, 0, 6, 6)]
    state = covered(arrangement(*polygons), polygons)
    top = kinship(state, 0.0, "top")
    assert top.twins == {2: 0}
    assert top.contenders((0, 1, 2)) == (1,)
    assert top.contenders((0, 2)) == (0,)
    assert kinship(state, 0.0, "skip").contenders((0, 1, 2)) == (0,)


def test_less_than_half_a_pixel_outside_still_counts_as_inside():
    inner = geometry.box(-0.1, 1, 3, 3)
    state = covered(arrangement(LEFT, inner), [LEFT, inner])
    assert kinship(state, 0.5, "top").contenders((0, 1)) == (1,)
    assert kinship(state, 0.1, "top").contenders((0, 1)) == (0, 1)
