# SPDX-License-Identifier: GPL-2.0-or-later
"""Planes and curved surfaces through the nearest points."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from orthoweave.core.transform.curved import deviations
from orthoweave.core.transform.planes import (
    Scattered,
    local_planes,
    nearest,
    searching,
    weighted_planes,
)


@pytest.fixture(params=["with SciPy", "without SciPy"])
def search(request, monkeypatch):
    if request.param == "without SciPy":
        monkeypatch.setitem(sys.modules, "scipy", None)
    else:
        pytest.importorskip("scipy")


def tilted(x, y):
    return 3 + 0.02 * x - 0.01 * y, -1 + 0.005 * x + 0.03 * y


def scattered(count=400, noise=0.0, seed=0, function=tilted):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 500, (2, count))
    dx, dy = function(x, y)
    dx, dy = dx + rng.normal(0, noise, count), dy + rng.normal(0, noise, count)
    return Scattered(x, y, dx, dy, np.full(count, max(noise, 0.01) * np.sqrt(2)))


@pytest.mark.parametrize("count", [1, 7, 400])
def test_the_nearest_points_come_nearest_first(search, count):
    points = scattered()
    x, y = np.random.default_rng(5).uniform(-300, 800, (2, 333))
    index, distance = nearest(points, x, y, count)
    apart = np.hypot(points.x - x[:, None], points.y - y[:, None])
    assert distance == pytest.approx(np.sort(apart, 1)[:, :count])
    assert np.take_along_axis(apart, index, 1) == pytest.approx(distance)


def test_there_are_no_more_neighbors_than_points(search):
    index, distance = searching(scattered(3))(np.zeros(2), np.zeros(2), 20)
    assert index.shape == distance.shape == (2, 3)
    assert len(nearest(scattered(3), np.empty(0), np.empty(0), 2)[0]) == 0


@pytest.mark.parametrize("neighbors", [6, 20, 100])
def test_a_plane_is_returned_exactly_inside_and_outside(search, neighbors):
    x, y = np.meshgrid(np.linspace(-200, 700, 12), np.linspace(-200, 700, 12))
    found = weighted_planes(scattered(), x.ravel(), y.ravel(), neighbors)
    dx, dy = tilted(x.ravel(), y.ravel())
    assert found.dx == pytest.approx(dx, abs=1e-9)
    assert found.dy == pytest.approx(dy, abs=1e-9)


def test_surer_points_count_more():
    points = scattered(function=lambda x, y: (0 * x, 0 * y))
    wrong = np.arange(400) % 2 == 0
    points = Scattered(points.x, points.y, points.dx + wrong, points.dy, np.where(wrong, 1.0, 0.02))
    found = weighted_planes(points, np.array([250.0]), np.array([250.0]))
    assert abs(found.dx[0]) < 0.01


def test_one_point_and_points_on_a_line_or_in_one_place_give_values():
    at = np.array([0.0, 50, 900])
    one = Scattered(*(np.array([v]) for v in (10.0, 20.0, 1.5, -2.5, 0.1)))
    assert weighted_planes(one, at, at).dx == pytest.approx(1.5)
    along = np.linspace(0, 100, 30)
    line = Scattered(along, along, 0.01 * along, 0 * along, 0 * along + 0.1)
    assert weighted_planes(line, at[:2], at[:2]).dx == pytest.approx([0, 0.5], abs=0.01)
    place = Scattered(*(np.full(5, v) for v in (10.0, 10.0, 2.0, 1.0, 0.1)))
    assert weighted_planes(place, at, at).dx == pytest.approx(2.0)
    assert local_planes(place, np.ones(5, bool)).dx == pytest.approx(2.0)


def test_sigma_says_how_far_values_are_off():
    rng = np.random.default_rng(3)
    ratios = []
    for seed in range(20):
        points = scattered(noise=0.1, seed=seed)
        x, y = rng.uniform(50, 450, (2, 50))
        found = weighted_planes(points, x, y)
        dx, dy = tilted(x, y)
        ratios.append(np.hypot(found.dx - dx, found.dy - dy) / found.sigma)
    # points' own sigma and their scatter both count: sqrt(2) too careful, 0.833 / 1.41
    assert np.median(np.concatenate(ratios)) == pytest.approx(0.6, abs=0.1)


def test_sigma_grows_and_distance_is_told_away_from_points():
    points = scattered(noise=0.1)
    found = weighted_planes(points, np.array([250.0, 1500.0]), np.array([250.0, 250.0]))
    assert found.sigma[1] > 3 * found.sigma[0]
    apart = np.hypot(points.x - 1500, points.y - 250).min()
    assert found.distance[1] == pytest.approx(apart)


def test_robust_planes_leave_out_the_point_itself_and_wrong_neighbors():
    points = scattered()
    wrong = np.random.default_rng(1).random(400) < 0.1
    bad = Scattered(points.x, points.y, points.dx + 10 * wrong, points.dy, points.sigma)
    found = local_planes(bad, np.ones(400, bool))
    assert found.dx == pytest.approx(points.dx, abs=0.02)
    assert np.median(found.spread) < 0.01


def test_robust_planes_use_accepted_points_alone():
    points = scattered()
    accepted = np.arange(400) % 2 == 0
    bad = Scattered(points.x, points.y, points.dx + ~accepted, points.dy, points.sigma)
    found = local_planes(bad, accepted)
    assert found.dx == pytest.approx(points.dx, abs=1e-6)
    assert np.isnan(local_planes(points, np.zeros(400, bool)).dx).all()


def test_spread_is_that_of_the_neighbors():
    found = local_planes(scattered(3000, noise=0.2), np.ones(3000, bool))
    # 1.4826 instead of 1: the spread is meant to be careful
    assert np.median(found.spread) == pytest.approx(0.2 * 1.4826, rel=0.1)


def test_long_lists_are_worked_on_in_parts(monkeypatch):
    from orthoweave.core.transform import planes

    points = scattered(noise=0.1)
    whole = local_planes(points, np.ones(400, bool))
    monkeypatch.setattr(planes, "ROWS", 64)
    parts = local_planes(points, np.ones(400, bool))
    assert np.array_equal(whole.dx, parts.dx)


def test_deviations_follow_waves_and_show_noise():
    def waves(x, y):
        return 2 * np.sin(x / 60), np.cos(y / 80)

    smooth = deviations(scattered(2000, function=waves))
    assert np.median(smooth) < 0.01
    noisy = deviations(scattered(2000, noise=0.1, function=waves))
    # the median length of a vector with 0.1 px on each axis
    assert np.median(noisy) == pytest.approx(0.1177, rel=0.06)
    assert len(deviations(scattered(0))) == 0
