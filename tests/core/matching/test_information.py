# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutual information of known pairs, and its derivative."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.information import information_pull, mutual_information
from orthoweave.core.matching.refinement import Samples


def test_information_is_that_of_known_tables():
    rng = np.random.default_rng(8)
    a, b = rng.random((2, 50_000)).astype(np.float32)
    ones = np.ones(len(a), np.float32)
    assert mutual_information(a, b, ones) < 0.03
    same, inverted = mutual_information(a, a, ones), mutual_information(a, 1 - a, ones)
    assert same == pytest.approx(inverted, rel=0.02) and same > 1.5
    halves = np.concatenate((ones[:25_000], 0 * ones[25_000:]))
    mixed = np.concatenate((a[:25_000], b[25_000:]))
    assert mutual_information(a, mixed, halves) == pytest.approx(same, rel=0.05)


def test_the_pull_is_that_of_the_least_squares_of_gaussian_pairs():
    # f = m + noise of 0.3: d ln p(f | m) / dm = (f - m) / 0.09
    rng = np.random.default_rng(4)
    m = rng.standard_normal(200_000).astype(np.float32)
    f = (m + 0.3 * rng.standard_normal(m.size)).astype(np.float32)
    one, zero = np.ones_like(m), np.zeros_like(m)
    pull = information_pull(Samples(f, m, (zero, zero, one, zero), one, zero.astype(int)))
    middle = (np.abs(m) < 1) & (np.abs(f) < 1)
    expected = (f - m)[middle] / 0.09
    ratio = pull.along_x[middle] * pull.rest[middle]
    assert np.corrcoef(ratio, expected)[0, 1] > 0.97
    # half the slope is the moving image's; bins of 0.17 widen a variance of 0.09 by a sixth
    assert np.polyfit(expected, ratio, 1)[0] == pytest.approx(0.5 * 0.86, rel=0.1)
    assert not pull.along_y.any()
