# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence for a motion: products that give it back, and trust only in what is alike."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.evidence import Level, block_centers, texture_of
from orthoweave.core.matching.patches import patch_of
from orthoweave.core.transform.models import Linear

SHAPE = (120, 160)
STILL = Linear("translation")


def stored(x, y):
    return x, y


def level(ends, factor=1, edges=False, valid=None):
    masks = np.ones(SHAPE, bool), np.ones(SHAPE, bool)
    valid = masks[0] if valid is None else valid
    both = [np.asarray(end, np.float32) for end in ends]
    return Level.of(patch_of(both[0], valid, both[1], masks[1], stored), factor, edges=edges)


def step(products):
    xx, xy, yy, xt, yt = (part.sum() for part in products.sums)
    det = xx * yy - xy * xy
    return np.array([yy * xt - xy * yt, xx * yt - xy * xt]) / det


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("edges", [False, True])
def test_products_give_a_small_motion_back(texture, moved, factor, edges):
    ground = texture(*SHAPE, sigma=2.0 * factor) * 100
    ends = ground, moved(ground, 0.2, -0.15) * 1.1 + 40
    got = step(level(ends, factor, edges).products(STILL))
    # one step of least squares; Fourier's motion is cyclic, and shows at the border
    np.testing.assert_allclose(got, [0.2, -0.15], atol=0.04)


def test_inverted_contrast_gives_the_same_motion(texture, moved):
    ground = texture(*SHAPE) * 100
    got = step(level((ground, 300 - moved(ground, 0.2, -0.15))).products(STILL))
    np.testing.assert_allclose(got, [0.2, -0.15], atol=0.03)


def test_only_what_is_alike_is_trusted(texture):
    ends = np.array([texture(*SHAPE, seed=1), texture(*SHAPE, seed=1)]) * 100
    ends[1][:, 80:] = texture(*SHAPE, seed=2)[:, 80:] * 100
    trust = level(ends).products(STILL).trust
    assert trust[:, :12].min() > 0.9
    assert trust[:, -12:].mean() < 0.05


def test_invalid_pixels_have_no_products(texture):
    ground = texture(*SHAPE) * 100
    valid = np.ones(SHAPE, bool)
    valid[40:80, 60:100] = False
    products = level((ground, ground), valid=valid).products(STILL)
    assert all((part[10:20, 15:25] == 0).all() for part in products.sums)
    assert products.sums[0][:9].min() > 0


def test_products_of_all_levels_lie_on_the_same_blocks(texture):
    ground = texture(*SHAPE, sigma=4.0)
    shapes = {level((ground, ground), factor).products(STILL).trust.shape for factor in (1, 2, 4)}
    assert shapes == {(30, 40)}
    x, y = block_centers(SHAPE, (100, 7))
    assert (x[0], x[-1], len(x)) == (101.5, 257.5, 40)
    assert (y[0], y[-1], len(y)) == (8.5, 124.5, 30)


def test_rounding_of_a_flat_area_is_no_texture():
    flat = np.full(SHAPE, 51234.3, np.float32)
    assert not texture_of(flat, np.ones(SHAPE, bool), edges=False).values.any()
