# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.transform.kernels import KERNELS, taps

ALL = ("nearest", "average", *KERNELS)
POSITIONS = np.linspace(-3.3, 9.7, 131)


def dense(resampling, positions, scale):
    """Return weights[position, source index + 50] from taps."""
    first, weights = taps(positions, resampling, scale)
    out = np.zeros((len(positions), 120))
    for tap, weight in enumerate(weights):
        np.add.at(out, (np.arange(len(positions)), first + tap + 50), weight)
    return out


@pytest.mark.parametrize("scale", [0.3, 1.0, 1.7, 4.0])
@pytest.mark.parametrize("resampling", ALL)
def test_weights_sum_to_one(resampling, scale):
    np.testing.assert_allclose(dense(resampling, POSITIONS, scale).sum(1), 1, rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1.7, 4.0])
@pytest.mark.parametrize("resampling", ["average", "bilinear", "cubic", "lanczos"])
def test_a_straight_line_is_kept(resampling, scale):
    index = np.arange(120) - 50.0
    found = dense(resampling, POSITIONS, scale) @ index
    # pixels count with their centers whatever part of them an area covers; a kernel of a width
    # that is no whole number and Lanczos are nearly exact
    tolerance = {"average": 0.3, "bilinear": 0.09, "cubic": 0.02, "lanczos": 0.03}[resampling]
    exact = scale == 1 and resampling in ("average", "bilinear", "cubic")
    np.testing.assert_allclose(found, POSITIONS, atol=1e-9 if exact else tolerance)


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "lanczos", "average"])
def test_pixel_centers_keep_their_value(resampling):
    positions = np.arange(-2.0, 5.0)
    np.testing.assert_allclose(dense(resampling, positions, 1.0), np.eye(120)[48:55], atol=1e-12)


def test_kernels_do_not_widen_for_the_noise_of_equal_pixels():
    assert len(taps(POSITIONS, "bilinear", 1.0 + 1e-9)[1]) == 2
    assert len(taps(POSITIONS, "bilinear", 1.1)[1]) == 3


def test_rounding_noise_of_positions_makes_no_weight():
    first, weights = taps(np.array([3.0 + 1e-9, 3.0 - 1e-9]), "bilinear", 1.0)
    assert sorted(weights[weights > 0].tolist()) == [1.0, 1.0]
    assert (first + weights.argmax(0)).tolist() == [3, 3]


def test_kernels_by_hand():
    assert dense("bilinear", np.array([2.25]), 1.0)[0, 52:54].tolist() == [0.75, 0.25]
    # Keys at 0.5: -1/16, 9/16, 9/16, -1/16
    np.testing.assert_allclose(
        dense("cubic", np.array([2.5]), 1.0)[0, 51:55], [-0.0625, 0.5625, 0.5625, -0.0625]
    )
    half = np.sinc(np.array([2.5, 1.5, 0.5])) * np.sinc(np.array([2.5, 1.5, 0.5]) / 3)
    lanczos = np.concatenate([half, half[::-1]])
    np.testing.assert_allclose(
        dense("lanczos", np.array([2.5]), 1.0)[0, 50:56], lanczos / lanczos.sum()
    )


def test_an_area_counts_pixels_by_what_it_covers():
    # a target pixel of 2.5 source pixels round position 1: from -0.25 to 2.25
    found = dense("average", np.array([1.0]), 2.5)[0, 50:53]
    np.testing.assert_allclose(found, np.array([0.75, 1, 0.75]) / 2.5)


def test_wide_kernels_skip_no_pixel():
    for resampling in KERNELS:
        weights = dense(resampling, np.arange(0.0, 40, 4), 4.0)
        assert (np.abs(weights).sum(0)[50:90] > 0).all()


def test_nearest_takes_the_pixel_that_holds_the_position():
    first, _ = taps(np.array([-0.5, -0.1, 0.49, 0.5, 1.49]), "nearest", 1.0)
    assert first.tolist() == [0, 0, 0, 1, 1]
