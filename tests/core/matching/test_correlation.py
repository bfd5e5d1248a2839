# SPDX-License-Identifier: GPL-2.0-or-later
"""Masked correlation: what sums over the common pixels say, shift by shift."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.correlation import Surface, fast, masked_correlation


def by_hand(f, g, a, b, dx, dy):
    """Correlation of f(p) with g(p + d) over the pixels valid in both, by slices."""
    height, width = f.shape
    here = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
    there = slice(max(0, dy), height + min(0, dy)), slice(max(0, dx), width + min(0, dx))
    both = a[here] & b[there]
    one, other = f[here][both], g[there][both]
    return np.corrcoef(one, other)[0, 1]


@pytest.fixture
def holed():
    rng = np.random.default_rng(5)
    f, g = rng.normal(0, 1, (2, 24, 30)).astype(np.float32)
    a, b = rng.random((2, 24, 30)) > 0.3
    return np.where(a, f, 0), np.where(b, g, 0), a, b


def test_every_shift_is_that_of_the_common_pixels(holed):
    f, g, a, b = holed
    found = masked_correlation(f, g, (a, b), (6, 4))
    for dx in range(-6, 7):
        for dy in range(-4, 5):
            value = found.values[dy + 4, dx + 6]
            assert value == pytest.approx(by_hand(f, g, a, b, dx, dy), abs=2e-5)


def test_the_peak_is_the_shift_of_the_moving_image(texture):
    ground = texture(90, 100).astype(np.float32)
    valid = np.ones((60, 60), bool)
    found = masked_correlation(ground[20:80, 20:80], ground[13:73, 25:85], (valid, valid), (12, 12))
    # what the reference shows at p lies 5 px to the left and 7 px below in the moving image
    assert found.peak()[:2] == (-5, 7) and found.peak()[2] == pytest.approx(1, abs=1e-5)


def test_peaks_lie_apart_and_the_best_comes_first():
    values = np.full((21, 21), -1.0, np.float32)
    values[10, 10], values[10, 12], values[2, 3] = 0.9, 0.8, 0.5
    assert [peak[:2] for peak in Surface(values, (10, 10)).peaks(5)] == [(0, 0), (-7, -8)]


def test_shifts_that_few_pixels_share_are_unknown():
    rng = np.random.default_rng(6)
    f, g = rng.normal(0, 1, (2, 20, 20)).astype(np.float32)
    valid = np.ones((20, 20), bool)
    found = masked_correlation(f, g, (valid, valid), (19, 19)).values
    assert found[19, 38] == -1 and found[19, 19] > -1
    flat = masked_correlation(np.zeros_like(f), g, (valid, valid), (3, 3)).values
    assert (flat == -1).all()


@pytest.mark.parametrize("size", [1, 7, 64, 65, 83, 97, 270, 500])
def test_fast_sizes_are_large_enough(size):
    found = fast(size)
    assert size <= found < 1.34 * size + 2
    for factor in (2, 3, 5):
        while found % factor == 0:
            found //= factor
    assert found == 1
