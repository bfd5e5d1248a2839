# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.radiometry.pairlines import (
    correlation,
    held_out,
    line,
    means_test,
    near_line,
    variances_test,
)

METHODS = ("orthogonal", "ordinary", "theil_sen")


def noisy(gain=0.8, offset=50.0, count=20_000, noise=5.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(1000, 200, count)
    x = truth + rng.normal(0, noise, count)
    return x, gain * truth + offset + rng.normal(0, gain * noise, count)


@pytest.mark.parametrize("method", METHODS)
def test_an_exact_line_is_found_exactly(method):
    x = np.arange(100.0)
    found = line(x, 1.7 * x - 3, method)
    assert found.gain == pytest.approx(1.7, abs=1e-12)
    assert found.offset == pytest.approx(-3, abs=1e-9)
    same = line(x, x, method)
    assert same.gain == 1.0 and same.offset == 0.0


@pytest.mark.parametrize("method", METHODS)
def test_standard_errors_say_how_far_estimates_lie_from_the_truth(method):
    apart, said = [], []
    for seed in range(60):
        found = line(*noisy(count=300, noise=30, seed=seed), method)
        apart.append((found.gain - 0.8, found.offset - 50))
        said.append((found.gain_error, found.offset_error))
    spread, mean = np.std(apart, 0), np.mean(said, 0)
    # 60 trials know a spread to 10 %; Theil-Sen's error is a rough one
    np.testing.assert_allclose(mean, spread, rtol=0.5 if method == "theil_sen" else 0.3)


def test_noise_in_both_images_flattens_ordinary_lines_only():
    x, y = noisy(gain=1.0, noise=100)
    assert line(x, y, "orthogonal").gain == pytest.approx(1.0, abs=0.01)
    # 200² / (200² + 100²)
    assert line(x, y, "ordinary").gain == pytest.approx(0.8, abs=0.01)


def test_outliers_do_not_move_the_median_slope():
    x, y = noisy()
    y[::10] += 3000
    assert line(x, y, "theil_sen").gain == pytest.approx(0.8, abs=0.02)
    assert line(x, y, "theil_sen") == line(x, y, "theil_sen")


@pytest.mark.parametrize("method", METHODS)
def test_without_contrast_there_is_no_line(method):
    assert math.isnan(line(np.ones(50), np.arange(50.0), method).gain)
    assert math.isnan(line(np.arange(2.0), np.arange(2.0), method).gain)
    if method == "orthogonal":
        assert math.isnan(line(np.arange(50.0), np.ones(50), method).gain)


def test_the_line_of_most_samples_is_found_under_clouds():
    x, y = noisy()
    rng = np.random.default_rng(1)
    cloudy = rng.random(len(x)) < 0.4
    x[cloudy] = rng.normal(4000, 900, int(cloudy.sum()))
    near = near_line(x, y)
    assert near[cloudy].mean() < 0.02 and near[~cloudy].mean() > 0.85
    assert line(x[near], y[near], "orthogonal").gain == pytest.approx(0.8, abs=0.01)
    # what has no contrast is all alike
    assert near_line(np.ones(50), np.ones(50)).all()


def test_every_third_sample_is_held_out():
    assert held_out(7).tolist() == [False, False, True, False, False, True, False]


def test_tests_are_those_of_the_books():
    stats = pytest.importorskip("scipy.stats")
    x, y = noisy(count=200)
    found, expected = means_test(x, y), stats.ttest_rel(x, y)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.chance == pytest.approx(expected.pvalue, rel=1e-6)
    assert variances_test(x, y).statistic == pytest.approx(x.var(ddof=1) / y.var(ddof=1))
    assert variances_test(x, x).chance == pytest.approx(1.0)
    assert correlation(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_equal_and_constant_samples_can_be_tested():
    ones = np.ones(9)
    assert means_test(ones, ones).chance == 1.0
    assert means_test(ones, 2 * ones).chance == 0.0
    assert variances_test(ones, ones).chance == 1.0
    assert variances_test(np.arange(9.0), ones).chance == 0.0
    assert math.isnan(correlation(ones, np.arange(9.0)))
