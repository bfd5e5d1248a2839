# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.radiometry.histograms import BINS, Histogram, histogram_of


def counted(values):
    return histogram_of(values, float(values.min()), float(values.max()))


def split(values, pieces, seed=3):
    """The histogram of values cut into pieces and put together in any order."""
    parts = [counted(part) for part in np.array_split(values, pieces) if part.size]
    order = np.random.default_rng(seed).permutation(len(parts))
    found = parts[order[0]]
    for at in order[1:]:
        found = found.plus(parts[at])
    return found


def same(a: Histogram, b: Histogram):
    assert (a.power, a.first, a.low, a.high) == (b.power, b.first, b.low, b.high)
    np.testing.assert_array_equal(a.counts, b.counts)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16"])
def test_whole_numbers_of_16_bits_are_counted_one_by_one(dtype):
    limits = np.iinfo(dtype)
    values = np.random.default_rng(1).integers(limits.min, limits.max + 1, 9000).astype(dtype)
    found = split(values, 7)
    assert found.power == 0
    unique, counts = np.unique(values, return_counts=True)
    filled = found.counts > 0
    np.testing.assert_array_equal(found.middles[filled], unique)
    np.testing.assert_array_equal(found.counts[filled], counts)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(2).normal(0.2, 0.05, 20000).astype("float32"),
        np.random.default_rng(2).normal(-1e6, 3.0, 20000),
        np.random.default_rng(2).integers(-(2**31), 2**31 - 1, 20000).astype("int32"),
        np.random.default_rng(2).integers(4_000_000_000, 4_000_000_050, 500).astype("uint32"),
        np.r_[np.zeros(50), 1e30, -1e-30],
        np.full(40, 1234.5),
        np.zeros(8, "float32"),
        np.r_[np.zeros(9), 1e-20, 2e-20],
        np.array([1e-320, 3e-310]),
    ],
    ids=[
        "reflectance",
        "far from 0",
        "32 bits",
        "large",
        "outlier",
        "constant",
        "0",
        "nearly 0",
        "tiny",
    ],
)
@pytest.mark.parametrize("pieces", [2, 5, 40])
def test_parts_add_up_to_the_whole_whatever_their_order(values, pieces):
    whole = counted(values)
    assert whole.total == len(values)
    same(split(values, pieces), whole)
    assert len(whole.counts) <= BINS


def test_decimal_bins_are_at_least_as_fine_as_65536_between_the_ends():
    values = np.random.default_rng(4).uniform(-0.3, 1.7, 5000)
    found = counted(values)
    assert found.width <= (values.max() - values.min()) / 65536
    assert np.abs(found.quantiles(np.array([0.25])) - np.quantile(values, 0.25)) < 1e-3


def test_quantiles_lie_on_straight_lines_inside_bins_and_in_the_middle_of_gaps():
    found = counted(np.array([3, 3, 3, 3, 10, 10], "uint8"))
    shares = np.array([0.0, 1 / 3, 2 / 3, 5 / 6, 1.0])
    # 3 fills 2.5 to 3.5, 10 fills 9.5 to 10.5; two thirds are below both 3.5 and 9.5
    np.testing.assert_allclose(found.quantiles(shares), [2.5, 3.0, 6.5, 10.0, 10.5], atol=1e-12)
    np.testing.assert_allclose(found.below(np.array([0, 3, 5, 10, 99])), [0, 2, 4, 5, 6])


def test_quantiles_of_decimal_numbers_stand_in_the_middle_of_narrow_bins():
    found = counted(np.array([0.2, 0.2, 0.2, 0.2, 0.9, 0.9], "float64"))
    shares = np.array([0.0, 0.1, 0.5, 2 / 3, 0.9, 1.0])
    # a bin is narrower than 1e-5 here
    wanted = [0.2, 0.2, 0.2, 0.55, 0.9, 0.9]
    np.testing.assert_allclose(found.quantiles(shares), wanted, atol=1e-5)
    assert np.ptp(found.quantiles(np.linspace(0.01, 0.6, 9))) == 0
    assert list(found.quantiles(np.array([0.0, 1.0]))) == [0.2, 0.9]


def test_a_part_between_two_values_keeps_its_own_counts():
    values = np.arange(100, dtype="int16").repeat(3)
    part = counted(values).between(20, 30)
    assert part is not None
    assert (part.total, part.low, part.high, part.mean) == (30, 20, 29, 24.5)
    assert counted(values).between(200, 300) is None
    assert counted(values).between(-np.inf, np.inf).total == 300


def test_coarser_bins_hold_the_same_counts():
    values = np.array([-5, -4, -1, 0, 1, 7], "int32")
    found = counted(values).coarser(2)
    # bins of four whole numbers: -8 to -5, -4 to -1, 0 to 3, 4 to 7
    assert (found.first, found.counts.tolist()) == (-2, [1, 2, 2, 1])
    np.testing.assert_array_equal(found.edges, [-8.5, -4.5, -0.5, 3.5, 7.5])
