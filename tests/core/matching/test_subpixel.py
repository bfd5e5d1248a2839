# SPDX-License-Identifier: GPL-2.0-or-later
"""The sub-pixel estimator: truth recovered, honest sigma, windows, validity."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from orthoweave.core.matching import subpixel
from orthoweave.core.matching.subpixel import Compared

SIDE = 256


def lattice(margin=64, step=12, side=SIDE):
    x, y = np.meshgrid(
        np.arange(margin, side - margin, step), np.arange(margin, side - margin, step)
    )
    return x.ravel().astype(float), y.ravel().astype(float)


@pytest.fixture
def seen(texture, moved):
    """(dx, dy, noise=) -> both features of ground that the moving image shows displaced."""

    def made(dx, dy, noise=0.0, seed=0):
        ground = texture(SIDE, SIDE, seed=seed)
        # half the shift on each, so that both went through the same arithmetic
        ends = moved(ground, -dx / 2, -dy / 2), moved(ground, dx / 2, dy / 2)
        rng = np.random.default_rng(seed + 1)
        ends = [(end + rng.normal(0, noise, end.shape)).astype(np.float32) for end in ends]
        return Compared(ends[0], ends[1], np.ones((SIDE, SIDE), bool))

    return made


@pytest.mark.parametrize("support", subpixel.SUPPORTS)
def test_small_shifts_are_measured_to_a_few_percent(seen, support):
    found = subpixel.measure(seen(0.2, -0.1), *lattice(80), support=support)
    # the derivative's five taps lose some percent at the shortest waves
    assert np.abs(found.dx - 0.2).max() < 0.015
    assert np.abs(found.dy + 0.1).max() < 0.01


def test_no_shift_is_0_and_sigma_has_its_floor(seen):
    found = subpixel.measure(seen(0, 0), *lattice(), support=8)
    assert np.abs(found.dx).max() < 1e-5
    assert found.sigma == pytest.approx(np.hypot(0.005, 0.005), abs=1e-6)
    assert np.array_equal(subpixel.score_of(found.sigma) > 0.98, np.ones(len(found.dx), bool))


def test_swapped_images_have_the_opposite_displacement(seen):
    pair = seen(0.15, 0.05, noise=0.1)
    swapped = Compared(pair.moving, pair.reference, pair.valid)
    one = subpixel.measure(pair, *lattice(), support=8)
    other = subpixel.measure(swapped, *lattice(), support=8)
    assert one.dx == pytest.approx(-other.dx, abs=1e-6)
    assert one.dy == pytest.approx(-other.dy, abs=1e-6)
    assert one.sigma == pytest.approx(other.sigma, rel=1e-5)


def test_what_was_applied_is_added_as_its_mean(seen):
    pair = seen(0.1, 0)
    x, y = lattice()
    plain = subpixel.measure(pair, x, y, support=8)
    blocks = np.arange(1.5, SIDE, 4, dtype=np.float32) / 100
    across = np.broadcast_to(blocks, (len(blocks), len(blocks)))
    applied = Compared(pair.reference, pair.moving, pair.valid, (across, -2.5))
    found = subpixel.measure(applied, x, y, support=8)
    assert found.dx == pytest.approx(plain.dx + x / 100, abs=1e-4)
    assert found.dy == pytest.approx(plain.dy - 2.5, abs=1e-6)
    assert found.residual == pytest.approx(plain.residual)


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_sigma_is_honest_whatever_the_noise(seen, noise):
    ratios = []
    for seed in range(4):
        pair = seen(0, 0, noise, seed)
        count = subpixel.correlation_count([pair])
        found = subpixel.measure(pair, *lattice(48), support=8, correlation=count)
        known = np.isfinite(found.dx)
        assert known.mean() > 0.85
        ratios.append((np.hypot(found.dx, found.dy) / found.sigma)[known])
    ratios = np.concatenate(ratios)
    # 0.833 when errors are normal; about 100 windows that do not overlap tell it to 10 %
    assert 0.6 < np.median(ratios) < 1.1
    assert 0.8 < np.mean(ratios <= 1.52) <= 0.99


def test_noise_does_not_shrink_a_displacement(seen):
    found = [
        subpixel.measure(seen(0.3, 0, noise=1.0, seed=seed), *lattice(48), support=16).dx
        for seed in range(6)
    ]
    # squares of the noisy gradient would give 0.15
    assert np.median(np.concatenate(found)) == pytest.approx(0.3, abs=0.04)


def test_noise_without_ground_is_not_measured():
    rng = np.random.default_rng(0)
    ends = rng.normal(0, 1, (2, SIDE, SIDE)).astype(np.float32)
    pair = Compared(ends[0], ends[1], np.ones((SIDE, SIDE), bool))
    found = subpixel.measure(pair, *lattice(48), support=12)
    assert np.mean(subpixel.score_of(found.sigma) >= 0.4) < 0.02


def test_without_texture_nothing_is_known():
    flat = np.zeros((SIDE, SIDE), np.float32)
    along = np.broadcast_to(np.sin(np.arange(SIDE) / 3).astype(np.float32), (SIDE, SIDE))
    for f in (flat, along):
        pair = Compared(f, f, np.ones((SIDE, SIDE), bool))
        found = subpixel.measure(pair, *lattice(), support=8)
        assert np.isnan(found.dx).all()
        assert np.isinf(found.sigma).all()
        assert not subpixel.score_of(found.sigma).any()


def test_invalid_pixels_say_nothing(seen):
    pair = seen(0.2, 0.1)
    valid = pair.valid.copy()
    valid[100:140, 100:130] = False
    x, y = lattice()
    found = []
    for value in (0, 500):
        moving = np.where(valid, pair.moving, np.float32(value))
        found.append(subpixel.measure(Compared(pair.reference, moving, valid), x, y, support=8))
    assert np.array_equal(found[0].dx, found[1].dx, equal_nan=True)
    known = np.isfinite(found[0].dx)
    assert known.mean() > 0.95
    assert np.abs(found[0].dx[known] - 0.2).max() < 0.015
    nothing = Compared(pair.reference, pair.moving, np.zeros_like(valid))
    assert np.isnan(subpixel.measure(nothing, x, y, support=8).dx).all()


def test_less_valid_pixels_make_it_less_sure(seen):
    pair = seen(0, 0, noise=0.3)
    valid = pair.valid.copy()
    valid[:, 128:] = False
    half = Compared(pair.reference, pair.moving, valid)
    at = np.array([126.0]), np.array([128.0])
    whole = subpixel.measure(pair, *at, support=12).sigma
    assert 1.2 < (subpixel.measure(half, *at, support=12).sigma / whole).item() < 1.8


@pytest.mark.parametrize("origin", [(0, 0), (61, 42)])
def test_a_window_measures_what_the_whole_image_measures(seen, origin):
    pair = seen(0.2, -0.1, noise=0.2)
    col, row = origin
    margin = subpixel.margin(8)
    assert margin <= 64
    cut = (slice(row, None), slice(col, None))
    part = Compared(pair.reference[cut], pair.moving[cut], pair.valid[cut], origin=origin)
    x, y = lattice(64)
    inside = (x >= col + margin) & (y >= row + margin)
    whole = subpixel.measure(pair, x[inside], y[inside], support=8)
    found = subpixel.measure(part, x[inside] - col, y[inside] - row, support=8)
    assert inside.sum() > 20
    # float32 products summed over blocks at the same places
    assert found.dx == pytest.approx(whole.dx, abs=2e-5)
    assert found.sigma == pytest.approx(whole.sigma, rel=1e-3)


def test_without_opencv_displacements_are_the_same(seen, monkeypatch):
    pytest.importorskip("cv2")
    pair, at = seen(0.2, -0.1, noise=0.2), lattice()
    fast = subpixel.measure(pair, *at, support=12)
    monkeypatch.setitem(sys.modules, "cv2", None)
    slow = subpixel.measure(pair, *at, support=12)
    assert slow.dx == pytest.approx(fast.dx, abs=1e-5)
    assert slow.sigma == pytest.approx(fast.sigma, rel=1e-4)


def test_correlation_count_is_1_for_white_noise_and_more_for_smooth(seen, texture):
    white = seen(0, 0, noise=0.5)
    assert subpixel.correlation_count([white]) < 2.5
    smooth = texture(SIDE, SIDE, seed=9, sigma=3.0).astype(np.float32)
    blurred = Compared(white.reference, white.reference + smooth, white.valid)
    assert subpixel.correlation_count([blurred]) > 1.5 * subpixel.correlation_count([white])


def test_correlation_count_without_difference_or_blocks_is_1(seen):
    assert subpixel.correlation_count([]) == 1
    same = seen(0, 0)
    same = Compared(same.reference, same.reference, same.valid)
    assert subpixel.correlation_count([same]) == 1
    nothing = Compared(same.reference, same.moving, np.zeros_like(same.valid))
    assert subpixel.correlation_count([nothing]) == 1


@pytest.mark.parametrize(
    ("sigma", "support"), [(0.01, 8), (0.02, 12), (0.06, 12), (0.07, 16), (0.2, 24)]
)
def test_the_window_grows_with_the_noise(sigma, support):
    assert subpixel.support_for(sigma) == support


def test_the_score_is_0_4_for_0_3_px():
    assert subpixel.score_of(np.array([0, 0.3, 0.5, np.inf])) == pytest.approx([1, 0.4, 0, 0])
