# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from orthoweave.core.radiometry.classes import (
    class_limits,
    class_samples,
    drawn,
    straight_line,
)
from orthoweave.core.radiometry.histograms import histogram_of


def counted(values):
    return histogram_of(values, float(values.min()), float(values.max()))


def three_grounds(seed=1):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(m, s, n) for m, s, n in ((60, 6, 4000), (120, 9, 9000), (200, 8, 3000))]
    return np.concatenate(parts).round().clip(0, 255).astype("uint8")


def test_three_grounds_are_three_classes():
    limits = class_limits(counted(three_grounds()), 3)
    assert limits[0] == -np.inf and limits[-1] == np.inf
    assert 75 < limits[1] < 100 and 150 < limits[2] < 180


@pytest.mark.parametrize("count", [2, 3])
def test_no_other_cuts_part_the_classes_better(count):
    values = np.random.default_rng(2).gamma(2.0, 20.0, 3000).round().astype("uint8")
    histogram = counted(values)
    inner = class_limits(histogram, count)[1:-1]
    low, high = histogram.quantiles(np.array([0.001, 0.999]))
    edges = np.linspace(low, high, 257)
    counts, middles = np.diff(histogram.below(edges)), 0.5 * (edges[1:] + edges[:-1])

    def spread_between(cuts):
        parts = np.split(np.arange(256), cuts)
        sums = [(counts[p].sum(), (counts[p] * middles[p]).sum()) for p in parts]
        return sum(s * s / n for n, s in sums if n > 0)

    best = spread_between(np.searchsorted(edges, inner - 1e-9))
    step = 1 if count == 2 else 7
    every = combinations(range(1, 256, step), count - 1)
    assert best >= max(map(spread_between, every)) * (1 - 1e-12)


def test_samples_are_the_values_nearest_to_each_level():
    histogram = counted(np.arange(1000, dtype="uint16"))
    limits = np.array([-np.inf, 500.0, np.inf])
    found = dict(class_samples(histogram, limits, 11))
    assert set(found) == {(c, level) for c in (0, 1) for level in (0, 1, 2)}
    values, counts = found[0, 1]  # the mean of 0 to 499
    np.testing.assert_array_equal(np.sort(values), np.arange(244, 255))
    assert counts.sum() == 11
    few = dict(class_samples(histogram, limits, 10_000))
    assert few[1, 0][1].sum() == 500  # all of the class


def test_draws_are_repeatable_sorted_and_without_replacement():
    values, counts = np.array([5.0, 3.0, 9.0]), np.array([2, 1, 3])
    assert drawn(values, counts, 6, (0, 1)).tolist() == [3, 5, 5, 9, 9, 9]
    first = drawn(values, counts, 3, (0, 1))
    np.testing.assert_array_equal(first, drawn(values, counts, 3, (0, 1)))
    assert (np.diff(first) >= 0).all()
    others = {tuple(drawn(values, counts, 3, (seed,))) for seed in range(20)}
    assert len(others) > 2


def test_a_line_is_found_and_outliers_hardly_move_it_when_robust():
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 100, 400)
    y = 1.7 * x - 12 + rng.normal(0, 0.5, 400)
    y[:60] += 80
    gain, offset = straight_line(x, y, robust=True)
    assert gain == pytest.approx(1.7, rel=0.01) and offset == pytest.approx(-12, abs=0.7)
    plain = straight_line(x, y, robust=False)
    np.testing.assert_allclose(plain, np.polyfit(x, y, 1), rtol=1e-9)
    assert abs(plain[1] + 12) > 5


def test_a_line_through_equal_values_is_none():
    assert np.isnan(straight_line(np.ones(5), np.arange(5.0), robust=True)).all()
