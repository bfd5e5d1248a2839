# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.radiometry.chances import chi_square_tail, fisher_chance, student_chance

scipy_stats = pytest.importorskip("scipy.stats")


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 8, 13])
def test_the_tail_of_chi_square_is_that_of_the_series(freedom):
    values = np.array([0.0, 1e-6, 0.01, 0.3, 1.0, 4.0, 17.0, 60.0, 5000.0])
    # the error function is interpolated for odd degrees
    expected = scipy_stats.chi2.sf(values, freedom)
    np.testing.assert_allclose(chi_square_tail(values, freedom), expected, atol=3e-8)


@pytest.mark.parametrize("t", [0.0, 0.1, -1.7, 2.5, 40.0])
@pytest.mark.parametrize("freedom", [1, 4, 33, 5000])
def test_chances_of_t_are_students(t, freedom):
    expected = 2 * scipy_stats.t.sf(abs(t), freedom)
    assert student_chance(t, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("ratio", [0.2, 0.9, 1.0, 1.3, 8.0])
@pytest.mark.parametrize("freedom", [(3, 3), (10, 40), (2000, 2000)])
def test_chances_of_f_are_fishers(ratio, freedom):
    expected = 2 * min(scipy_stats.f.sf(ratio, *freedom), scipy_stats.f.cdf(ratio, *freedom))
    assert fisher_chance(ratio, *freedom) == pytest.approx(min(1, expected), rel=1e-7, abs=1e-290)


def test_what_cannot_be_tested_is_surely_different():
    assert student_chance(math.inf, 5) == 0.0
    assert fisher_chance(math.inf, 5, 5) == fisher_chance(0.0, 5, 5) == 0.0
