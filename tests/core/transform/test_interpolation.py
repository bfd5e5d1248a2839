# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.transform.fractions import WEIGHTS
from orthoweave.core.transform.interpolation import PREFILTER, Source, interpolated, reach

SINGLE = np.dtype(np.float32)


def source(values, valid=None):
    values = np.atleast_3d(values) if np.ndim(values) == 3 else np.asarray(values)[None]
    return Source.of(values, np.ones(values.shape[1:], bool) if valid is None else valid, SINGLE)


def places(count=1000, side=80, margin=20, seed=1):
    return np.random.default_rng(seed).uniform(margin, side - margin, (2, count, 1))


def at(image, x, y, name):
    values, share = interpolated(image, x, y, name)
    return values[0, :, 0], share[:, 0]


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("slope", [(1.0, 0.0), (0.0, 1.0), (0.7, -0.4)])
def test_ramps_are_kept(name, slope):
    row, col = np.mgrid[:80, :80].astype(np.float32)
    x, y = places()
    found, share = at(source(slope[0] * col + slope[1] * row), x, y, name)
    wrong = np.abs(found - (slope[0] * x + slope[1] * y)[:, 0])
    # 1e-4 of the slope, besides the single precision of values up to 80
    assert wrong.max() < 1e-4 and (share == 1).all()


@pytest.mark.parametrize("name", WEIGHTS)
def test_rows_and_columns_apart_give_what_all_positions_give(name):
    image = source(np.random.default_rng(2).random((80, 90)))
    x, y = np.random.default_rng(3).uniform(20, 60, (2, 30))
    apart = interpolated(image, x[None], y[:, None], name, parallel=True)
    together = interpolated(image, *np.meshgrid(x, y), name)
    for one, other in zip(apart, together):
        np.testing.assert_allclose(one, other, atol=2e-6)


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_position_has_the_same_bits_whatever_is_computed_with_it(name):
    valid = np.random.default_rng(4).random((80, 90)) > 0.02
    valid[:50] = True
    values = np.random.default_rng(5).random((2, 80, 90))
    image = source(values, valid)
    x, y = np.random.default_rng(6).uniform(20, 60, (2, 50, 40))
    whole = interpolated(image, x, y, name)
    few = interpolated(image, x[7:9, 3:4], y[7:9, 3:4], name)
    np.testing.assert_array_equal(few[0], whole[0][:, 7:9, 3:4])
    # a source cut elsewhere
    ring = reach(name)
    top, left = (int(np.floor(p[30:, 20:].min())) - ring for p in (y, x))
    part = source(values[:, top:, left:], valid[top:, left:])
    cut = interpolated(part, x[30:, 20:] - left, y[30:, 20:] - top, name)
    np.testing.assert_allclose(cut[0], whole[0][:, 30:, 20:], atol=1e-6)
    np.testing.assert_array_equal(cut[1], whole[1][30:, 20:])


@pytest.mark.parametrize("name", WEIGHTS)
def test_holes_take_no_part(name):
    valid = np.random.default_rng(7).random((80, 80)) > 0.3
    x, y = places(seed=8)
    results = [
        interpolated(source(np.where(valid, 100.0, hole).astype(np.float32), valid), x, y, name)
        for hole in (-9999.0, 0.0, 65535.0)
    ]
    for values, share in results:
        seen = share > 0
        np.testing.assert_array_equal(values, results[0][0])
        np.testing.assert_allclose(values[0][seen], 100, rtol=1e-5)


def test_beside_holes_values_lie_between_the_nearest_valid_pixels():
    rng = np.random.default_rng(9)
    valid = rng.random((80, 80)) > 0.2
    values = rng.random((80, 80)).astype(np.float32)
    x, y = places(seed=10)
    found, share = at(source(values, valid), x, y, "cubic")
    for value, part, col, row in zip(found, share, x[:, 0], y[:, 0]):
        c, r = int(col), int(row)
        if valid[r - 1 : r + 3, c - 1 : c + 3].all() or not part:
            continue
        near = values[r : r + 2, c : c + 2][valid[r : r + 2, c : c + 2]]
        assert near.min() - 1e-6 <= value <= near.max() + 1e-6


def test_the_share_is_bilinear():
    valid = np.ones((20, 20), bool)
    valid[10, 10] = False
    _, share = interpolated(
        source(np.ones((20, 20)), valid),
        np.array([[9.5, 10.0, 9.25]]),
        np.full((1, 3), 10.0),
        "cubic",
    )
    assert share.tolist() == [[0.5, 0.0, 0.75]]


def test_decimal_numbers_that_are_not_finite_are_holes():
    values = np.ones((20, 20), np.float32)
    values[10, 10] = np.inf
    found, share = interpolated(source(values), np.full((1, 1), 9.6), np.full((1, 1), 9.6), "cubic")
    assert found[0, 0, 0] == 1 and share[0, 0] == pytest.approx(0.64)


def test_splines_are_used_where_the_prefilter_sees_no_hole():
    row, col = np.mgrid[:120, :120]
    wave = np.sin(col * 0.9) * np.cos(row * 0.8)
    valid = np.ones(wave.shape, bool)
    valid[60, 60] = False
    x, y = np.meshgrid(np.arange(20, 100) + 0.4, np.arange(20, 100) + 0.3)
    truth = np.sin(x * 0.9) * np.cos(y * 0.8)
    image = source(wave, valid)
    spline, cubic = (
        np.abs(interpolated(image, x, y, name)[0][0] - truth) for name in ("bspline", "cubic")
    )
    far = np.maximum(np.abs(x - 60), np.abs(y - 60)) > PREFILTER + 3
    near = np.maximum(np.abs(x - 60), np.abs(y - 60)) < PREFILTER - 3
    assert spline[far].max() < cubic[far].max() / 3
    np.testing.assert_array_equal(spline[near], cubic[near])


def test_the_prefilter_is_that_of_the_recursion():
    from orthoweave.core.transform.spline import coefficients, sampled

    values = np.random.default_rng(11).random((80, 80)).astype(np.float32)
    x, y = places(300)
    found, _ = at(source(values), x, y, "bspline")
    want = sampled(coefficients(values), x[:, 0], y[:, 0])
    np.testing.assert_allclose(found, want, atol=3e-6)


def test_types_of_32_bits_are_computed_in_double_precision():
    values = np.full((1, 20, 20), 2**30 + 1, np.int32)
    image = Source.of(values, np.ones((20, 20), bool), np.dtype(np.float64))
    found, _ = interpolated(image, np.full((1, 1), 9.3), np.full((1, 1), 9.7), "cubic")
    assert found.dtype == np.float64 and abs(found[0, 0, 0] - (2**30 + 1)) < 1e-5
