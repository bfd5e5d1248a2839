# SPDX-License-Identifier: GPL-2.0-or-later
"""Coarse levels by area averages."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize(
    "size, exponent",
    [((960, 960), 0), ((1024, 500), 0), ((1025, 500), 1), ((8000, 8000), 3), ((20000, 200), 1)],
)
def test_the_coarse_level_has_at_most_1024_px_and_64_on_the_short_side(size, exponent):
    from orthoweave.core.displacements.overview import coarse_exponent
    from orthoweave.core.grid import Grid

    assert coarse_exponent(Grid(*size, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))) == exponent


def test_means_leave_invalid_pixels_out():
    from orthoweave.core.displacements.overview import block_means

    values = np.arange(30, dtype=np.float32).reshape(5, 6)
    share = np.ones((5, 6), np.float32)
    values[0, 0], share[0, 0] = 0, 0
    share[2:4, 2:4] = 0
    means, weight = block_means(values * share, share, 2)
    assert means[0, 0] == pytest.approx((1 + 6 + 7) / 3)
    assert weight[:2].tolist() == [[0.75, 1, 1], [1, 0, 1]]
    assert weight[2].tolist() == [0.5, 0.5, 0.5]
    assert means[1, 1] == 0
    assert means[2, 0] == pytest.approx(24.5)


def test_levels_hold_the_averages_of_both_images(image, listen):
    from orthoweave.core.displacements.overview import overview
    from orthoweave.core.displacements.pair import pair_of

    values = np.random.default_rng(0).random((1300, 1100)).astype(np.float32)
    heard = listen()
    found = overview(pair_of(image(values), image(values * 2)), 2, heard)
    assert sorted(found.levels) == [1]
    level = found.levels[1]
    mean = values.reshape(650, 2, 550, 2).mean((1, 3))
    assert np.allclose(level.reference.values[0], mean, atol=1e-5)
    assert np.allclose(level.moving.values[0], 2 * mean, atol=1e-5)
    assert heard.fractions == sorted(heard.fractions)
