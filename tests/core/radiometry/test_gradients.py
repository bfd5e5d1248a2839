# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
from orthoweave.core.radiometry.gradients import MARGIN, compared_gradients

ONES = np.ones((2, 1))


def smooth(seed, size=80):
    y, x = np.mgrid[0:size, 0:size] / 9.0
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, 4)
    waves = np.sin(x + phase[0]) * np.cos(1.3 * y + phase[1]) + np.sin(0.7 * x - y + phase[2])
    return (100 * waves)[None]


def test_gain_and_offset_leave_the_angle_at_zero():
    x = smooth(0)
    used = np.ones(x.shape[1:], bool)
    first, second, angle = compared_gradients(x, 0.3 * x + 40, used, ONES)
    # float32 sums of 81 products
    assert np.nanmax(angle[first > np.median(first)]) < 0.01
    np.testing.assert_allclose(second, 0.3 * first, rtol=1e-3, atol=1e-3)
    assert angle.shape == tuple(size - 2 * MARGIN for size in x.shape[1:])


def test_a_turned_gradient_shows_its_angle():
    y, x = np.mgrid[0:40, 0:40].astype(float)
    used = np.ones((40, 40), bool)
    for degrees in (0, 30, 90, 179):
        turned = np.cos(np.radians(degrees)) * x + np.sin(np.radians(degrees)) * y
        _, _, angle = compared_gradients(x[None], turned[None], used, ONES)
        np.testing.assert_allclose(angle, degrees, atol=0.02)


def test_pixels_beside_unused_ones_have_no_gradient_and_their_values_do_not_matter():
    x, r = smooth(1), smooth(2)
    used = np.ones(x.shape[1:], bool)
    used[30, 40] = False
    plain = compared_gradients(x, r, used, ONES)
    x[0, 30, 40] = 1e6
    marked = compared_gradients(x, r, used, ONES)
    np.testing.assert_array_equal(plain, marked)
    missing = np.argwhere(np.isnan(marked[2])) + MARGIN
    np.testing.assert_array_equal(missing.min(0), [29, 39])
    np.testing.assert_array_equal(missing.max(0), [31, 41])


def test_bands_are_made_comparable():
    x, r = np.concatenate([smooth(1), smooth(3)]), np.concatenate([smooth(2), smooth(4)])
    used = np.ones(x.shape[1:], bool)
    plain = compared_gradients(x, r, used, np.ones((2, 2)))
    scale = np.array([1e4, 0.01])[:, None, None]
    scaled = compared_gradients(x * scale, r, used, np.array([[1e4, 0.01], [1, 1]]))
    np.testing.assert_allclose(plain, scaled, rtol=1e-3, atol=1e-2)
