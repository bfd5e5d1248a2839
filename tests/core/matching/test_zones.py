# SPDX-License-Identifier: GPL-2.0-or-later
"""Nine zones of the overlap, and what NMAD means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.matching.keypoints import LOW_SCORE, KeyPoints
from orthoweave.core.matching.zones import NAMES, cell_numbers, nmad, zones
from orthoweave.core.windows import Window


def test_nmad_of_normal_numbers_is_their_deviation():
    values = np.random.default_rng(0).normal(3, 0.2, 20000)
    assert 0.19 < nmad(values) < 0.21
    assert math.isnan(nmad(np.empty(0)))


@pytest.mark.parametrize(
    ("x", "y", "cell"),
    [(10, 20, 0), (39, 20, 0), (40, 20, 1), (99, 20, 2), (10, 79, 6), (99, 79, 8), (5, 99, 6)],
)
def test_cells_tile_an_area_that_starts_anywhere(x, y, cell):
    area = Window(10, 20, 90, 60)
    assert cell_numbers(np.array([float(x)]), np.array([float(y)]), area, 3) == [cell]


def test_each_zone_has_the_medians_of_its_own_used_points():
    rng = np.random.default_rng(1)
    n = 600
    x, y = rng.integers(0, 90, (2, n)).astype(float)
    dx, dy = rng.normal(0, 1, (2, n))
    status = np.where(rng.random(n) < 0.2, LOW_SCORE, 0)
    points = KeyPoints(x, y, dx, dy, *np.ones((3, n)), status, east=10 * dx, north=-10 * dy)
    found = zones(points, Window(0, 0, 90, 90))
    assert [zone.name for zone in found] == list(NAMES)
    for number, zone in enumerate(found):
        inside = (status == 0) & (x // 30 == number % 3) & (y // 30 == number // 3)
        assert zone.n == inside.sum()
        assert zone.median_dx == np.median(dx[inside])
        deviation = np.median(np.abs(dy[inside] - np.median(dy[inside])))
        assert zone.nmad_dy == pytest.approx(1.4826 * deviation)
        assert zone.median_north == pytest.approx(-10 * zone.median_dy)
        assert zone.nmad_east == pytest.approx(10 * zone.nmad_dx)


def test_zones_without_points_know_nothing():
    found = zones(KeyPoints.none(), Window(0, 0, 9, 9))
    assert [zone.n for zone in found] == [0] * 9
    assert all(math.isnan(zone.median_dx) for zone in found)
