# SPDX-License-Identifier: GPL-2.0-or-later
"""Displacements by height: slopes of all pairs, honest intervals, bins."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from orthoweave.core.matching.altitude import altitude, theil_sen
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.windows import Window

AREA = Window(0, 0, 800, 800)


def made(n=3000, slope=0.0, seed=0, noise=0.1, ground=True):
    """Heights of 200 to 700 units; dx grows by `slope` px per 100 of them."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 799, (2, n))
    heights = rng.uniform(200, 700, n)
    dx = 0.3 + slope * heights / 100 + rng.normal(0, noise, n)
    dy = -0.2 + rng.normal(0, noise, n)
    map_columns = {"east": 10 * dx, "north": -10 * dy} if ground else {}
    ones = np.ones((3, n))
    return KeyPoints(x, y, dx, dy, *ones, np.zeros(n), altitude=heights, **map_columns)


@pytest.mark.parametrize("n", [40, 400, 3000, 20000])
def test_one_pixel_per_hundred_metres_is_found(n):
    found = altitude(made(n, slope=1.0), AREA)
    slope = found.slopes["dx"]
    assert slope.value == pytest.approx(1, rel=0.05)
    assert slope.low < 1 < slope.high
    assert slope.effect == pytest.approx(4.5, rel=0.1)  # 5-95 % of 500 units, of few points
    assert found.slopes["east"].value == pytest.approx(10, rel=0.05)
    assert found.depends
    assert found.rmse_after == pytest.approx(0.1 * math.sqrt(2), rel=0.3)


def test_wrong_points_do_not_pull_the_slope():
    points = made(1000, slope=0.5)
    dx = points.dx.copy()
    dx[::5] += 30 * np.sign(points.altitude[::5] - 450)
    assert altitude(points.with_columns(dx=dx), AREA).slopes["dx"].value == pytest.approx(0.5, 0.2)


def test_the_slope_is_the_median_over_all_pairs():
    points = made(60, slope=0.4, seed=3)
    slopes = [
        (points.dx[b] - points.dx[a]) / (points.altitude[b] - points.altitude[a])
        for a, b in itertools.combinations(range(60), 2)
    ]
    assert altitude(points, AREA).slopes["dx"].value == pytest.approx(100 * np.median(slopes))


def test_the_interval_of_independent_points_is_that_of_sen():
    rng = np.random.default_rng(5)
    n, wide = 150, []
    pairs = np.array(list(itertools.combinations(range(n), 2)))
    for _ in range(30):
        heights = np.sort(rng.uniform(0, 1, n))
        rise = heights[pairs[:, 1]] - heights[pairs[:, 0]]
        values = rng.normal(0, 1, n)
        _, low, high = theil_sen(values, *pairs.T, rise, np.arange(n))
        slopes = np.sort((values[pairs[:, 1]] - values[pairs[:, 0]]) / rise)
        ranks = 1.96 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2
        middle = (len(slopes) - 1) / 2
        wide.append((high - low) / (slopes[int(middle + ranks)] - slopes[int(middle - ranks)]))
    assert np.mean(wide) == pytest.approx(1, abs=0.1)


def test_the_truth_lies_in_19_of_20_intervals():
    inside = 0
    for seed in range(60):
        slope = altitude(made(200, seed=seed), AREA).slopes["dx"]
        inside += slope.low <= 0 <= slope.high
    assert inside >= 51  # 57 expected, 3 deviations of 1.7 below


def test_noise_and_tiny_effects_do_not_depend_on_height():
    assert not altitude(made(3000), AREA).depends
    small = altitude(made(20000, slope=0.015, noise=0.02), AREA)
    assert small.slopes["dx"].certain
    assert small.slopes["dx"].effect < 0.1
    assert not small.depends


def test_bins_stand_at_multiples_of_their_size():
    points = made(500, slope=0.2)
    found = altitude(points, AREA, bin_size=100)
    assert [(one.low, one.high) for one in found.bins] == [
        (h, h + 100) for h in range(200, 700, 100)
    ]
    for one in found.bins:
        inside = (points.altitude >= one.low) & (points.altitude < one.high)
        assert one.n == inside.sum()
        assert one.mean["dx"] == pytest.approx(points.dx[inside].mean())
        assert one.std["north"] == pytest.approx(points.north[inside].std())
        assert one.rmse["radial"] == pytest.approx(
            np.sqrt(np.mean(np.hypot(points.dx, points.dy)[inside] ** 2))
        )


def test_without_heights_nothing_is_said():
    points = made(20).with_columns(altitude=np.full(20, np.nan))
    assert altitude(points, AREA) is None
    assert altitude(KeyPoints.none(), AREA) is None


@pytest.mark.parametrize("n", [1, 2, 5])
def test_one_height_has_no_slope(n):
    points = made(n, ground=False)
    found = altitude(points.with_columns(altitude=np.full(n, 300.0)), AREA)
    assert found.n == n
    assert found.slopes == {}
    assert not found.depends
    assert set(found.bins[0].mean) == {"dx", "dy", "radial"}


def test_two_points_are_not_certain():
    slope = altitude(made(2), AREA).slopes["dx"]
    assert not slope.certain
    assert math.isinf(slope.low) or slope.low <= 0
