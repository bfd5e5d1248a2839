# SPDX-License-Identifier: GPL-2.0-or-later
"""Wrong matches planted in fields of every kind; true ones kept."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from orthoweave.core.matching.outliers import global_outliers, local_outliers, uncertainty_factor
from orthoweave.core.transform.planes import Scattered

COUNT = 3000
SIDE = 1000.0


def rotation(x, y):
    """1.5 degrees, scale 1.005 about the middle."""
    c, s = 1.005 * np.cos(np.radians(1.5)), 1.005 * np.sin(np.radians(1.5))
    x, y = x - SIDE / 2, y - SIDE / 2
    return (c - 1) * x - s * y + 0.37, s * x + (c - 1) * y - 0.62


def waves(x, y):
    return 1.2 * np.sin(2 * np.pi * y / 300), 0.5 * np.cos(2 * np.pi * x / 400)


def step(x, y):
    return np.where(x < SIDE / 2, -1.0, 1.0), 0 * y


def constant(x, y):
    return 0.37 + 0 * x, -0.62 + 0 * y


def places(seed=0):
    return np.random.default_rng(seed).uniform(0, SIDE, (2, COUNT))


def matches(field, noise=0.05, seed=0):
    x, y = places(seed)
    dx, dy = field(x, y)
    rng = np.random.default_rng(seed + 1)
    dx, dy = dx + rng.normal(0, noise, COUNT), dy + rng.normal(0, noise, COUNT)
    return x, y, dx, dy, np.full(COUNT, noise * np.sqrt(2))


def planted(points, share, seed=7):
    """Move a share of the points by 3 to 20 px in any direction."""
    x, y, dx, dy, sigma = points
    rng = np.random.default_rng(seed)
    wrong = rng.random(COUNT) < share
    length, way = rng.uniform(3, 20, COUNT), rng.uniform(0, 2 * np.pi, COUNT)
    dx = dx + wrong * length * np.cos(way)
    dy = dy + wrong * length * np.sin(way)
    return (x, y, dx, dy, sigma), wrong


@pytest.mark.parametrize("field", [constant, rotation, waves, step])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2])
def test_planted_matches_are_rejected_and_true_ones_kept(field, share):
    points, wrong = planted(matches(field), share)
    found = local_outliers(*points)
    assert found[~wrong].mean() < 0.01
    if share:
        assert found[wrong].mean() >= 0.95


def test_points_right_at_a_step_are_kept():
    points = matches(step)
    near = np.abs(points[0] - SIDE / 2) < 10
    assert near.sum() > 30
    assert local_outliers(*points)[near].mean() < 0.05


def test_results_without_scipy_are_the_same(monkeypatch):
    pytest.importorskip("scipy")
    points, _ = planted(matches(rotation), 0.05)
    fast = local_outliers(*points)
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert np.array_equal(local_outliers(*points), fast)


def test_unknown_displacements_are_outliers_and_harm_nobody():
    x, y, dx, dy, sigma = matches(rotation)
    dx[::10] = np.nan
    found = local_outliers(x, y, dx, dy, sigma)
    assert found[::10].all()
    assert np.delete(found, np.s_[::10]).mean() < 0.01


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_few_points_are_kept(count):
    points = [values[:count] for values in matches(constant)]
    assert not local_outliers(*points).any()
    assert not global_outliers(points[2], points[3]).any()
    assert uncertainty_factor(Scattered(*points)) == 1


def test_equal_displacements_are_kept():
    x, y = places()
    same = np.full(COUNT, 0.25)
    assert not local_outliers(x, y, same, same, 0.01 + 0 * x).any()
    assert not global_outliers(same, same).any()


def test_the_global_rule_goes_on_until_nothing_changes():
    rng = np.random.default_rng(2)
    dx, dy = rng.normal(0, 0.1, (2, 1000))
    dx[:5], dy[5:8] = [30, 15, 8, 2, -2], [1, -1.5, 4]
    found = global_outliers(dx, dy)
    assert found[:8].all()
    # normal values lie within 3 standard deviations but for 0.3 %, on two axes and repeated
    assert found[8:].mean() < 0.02


def test_the_global_rule_allows_20_px():
    dx = np.concatenate([np.linspace(-15, 15, 1000), [25]])
    assert np.flatnonzero(global_outliers(dx, 0 * dx)).tolist() == [1000]


@pytest.mark.parametrize(("told", "factor"), [(0.05, 2.0), (0.1, 1.0), (0.5, 1.0), (0.01, 3.0)])
def test_the_factor_says_how_much_sigma_is_too_small(told, factor):
    x, y, dx, dy, sigma = matches(waves, noise=0.1 / np.sqrt(2))
    found = uncertainty_factor(Scattered(x, y, dx, dy, 0 * sigma + told))
    # 3000 points tell a median to 2 %, the surface follows noise and waves a little
    assert found == pytest.approx(factor, rel=0.06)
