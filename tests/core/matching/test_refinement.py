# SPDX-License-Identifier: GPL-2.0-or-later
"""Refinement on pixels: by correlation and by mutual information, to thousandths of a pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.matching import refinement
from orthoweave.core.matching.information import INFORMATION
from orthoweave.core.matching.patches import Seeing, patch_of
from orthoweave.core.matching.refinement import CORRELATION, grounds, refine, weight_image
from orthoweave.core.matching.windowed import windows_over
from orthoweave.core.transform.models import Linear

SHAPE = (240, 300)
CENTER = (149.5, 119.5)


def stored(x, y):
    return x, y


def turned(kind, angle=0.0, scale=1.0, shift=(3.4, -2.2), shear=0.0):
    cos, sin = scale * math.cos(math.radians(angle)), scale * math.sin(math.radians(angle))
    return Linear(kind, ((cos, -sin + shear), (sin, cos)), shift, CENTER)


def error(model, truth):
    x, y = np.meshgrid(np.arange(0.0, SHAPE[1], 16), np.arange(0.0, SHAPE[0], 16))
    ends = model.predict(x, y), truth.predict(x, y)
    return float(np.sqrt(np.mean((ends[0][0] - ends[1][0]) ** 2 + (ends[0][1] - ends[1][1]) ** 2)))


def whole(ends, **how):
    everywhere = np.ones(ends[0].shape, bool)
    patch = patch_of(ends[0], everywhere, ends[1], everywhere, stored)
    return grounds([patch], [np.ones(ends[0].shape, np.float32)], Seeing(), **how)


TRUTHS = [
    turned("translation"),
    turned("rigid", 0.5),
    turned("similarity", -0.3, 1.003),
    turned("affine", 0.2, 0.998, shear=0.003),
]


@pytest.mark.parametrize("metric", [CORRELATION, INFORMATION], ids=lambda one: one.name)
@pytest.mark.parametrize("truth", TRUTHS, ids=lambda one: one.kind)
def test_the_model_is_refined_to_thousandths_of_a_pixel(pair, truth, metric):
    start = Linear(truth.kind, truth.matrix, (3.6, -2.5), CENTER)
    found = refine(whole(pair(truth, SHAPE)), start, truth.kind, metric)
    assert found.model.kind == truth.kind and found.settled
    # 1 % noise on 72,000 px; single features are not known better
    assert error(found.model, truth) < (0.006 if truth.kind == "affine" else 0.004)


@pytest.mark.parametrize("fraction", np.arange(10) / 10)
def test_no_fraction_is_drawn_to_whole_pixels(pair, fraction):
    truth = turned("translation", shift=(fraction, -fraction))
    start = Linear("translation", shift=(0.5, -0.5), center=CENTER)
    found = refine(whole(pair(truth, SHAPE)), start, "translation", CORRELATION)
    assert error(found.model, truth) < 0.003


@pytest.mark.parametrize("metric", [CORRELATION, INFORMATION], ids=lambda one: one.name)
def test_inverted_contrast_is_the_same_to_both(pair, metric):
    ends = pair(TRUTHS[1], SHAPE, change=lambda v: -np.sign(v) * np.abs(v) ** 0.8)
    start = Linear("rigid", TRUTHS[1].matrix, (3.5, -2.3), CENTER)
    assert error(refine(whole(ends), start, "rigid", metric).model, TRUTHS[1]) < 0.02


def test_clouds_in_one_image_have_no_leverage(pair):
    reference, moving = pair(TRUTHS[0], SHAPE)
    cloudy = moving.copy()
    cloudy[60:130, 90:200] = 9000 + 300 * np.random.default_rng(3).standard_normal((70, 110))
    start = Linear("translation", shift=(3.6, -2.4), center=CENTER)
    for metric in (CORRELATION, INFORMATION):
        found = refine(whole((reference, cloudy)), start, "translation", metric)
        assert error(found.model, TRUTHS[0]) < 0.03


def test_many_patches_give_what_one_gives(pair):
    reference, moving = pair(TRUTHS[1], SHAPE)
    everywhere = np.ones(SHAPE, bool)
    parts = []
    for col in (0, 150):
        part = slice(0, SHAPE[0]), slice(col, col + 150)
        parts.append(
            patch_of(reference[part], everywhere[part], moving, everywhere, stored, (col, 0))
        )
    weights = [np.ones(part.reference.shape, np.float32) for part in parts]
    start = Linear("rigid", TRUTHS[1].matrix, (3.5, -2.3), CENTER)
    found = refine(grounds(parts, weights, Seeing()), start, "rigid", CORRELATION)
    assert error(found.model, TRUTHS[1]) < 0.004


def test_samples_are_spread_and_limited(pair):
    ends = pair(TRUTHS[0], SHAPE)
    even, steep = whole(ends, samples=5000)[0], whole(ends, samples=5000, steepest=True)[0]
    for ground in (even, steep):
        assert 4500 <= len(ground.index) <= 5000
        x, y = ground.positions()
        counts = np.histogram2d(y, x, bins=(4, 4), range=((0, SHAPE[0]), (0, SHAPE[1])))[0]
        assert counts.min() > 250
    assert np.abs(np.diff(even.index)).max() < 3 * np.prod(SHAPE) / 5000


def test_pixels_weigh_what_their_windows_do_and_check_windows_nothing(pair):
    ends = pair(TRUTHS[0], SHAPE)
    patch = whole(ends)[0].patch
    windows = windows_over(SHAPE, 32, 32)
    weights = np.where(windows.x < 150, 1.0, 0.5)
    found = weight_image(patch, windows, weights)
    assert windows.check.any()
    for col, row, check, weight in zip(windows.col, windows.row, windows.check, weights):
        part = found[row : row + 32, col : col + 32]
        assert (part == (0 if check else weight)).all()


def test_images_that_part_are_refused(pair):
    ends = pair(TRUTHS[0], SHAPE)
    away = Linear("translation", shift=(280.0, 0.0), center=CENTER)
    with pytest.raises(NoSolution, match=r"Only 5% of the samples|Only \d% of the samples"):
        refine(whole(ends), away, "translation", CORRELATION)


def test_cells_have_their_own_gain():
    rng = np.random.default_rng(9)
    f = rng.standard_normal(2000).astype(np.float32)
    cell = np.repeat([0, 1], 1000)
    g = np.where(cell == 0, 2 * f, -f + 3).astype(np.float32)
    zero = np.zeros_like(f)
    samples = refinement.Samples(f, g, (zero + 1, zero, zero + 1, zero), zero + 1, cell)
    pull = refinement.correlation_pull(samples)
    np.testing.assert_allclose(pull.rest, 0, atol=1e-5)
    np.testing.assert_allclose(pull.along_x, np.where(cell == 0, 0.75, 0.0), atol=1e-5)
