# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

geometry = pytest.importorskip("shapely.geometry")
pytest.importorskip("scipy.spatial")

from orthoweave.core.seams.alongside import with_near_twins  # noqa: E402
from orthoweave.core.seams.arrangement import arrange, boundaries  # noqa: E402
from orthoweave.core.seams.cover import Kinship, covered  # noqa: E402
from orthoweave.core.seams.ground import Rule  # noqa: E402
from orthoweave.core.seams.voronoi import partition  # noqa: E402
from shapely import affinity, wkb  # noqa: E402


def ragged(seed, x=0.0, side=400, pieces=100):
    """A square whose border is off by up to a pixel, at random."""
    rng = np.random.default_rng(seed)
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side), (0, 0)], float)
    part = np.arange(pieces)[:, None] / pieces
    points = np.vstack([a + (b - a) * part for a, b in zip(corners, corners[1:])])
    return geometry.Polygon(points + rng.integers(-1, 2, points.shape) + (x, 0)).buffer(0)


def kin_of(*polygons, width=5.0):
    state = covered(arrange(boundaries(polygons), closed=True), polygons)
    return with_near_twins(Kinship({}, {}), state, polygons, width, geographic=False)


def test_footprints_that_cross_often_are_the_same():
    found = kin_of(*map(ragged, range(3)))
    assert found.twins == {1: 0, 2: 0}
    assert found.yields == {1: {0}, 2: {0, 1}}
    assert found.contenders((0, 1, 2)) == (0,)


@pytest.mark.parametrize(
    ("polygons", "width"),
    [
        ((ragged(0), ragged(1)), 0.0),
        ((ragged(0), ragged(1, x=60)), 5.0),
        ((ragged(0), ragged(1, x=30)), 5.0),
        ((geometry.box(0, 0, 400, 400), geometry.box(1, 1, 401, 401)), 5.0),
        ((ragged(0), geometry.box(40, 40, 360, 360)), 5.0),
    ],
    ids=["no pixel size", "shifted", "shifted a little", "crossing twice", "inside"],
)
def test_other_footprints_are_not(polygons, width):
    assert kin_of(*polygons, width=width).twins == {}


def test_the_first_gets_the_ground_in_one_piece_in_degrees_too():
    polygons = [affinity.affine_transform(ragged(n), (1e-4, 0, 0, 1e-4, 15, 60)) for n in range(3)]
    found = partition([p.wkb for p in polygons], Rule(pixel=1e-4, geographic=True))
    assert len(wkb.loads(found.cells[0]).geoms) == 1
    assert found.areas[0] == pytest.approx(polygons[0].area, rel=1e-9)
    assert max(found.gap_area, found.overlap_area) < 1e-9 * found.union_area
