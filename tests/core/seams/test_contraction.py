# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

geometry = pytest.importorskip("shapely.geometry")
pytest.importorskip("scipy.spatial")

from orthoweave.core.seams.arrangement import arrange, boundaries  # noqa: E402
from orthoweave.core.seams.contraction import without_detached  # noqa: E402
from orthoweave.core.seams.cover import covered  # noqa: E402
from orthoweave.core.seams.ground import Rule  # noqa: E402
from orthoweave.core.seams.settling import labels_at, owned  # noqa: E402
from orthoweave.core.seams.voronoi import partition  # noqa: E402
from shapely import wkb  # noqa: E402
from shapely.ops import unary_union  # noqa: E402

EXACT = 1e-9
box = geometry.box


def state_of(*polygons):
    return covered(arrange(boundaries(polygons), closed=True), polygons)


def divided(polygons, **how):
    found = partition([p.wkb for p in polygons], Rule(spacing=1, **how))
    return found, {number: wkb.loads(cell) for number, cell in found.cells.items()}


@pytest.fixture
def island():
    """A state whose 2 × 2 island in the middle of image 1's cell belongs to image 0."""
    polygons = box(0, 0, 10, 10), box(2, 0, 12, 10), box(5, 5, 7, 7)
    state = state_of(*polygons)
    owners = np.array([min(1, max(cover)) for cover in state.covers])
    (inner,) = (n for n, cover in enumerate(state.covers) if cover == (0, 1, 2))
    owners[inner] = 0
    return state, owners, inner


def test_a_detached_part_goes_to_the_neighbor_it_touches_a_little(island):
    state, owners, inner = island
    assert without_detached(state, owners, 9.0)[inner] == 1
    assert without_detached(state, owners, 8.0)[inner] == 0  # its seam is 8 long
    assert owners[inner] == 0  # what was given stays as it was


def test_a_detached_part_stays_where_no_neighbor_covers_it():
    bridge = unary_union([box(0, 0, 4, 4), box(6, 0, 7, 1)])
    polygons = bridge, box(3, 0, 6.5, 4)
    state = state_of(*polygons)
    owners = np.array([cover[-1] if cover else -1 for cover in state.covers])
    assert (without_detached(state, owners, 100.0) == owners).all()


def test_labels_that_an_image_does_not_cover_go_to_the_longest_neighbor():
    polygons = box(0, 0, 10, 10), box(8, 0, 20, 10)
    state = state_of(*polygons)
    labels = labels_at(state.arrangement, [box(0, 0, 30, 10)], [1])
    assert labels == [1, 1, 1]
    found = dict(zip(state.covers, owned(state, labels).tolist()))
    assert found == {(0,): 0, (0, 1): 1, (1,): 1}


def test_two_junctions_become_one_and_the_cells_still_tile():
    polygons = [
        box(0, 0, 100, 60),
        box(80, 0, 180, 62),
        box(0, 40, 101, 100),
        box(82, 41, 180, 100),
    ]
    usual, _ = divided(polygons)
    found, cells = divided(polygons, shortest=10)
    assert (len(usual.cuts), len(found.cuts)) == (5, 4)
    assert min(cut.length for cut in found.cuts) > 10
    meeting = set.intersection(*(set(map(tuple, p)) for p in map(corners, cells.values())))
    assert len(meeting) == 1
    whole = unary_union(polygons)
    assert whole.symmetric_difference(unary_union(list(cells.values()))).area < EXACT * whole.area
    assert sum(cell.area for cell in cells.values()) - whole.area < EXACT * whole.area
    for number, cell in cells.items():
        assert cell.difference(polygons[number]).area < EXACT * whole.area


def corners(cell):
    return [xy for part in cell.geoms for xy in part.exterior.coords]


def test_a_short_piece_that_ends_on_the_border_becomes_that_end():
    # the third image ends 1 beyond the seam of the two others
    polygons = [box(0, 0, 60, 40), box(40, 0, 100, 40), box(0, -40, 51, 3)]
    usual, _ = divided(polygons)
    found, cells = divided(polygons, shortest=4)
    assert sorted((cut.image_a, cut.image_b) for cut in usual.cuts) == [(0, 1), (0, 2), (1, 2)]
    assert [(cut.image_a, cut.image_b) for cut in found.cuts] == [(0, 1), (0, 2)]
    assert (51.0, 0.0) in set(wkb.loads(found.cuts[0].geometry).coords)
    whole = unary_union(polygons)
    assert whole.symmetric_difference(unary_union(list(cells.values()))).area < EXACT * whole.area


def test_long_seams_stay_as_they_are():
    polygons = [box(0, 0, 100, 60), box(80, 0, 180, 60)]
    usual, found = divided(polygons)[0], divided(polygons, shortest=5)[0]
    assert found.cells == usual.cells
