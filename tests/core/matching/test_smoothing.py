# SPDX-License-Identifier: GPL-2.0-or-later
"""Means, derivatives and coarser copies, with OpenCV and without, against plain sums."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from orthoweave.core.matching import smoothing


@pytest.fixture(params=["with OpenCV", "without OpenCV"])
def filters(request, monkeypatch):
    if request.param == "without OpenCV":
        monkeypatch.setitem(sys.modules, "cv2", None)
    else:
        pytest.importorskip("cv2")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def impulse(side=151):
    values = np.zeros((side, side), np.float32)
    values[side // 2, side // 2] = 1
    return values


@pytest.mark.parametrize(("sigma", "width"), [(1, 3), (2, 5), (3, 7), (4, 9), (8, 17), (24, 49)])
def test_the_width_is_the_odd_number_nearest_to_the_formula(sigma, width):
    assert smoothing.box_width(sigma) == width


def test_three_boxes_spread_like_a_gaussian(filters):
    found = smoothing.box_mean(impulse(), None, 8.0)
    x = np.arange(151) - 75
    assert found.sum() == pytest.approx(1, abs=1e-5)
    # boxes of 17 px: (17^2 - 1) / 4 = 72 instead of 64
    assert (found.sum(0) * x**2).sum() == pytest.approx(72, rel=1e-4)
    assert np.flatnonzero(found.sum(0) > 1e-12).min() == 75 - smoothing.box_reach(8.0)


def test_a_constant_stays_constant_up_to_the_border_and_beside_holes(filters):
    values = np.full((80, 90), 7.0, np.float32)
    valid = np.ones(values.shape, bool)
    valid[20:50, 30:45] = False
    weight = smoothing.weight_of(valid)
    for mean in (smoothing.box_mean, smoothing.gaussian_mean):
        assert mean(values, None, 4.0) == pytest.approx(7, abs=1e-5)
        assert mean(values * valid, weight, 4.0)[valid] == pytest.approx(7, abs=1e-5)


def test_what_is_missing_far_away_changes_no_digit(filters):
    values, valid = noise(150, 150), np.ones((150, 150), bool)
    valid[130:, :20] = False
    weight = smoothing.weight_of(valid)
    for mean, sigma in ((smoothing.box_mean, 8.0), (smoothing.gaussian_mean, 1.0)):
        near, far = mean(values, None, sigma), mean(values * valid, weight, sigma)
        # two edges of the array are as far from it as the middle is
        assert np.array_equal(near[:100, 50:], far[:100, 50:])
        assert np.array_equal(near[:100, :50], far[:100, :50])


def test_where_nothing_is_valid_means_are_0(filters):
    nothing = np.zeros((120, 120), np.float32)
    assert not smoothing.box_mean(nothing, nothing, 8.0).any()


def test_means_are_those_of_the_valid_pixels_alone(filters):
    values, valid = noise(60, 60), np.random.default_rng(1).random((60, 60)) > 0.3
    found = smoothing.gaussian_mean(values * valid, smoothing.weight_of(valid), 1.0)
    row, col = 30, 25
    y, x = np.mgrid[-4:5, -4:5]
    weight = np.exp(-(x**2 + y**2) / 2) * valid[26:35, 21:30]
    assert found[row, col] == pytest.approx((weight * values[26:35, 21:30]).sum() / weight.sum())


def test_the_derivative_is_exact_for_polynomials_of_degree_four(filters):
    x, y = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 31))
    values = (x**4 + x * y**3 - y**2).astype(np.float32)
    gx, gy = smoothing.gradient(values)
    inside = (slice(3, -3), slice(3, -3))
    # steps are 2 / 40 and 2 / 30; float32 keeps about 1e-6
    assert gx[inside] * 20 == pytest.approx((4 * x**3 + y**3)[inside], abs=2e-5)
    assert gy[inside] * 15 == pytest.approx((3 * x * y**2 - 2 * y)[inside], abs=2e-5)


def test_blocks_begin_at_multiples_of_4_of_the_working_grid(filters):
    whole = noise(64, 64)
    coarse = smoothing.reduced(whole)
    assert coarse == pytest.approx(whole.reshape(16, 4, 16, 4).mean((1, 3)), abs=1e-6)
    part = smoothing.reduced(whole[6:38, 9:41], (9, 6))
    assert part.shape == (9, 9)
    assert part[1:-1, 1:-1] == pytest.approx(coarse[2:9, 3:10], abs=1e-6)


def test_blocks_that_are_cut_know_their_share():
    assert smoothing.reduced_weight(None, (8, 8), (4, 4)) is None
    share = smoothing.reduced_weight(None, (6, 8), (2, 0))
    assert share == pytest.approx(np.array([[0.5, 1, 0.5]] * 1 + [[0.25, 0.5, 0.25]]))


def test_what_was_reduced_is_enlarged_to_the_same_place(filters):
    x, y = np.meshgrid(np.arange(40.0), np.arange(48.0))
    plane = (3 * x - 2 * y).astype(np.float32)
    again = smoothing.enlarged(smoothing.reduced(plane, (4, 8)), plane.shape, (4, 8))
    assert again[2:-2, 2:-2] == pytest.approx(plane[2:-2, 2:-2], abs=1e-4)
    shifted = smoothing.enlarged(smoothing.reduced(plane), (20, 20), (2, 1))
    assert shifted[4:-4, 4:-4] == pytest.approx(plane[5:17, 6:18], abs=1e-4)


def test_a_pixel_is_inner_when_its_cross_is_valid():
    valid = np.ones((9, 9), bool)
    valid[4, 4] = False
    found = smoothing.inner(valid)
    assert not found[[0, 1, -1, -2]].any()
    assert not found[4, 2:7].any()
    assert not found[2:7, 4].any()
    assert found[3, 3]


def test_the_largest_of_nine(filters):
    values = noise(20, 30)
    found = smoothing.largest(values)
    assert found[7, 9] == values[6:9, 8:11].max()
    assert found[0, 0] == values[:2, :2].max()


def test_without_opencv_results_are_the_same(monkeypatch):
    pytest.importorskip("cv2")
    values, valid = noise(70, 90) + 5, np.ones((70, 90), bool)
    valid[10:30, 40:60] = False

    def everything():
        weight = smoothing.weight_of(valid)
        known = np.where(valid, values, np.float32(0))
        yield smoothing.box_mean(known, weight, 3.0)
        yield smoothing.gaussian_mean(known, weight, 1.0)
        yield from smoothing.gradient(values)
        yield smoothing.reduced(values, (3, 1))
        yield smoothing.enlarged(values, (200, 300), (1, 2))
        yield smoothing.averaged(values, 15)

    fast = list(everything())
    monkeypatch.setitem(sys.modules, "cv2", None)
    for one, other in zip(fast, everything()):
        # float32 sums in another order
        assert one == pytest.approx(other, abs=5e-6)
