# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores of chips against plain numpy, one chip at a time."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.similarity import similarity


def made(n=7, seed=0, dtype=np.float32, top=60000):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, top, (n, 57, 57)).astype(dtype)
    b = np.rint(0.6 * a + 0.4 * rng.integers(0, top, a.shape)).astype(dtype)
    return a, b


def slow(a, b, valid):
    """zncc, mutual_info_score and mi_score of one pair, by the formulas."""
    inner = (slice(7, 50), slice(7, 50))
    one, other = (v[inner][valid[inner]].astype(float) for v in (a, b))
    mean = np.mean((one - one.mean()) * (other - other.mean()))
    zncc = mean / (one.std() * other.std()) if one.std() * other.std() else np.nan
    joint = np.histogram2d(a[valid].astype(float), b[valid].astype(float), 32)[0]
    entropies = []
    for counts in (joint.sum(1), joint.sum(0), joint.ravel()):
        p = counts[counts > 0] / counts.sum()
        entropies.append(-(p * np.log(p)).sum())
    ha, hb, hab = entropies
    if hab < 1e-12:
        return zncc, np.nan, np.nan
    return zncc, (ha + hb) / hab, 2 * (ha + hb - hab) / (ha + hb)


def compare(a, b, valid=None):
    found = similarity(a, b, valid)
    mask = np.ones(a.shape, bool) if valid is None else valid
    for chip in range(len(a)):
        expected = slow(a[chip], b[chip], mask[chip])
        scores = (found.zncc[chip], found.mutual_info[chip], found.mi[chip])
        # float32 sums; a value that falls on a bin's edge may go to either side
        assert scores == pytest.approx(expected, abs=2e-5, nan_ok=True)


@pytest.mark.parametrize("top", [3, 200, 60000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_those_of_the_formulas(top, dtype):
    compare(*made(dtype=dtype, top=top))


def test_fractions_and_negative_values_count_as_well():
    a, b = made(top=2000)
    compare(a / 1000 - 1, b - 700)


def test_only_valid_pixels_count():
    a, b = made()
    valid = np.random.default_rng(1).random(a.shape) < 0.8
    valid[2] = True
    a[~valid], b[~valid] = -9999, 65535
    compare(a, b, valid)


def test_chips_with_too_few_valid_pixels_have_no_score():
    a, b = made(3)
    valid = np.ones(a.shape, bool)
    valid[0, :35] = False  # 39 % are left, and 35 % of the inner part
    valid[1, :18] = False  # 68 %
    found = similarity(a, b, valid)
    assert np.isnan([found.zncc[0], found.mutual_info[0], found.mi[0]]).all()
    assert np.isfinite([found.zncc[1], found.mutual_info[1], found.mi[2]]).all()


def test_flat_chips_have_no_score():
    a, b = made(3)
    a[0], b[1] = 12, 300
    a[2], b[2] = 4000, 4000.001 + 1e-4 * b[2] / 60000  # what a sampler leaves of a flat chip
    found = similarity(a, b)
    assert np.isnan(found.zncc).all()
    assert np.isnan(found.mutual_info[2])
    assert found.mutual_info[:2] == pytest.approx([1, 1])  # one entropy alone
    assert found.mi[:2] == pytest.approx([0, 0], abs=1e-9)


def test_equal_and_inverted_chips_have_the_extreme_scores():
    a, _ = made()
    same, other = similarity(a, a), similarity(a, 60000 - a)
    assert same.zncc == pytest.approx(np.ones(7))
    assert same.mutual_info == pytest.approx(np.full(7, 2))
    assert same.mi == pytest.approx(np.ones(7))
    assert other.zncc == pytest.approx(-np.ones(7))


def test_no_chips_are_no_trouble():
    empty = np.empty((0, 57, 57), np.float32)
    assert len(similarity(empty, empty).zncc) == 0
