# SPDX-License-Identifier: GPL-2.0-or-later
"""Corners: strength, candidates and the choice among them for a whole image."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching import corners
from orthoweave.core.matching.corners import Candidates
from orthoweave.core.windows import Window


def everywhere(values):
    return np.ones(values.shape, bool)


def scattered(count, side, seed=0):
    """Candidates at random places, no place twice."""
    rng = np.random.default_rng(seed)
    place = rng.choice(side * side, count, replace=False)
    strength = rng.exponential(1, count).astype(np.float32)
    return Candidates((place % side).astype(np.int32), (place // side).astype(np.int32), strength)


def test_strength_has_the_same_digits_wherever_the_array_ends():
    f = np.random.default_rng(2).normal(size=(90, 300)).astype(np.float32)
    whole, edge = corners.strength(f, everywhere(f)), corners.margin()
    for width in range(60, 70):
        part = f[:, 20 : 20 + width]
        found = corners.strength(part, everywhere(part))[:, edge:-edge]
        assert np.array_equal(found, whole[:, 20 + edge : 20 + width - edge])


def counts(side, block=64):
    """Valid pixels in blocks of an image that is valid everywhere."""
    along = np.clip(side - block * np.arange(-(-side // block)), 0, block)
    return along[:, None] * along[None, :]


def nearest_distance(points):
    x, y = points.x.astype(float), points.y.astype(float)
    apart = np.hypot(x - x[:, None], y - y[:, None])
    return (apart + 1e9 * np.eye(len(x))).min()


def greedy(points, distance):
    """What one after the other would keep: the slow truth."""
    order = np.lexsort((points.x, points.y, -points.strength))
    kept = []
    for one in order:
        dx, dy = points.x[kept] - points.x[one], points.y[kept] - points.y[one]
        if not (dx**2 + dy**2 < distance**2).any():
            kept.append(one)
    return {(int(points.x[k]), int(points.y[k])) for k in kept}


def places(points):
    return set(zip(points.x.tolist(), points.y.tolist()))


def test_a_corner_is_strong_and_an_edge_is_not():
    f = np.zeros((120, 120), np.float32)
    f[60:, 60:] = 1
    found = corners.strength(f, everywhere(f))
    assert found[60, 60] > 0.01
    # the outer 2 px are the array's end, an edge by itself
    assert found[60, 95] == pytest.approx(0, abs=1e-6)
    assert found[95, 60] == pytest.approx(0, abs=1e-6)


def test_strength_is_the_smaller_eigenvalue(texture):
    f = texture(60, 60).astype(np.float32)
    found = corners.strength(f, everywhere(f), box=5)
    gx = sum(t * f[25:30, 20 + k : 25 + k] for k, t in zip((-2, -1, 1, 2), (1, -8, 8, -1))) / 12
    gy = sum(t * f[25 + k : 30 + k, 20:25] for k, t in zip((-2, -1, 1, 2), (1, -8, 8, -1))) / 12
    tensor = [[(gx * gx).mean(), (gx * gy).mean()], [(gx * gy).mean(), (gy * gy).mean()]]
    assert found[27, 22] == pytest.approx(np.linalg.eigvalsh(tensor)[0], rel=1e-4)


def test_the_border_of_invalid_pixels_is_no_corner():
    f = np.zeros((100, 100), np.float32)
    valid = everywhere(f)
    f[:50, :50] = 5
    valid[50:] = False
    valid[:, 50:] = False
    assert corners.strength(f, valid)[30:70, 30:70].max() == pytest.approx(0, abs=1e-6)


def test_candidates_are_maxima_inside_the_area_above_the_threshold():
    strength = np.zeros((50, 60), np.float32)
    for row, col, value in ((10, 10, 1.0), (10, 11, 0.9), (20, 30, 0.3), (40, 50, 2.0), (2, 2, 5)):
        strength[row, col] = value
    window = Window(100, 200, 60, 50)
    found = corners.candidates(strength, None, 0.5, window=window, area=Window(105, 205, 45, 40))
    assert places(found) == {(110, 210)}
    everything = corners.candidates(strength, None, 0.0, window=window, area=window)
    assert places(everything) == {(110, 210), (130, 220), (150, 240), (102, 202)}
    share = np.ones_like(strength)
    share[40, 50] = 0.59
    found = corners.candidates(strength, share, 0.5, window=window, area=window)
    assert places(found) == {(110, 210), (102, 202)}


def test_candidates_of_windows_are_those_of_the_whole(texture):
    f = texture(256, 256).astype(np.float32)
    valid = everywhere(f)
    valid[100:120, 90:140] = False
    area = Window(0, 0, 256, 256)
    whole = corners.candidates(corners.strength(f, valid), None, 1e-3, window=area, area=area)
    parts = []
    for row in (0, 128):
        for col in (0, 128):
            inner = Window(col, row, 128, 128)
            outer = inner.padded(corners.margin()).clipped(area)
            strength = corners.strength(f[outer.slices], valid[outer.slices])
            parts.append(corners.candidates(strength, None, 1e-3, window=outer, area=inner))
    joined = Candidates.joined(parts)
    assert len(whole) > 100
    assert places(joined) == places(whole)
    assert len(Candidates.joined([])) == 0


def test_the_strongest_are_kept_and_none_is_near_another():
    points = scattered(3000, 300)
    found = corners.select(points, counts(300), 64, max_points=0, min_distance=10.0)
    assert places(found) == greedy(points, 10.0)
    assert nearest_distance(found) >= 10


def test_points_are_sorted_by_column_then_row_whatever_their_order():
    points = scattered(2000, 300)
    found = corners.select(points, counts(300), 64)
    mixed = corners.select(
        points.chosen(np.random.default_rng(5).permutation(2000)), counts(300), 64
    )
    assert np.array_equal(found.x, mixed.x)
    assert np.array_equal(found.y, mixed.y)
    assert np.array_equal(np.lexsort((found.y, found.x)), np.arange(len(found)))


def test_equal_strengths_are_taken_in_order_of_row_then_column():
    x, y = np.array([5, 0, 9, 2], np.int32) + 40, np.array([3, 3, 0, 8], np.int32) + 40
    points = Candidates(x, y, np.ones(4, np.float32))
    found = corners.select(points, counts(100), 64, max_points=0, min_distance=6.0)
    assert places(found) == {(49, 40), (40, 43)}


def test_the_budget_holds_and_is_spread_evenly():
    points = scattered(20000, 640)
    points.strength[points.x < 200] *= 100
    found = corners.select(points, counts(640), 64, max_points=256)
    assert len(found) == 256
    # cells of 80 px keep four each, wherever the strongest are
    cells = np.bincount(found.y // 80 * 8 + found.x // 80, minlength=64)
    assert (cells == 4).all()


def test_what_poor_cells_leave_goes_to_the_strongest_elsewhere():
    points = scattered(20000, 640)
    points = points.chosen(points.x < 320)
    found = corners.select(points, counts(640), 64, max_points=256)
    assert len(found) == 256
    cells = np.bincount(found.y // 80 * 8 + found.x // 80, minlength=64).reshape(8, 8)
    assert (cells[:, :4] >= 4).all()
    assert not cells[:, 4:].any()


def test_cells_that_are_partly_valid_keep_fewer():
    valid = np.zeros((512, 512), bool)
    valid[:, :100] = True
    blocks = valid.reshape(8, 64, 8, 64).sum((1, 3))
    points = scattered(20000, 512)
    points = points.chosen(points.x < 100)
    found = corners.select(points, blocks, 64, max_points=12)
    # 51200 valid px for 12 points: cells of 131 px of which 100 are valid keep 4, the last fewer
    assert len(found) == 12
    assert np.bincount(found.y // 131, minlength=4).min() >= 2


def test_no_candidates_give_no_points():
    for limit in (0, 100):
        assert len(corners.select(scattered(0, 100), counts(100), 64, max_points=limit)) == 0


def test_the_side_of_cells():
    assert corners.cell_side(1e6, 0, 10) == 20
    assert corners.cell_side(64e6, 20000, 10) == pytest.approx(113.1, abs=0.1)
    assert corners.cell_side(1e4, 20000, 10) == 20
