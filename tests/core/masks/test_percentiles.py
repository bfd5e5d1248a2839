# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from orthoweave.core.image import Pixels, constant
from orthoweave.core.masks.percentiles import searched

PERCENTS = (0, 0.1, 5, 50, 99.5, 100)


def found(values, valid, percents=PERCENTS, band=1):
    """Search in two windows, so that sums are merged."""
    search = searched(values.dtype, [(p, band) for p in percents])
    half = values.shape[1] // 2
    while search.done < search.digits:
        for rows in (slice(0, half), slice(half, None)):
            part = Pixels(values[:, rows], valid[rows])
            search.merge(search.feed(0, None, part))
        search.settle()
    return search


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
)
def test_percentiles_are_the_values_of_their_rank_in_every_type(dtype):
    rng = np.random.default_rng(2)
    with np.errstate(invalid="ignore"):
        values = rng.normal(20, 900, (2, 60, 70)).astype(dtype)
    values[1, :20] = values[1, 30, 30]  # many alike
    valid = rng.random((60, 70)) > 0.3
    search = found(values, valid, band=2)
    ordered = np.sort(values[1][valid])
    for (percent, _), value in search.values().items():
        rank = max(1, math.ceil(Fraction(str(percent)) * len(ordered) / 100))
        assert value == ordered[rank - 1]
    assert search.digits == max(1, np.dtype(dtype).itemsize // 2)


def test_rounding_of_the_percentage_does_not_move_the_rank():
    values = np.arange(1000, dtype=np.uint16).reshape(1, 20, 50)
    search = found(values, constant(True, (20, 50)), (0.1, 0.3, 29, 57))
    assert list(search.values().values()) == [0, 2, 289, 569]


def test_signs_zeros_and_infinities_are_in_order():
    values = np.array([[[-np.inf, -2.5, -0.0, 0.0, 1e-45, 3e38]]], np.float32).repeat(2, 1)
    search = found(values, constant(True, (2, 6)), (0, 20, 50, 80, 100))
    expected = [-np.inf, -2.5, 0.0, np.float32(1e-45), np.float32(3e38)]
    assert list(search.values().values()) == expected


def test_a_band_without_valid_pixels_has_none():
    values = np.ones((1, 4, 4), np.float64)
    assert list(found(values, constant(False, (4, 4)), (5,)).values().values()) == [None]


def test_nothing_is_read_when_nothing_is_wanted():
    assert searched(np.dtype("uint16"), []).digits == 0
