# SPDX-License-Identifier: GPL-2.0-or-later
"""Cubic B-splines: exact between pixels, silent about holes, the same without SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.transform import spline
from orthoweave.core.transform.spline import Continuous, coefficients, filled, sampled


@pytest.fixture
def places():
    """Positions inside an image of 60 x 70 px, away from its border."""
    rng = np.random.default_rng(1)
    return rng.uniform(18, 50, 500), rng.uniform(18, 40, 500)


def test_a_ramp_is_sampled_where_it_is_asked(places):
    x, y = places
    row, col = np.mgrid[:60, :70]
    ramp = coefficients((3 * col - 2 * row).astype(np.float32))
    # float32 of values up to 200
    np.testing.assert_allclose(sampled(ramp, x, y), 3 * x - 2 * y, atol=1e-4)


@pytest.mark.parametrize("shape", [(40, 50), (1, 30), (30, 1), (2, 2), (3, 40)])
def test_coefficients_without_scipy_are_the_same(shape, monkeypatch):
    values = np.random.default_rng(2).normal(0, 100, shape).astype(np.float32)
    with_scipy = coefficients(values)
    monkeypatch.setattr(spline, "available", lambda _: False)
    np.testing.assert_allclose(coefficients(values), with_scipy, atol=2e-3)


def test_lattices_of_columns_and_rows_take_the_short_way_to_the_same_values():
    values = np.random.default_rng(3).normal(0, 1, (50, 60)).astype(np.float32)
    curve = coefficients(values)
    x, y = np.meshgrid(np.arange(-3.0, 62) + 0.3, np.arange(-2.0, 51) + 0.8)
    long_way = sampled(curve, x.ravel(), y.ravel()).reshape(x.shape)
    np.testing.assert_allclose(sampled(curve, x, y), long_way, atol=1e-5)


def test_what_a_hole_holds_changes_nothing():
    values = np.random.default_rng(4).normal(50, 5, (40, 40)).astype(np.float32)
    valid = np.ones(values.shape, bool)
    valid[10:20, 12:30] = False
    x, y = np.meshgrid(np.arange(40) + 0.2, np.arange(40) + 0.7)
    answers = []
    for hidden in (-9999.0, 0.0, np.nan, 65535.0):
        answers.append(Continuous.of(np.where(valid, values, np.float32(hidden)), valid).at(x, y))
    for found in answers[1:]:
        np.testing.assert_array_equal(found[0], answers[0][0])
        np.testing.assert_array_equal(found[1], answers[0][1])


def test_positions_are_valid_when_their_four_by_four_pixels_are():
    valid = np.ones((30, 30), bool)
    valid[15, 15] = False
    image = Continuous.of(np.ones((30, 30), np.float32), valid)
    row, col = np.mgrid[:30, :30]
    inside = image.inside(col + 0.5, row + 0.5)
    expected = (col < 29) & (row < 29)
    expected &= ~((abs(col + 0.5 - 15) < 2) & (abs(row + 0.5 - 15) < 2))
    np.testing.assert_array_equal(inside, expected)
    whole = Continuous.of(np.ones((30, 30), np.float32), np.ones((30, 30), bool))
    np.testing.assert_array_equal(
        whole.inside(np.array([-0.1, 0.0, 29.0, 29.1, np.nan]), np.full(5, 3.0)),
        [False, True, True, False, False],
    )


def test_holes_are_filled_from_around_them():
    values = np.full((60, 60), 10, np.float32)
    values[:, 30:] = 20
    valid = np.ones(values.shape, bool)
    valid[20:40, 5:12] = False
    found = filled(np.where(valid, values, np.float32(-999)), valid)
    np.testing.assert_array_equal(found[valid], values[valid])
    np.testing.assert_allclose(found[20:40, 5:12], 10, atol=2)
