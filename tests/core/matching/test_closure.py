# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.closure import closures
from orthoweave.core.matching.network import Adjusting, Nodes, Ties, adjust, held_out


def triangle(extra, seed=0):
    """Three images; between the second and the third, an error is added."""
    rng = np.random.default_rng(seed)
    shifts = np.array([(0.0, 0.0), (3.0, 1.0), (-2.0, 2.0)])
    for first, second in ((0, 1), (2, 0), (1, 2)):
        ground = rng.uniform(0, 500, (40, 2))
        p, q = (ground + shifts[i] + rng.normal(0, 0.1, (40, 2)) for i in (first, second))
        q = q + (extra if {first, second} == {1, 2} else 0.0)
        yield Ties(first, second, p, q, np.full(40, 100.0), held_out(40), 1.0)


def models(ties, kind):
    corners = np.array([[(0, 0), (500, 0), (0, 500), (500, 500)]] * 3, float)
    nodes = Nodes(corners, np.full(3, 20.0), np.ones(3))
    return adjust(nodes, ties, Adjusting(kind, floor=0.02)).models


@pytest.mark.parametrize("kind", ["translation", "similarity", "affine"])
def test_a_triangle_that_closes_is_not_reported(kind):
    ties = list(triangle(0.0))
    assert closures(ties, models(ties, kind), 0.02) == ()


def test_a_wrong_pair_opens_its_triangle():
    ties = list(triangle(np.array([2.0, 0.0])))
    (found,) = closures(ties, models(ties, "translation"), 0.02)
    assert found.images == (0, 1, 2)
    assert found.length == pytest.approx(2.0, abs=0.1)
    assert found.ratio > 3


def test_points_that_tell_no_deviation_close_nothing():
    ties = [
        Ties(p.first, p.second, p.p[:1], p.q[:1], p.weight[:1], p.held[:1], 1.0)
        for p in triangle(0.0)
    ]
    assert closures(ties, models(ties, "translation"), 0.02) == ()
