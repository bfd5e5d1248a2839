# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.radiometry.invariant import Sample
from orthoweave.core.radiometry.pairfits import (
    assessed,
    distance,
    lines_of,
    lowest_correlation,
    moments_of,
    overlaps_of,
    split,
    usable,
)
from orthoweave.core.radiometry.pairlines import Line

NOTHING = (np.ones(2), np.zeros(2))


def sample(count=3000, cloud=0.0, noise=2.0):
    rng = np.random.default_rng(0)
    x = rng.normal(500, 80, (2, count))
    r = np.array([[0.5], [1.5]]) * x + 30 + rng.normal(0, noise, x.shape)
    cloudy = rng.random(count) < cloud
    x[:, cloudy] = rng.normal(2500, 300, (2, int(cloudy.sum())))
    return Sample(x, r, np.zeros((0, count)))


def test_a_third_is_kept_for_testing():
    train, test = split(sample(300))
    assert (train.count, test.count) == (200, 100)
    few = sample(5)
    assert split(few) == (few, few)


@pytest.mark.parametrize("cloud", [0.0, 0.35])
def test_robust_lines_and_moments_are_those_of_what_did_not_change(cloud):
    whole = sample(cloud=cloud)
    lines = lines_of(whole, "robust")
    np.testing.assert_allclose([line.gain for line in lines], [0.5, 1.5], rtol=0.02)
    found = moments_of(whole, robust=True)
    np.testing.assert_allclose(found.std[1] / found.std[0], [0.5, 1.5], rtol=0.02)
    plain = moments_of(whole, robust=False)
    train = split(whole)[0]
    np.testing.assert_allclose(plain.mean[0], train.x.mean(1))
    np.testing.assert_allclose(plain.std[1], train.r.std(1))
    assert plain.count == train.count


def test_where_nothing_lies_on_a_line_means_and_spreads_are_made_equal():
    rng = np.random.default_rng(1)
    x, r = rng.normal(100, 10, (1, 9000)), rng.normal(400, 20, (1, 9000))
    whole = Sample(x, r, x[:0])
    (line,) = lines_of(whole, "robust")
    assert line.gain == pytest.approx(2, rel=0.03)
    assert line.gain * 100 + line.offset == pytest.approx(400, rel=0.01)
    band, lowest = lowest_correlation(whole)
    assert band == 1 and abs(lowest) < 0.05
    flat = Sample(np.ones((1, 20)), np.ones((1, 20)), x[:0, :20])
    assert math.isnan(lines_of(flat, "robust")[0].gain)
    assert math.isnan(lowest_correlation(flat)[1])


def test_gains_that_make_no_sense_become_one():
    x, r = np.full(9, 10.0), np.full(9, 13.0)
    good = Line(0.5, 1.0)
    assert usable(good, x, r) is good
    for wild in (Line(-1, 2), Line(20, 2), Line(math.nan, math.nan)):
        assert usable(wild, x, r) == Line(1.0, 3.0)


def test_tests_before_and_after_say_what_the_correction_did():
    whole = sample()
    lines = lines_of(whole, "orthogonal")
    first = (np.array([line.gain for line in lines]), np.array([line.offset for line in lines]))
    bands, before, after = assessed(whole, lines, first, NOTHING)
    assert bands[0].t_before.chance < 1e-6 < bands[0].t_after.chance
    assert bands[0].f_before.chance < 1e-6 < bands[0].f_after.chance
    # noise of the reference, in the reference's units
    assert bands[0].rmse == pytest.approx(2.0, rel=0.1)
    assert after < 0.1 * before
    assert distance(whole, first, NOTHING) < 0.1 * distance(whole, NOTHING, NOTHING)


def test_moments_become_overlaps_about_the_center():
    found = moments_of(sample(), robust=False)
    overlaps = overlaps_of([(0, 1)], [found], np.array([500.0, 700.0]))
    moments = overlaps.moments()
    np.testing.assert_allclose(moments.mean[..., 0] + [500, 700], found.mean)
    np.testing.assert_allclose(moments.std[..., 0], found.std)
    assert overlaps.size.tolist() == [2000]
    assert overlaps_of([], [], np.zeros(2)).size.tolist() == []
