# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.radiometry.adjusting import adjustments_of
from orthoweave.core.radiometry.agreement import agreement
from orthoweave.core.radiometry.regression import Rules, solve_gains


@pytest.fixture
def solved(cut, scene, surveyed):
    """Two images of one scene, the second 10 % brighter: (scene, whole, overlaps, solution)."""
    ground = scene(2, 200, 300)
    images = [cut(ground, "a", (0, 0, 200, 200)), cut(ground, "b", (100, 0, 200, 200), 1.1)]
    whole, overlaps = surveyed(images)
    solution = solve_gains(whole, overlaps, np.array([True, False]), Rules())
    return ground, whole, overlaps, solution


def test_differences_are_percent_of_the_mean_and_vanish_after_correction(solved):
    ground, whole, overlaps, solution = solved
    found = agreement(whole, overlaps, solution)
    common = ground[:, :, 100:200].mean((1, 2))
    expected = 100 * (0.1 * common / whole.pooled_mean).mean()
    assert found.before == pytest.approx(expected, rel=1e-9)
    assert found.after == pytest.approx(0, abs=1e-4)
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.pixels, pair.used) == ("a", "b", 20000, True)
    assert pair.before == pytest.approx(found.before)
    assert pair.std_ratio == pytest.approx((1, 1), abs=1e-6)
    assert pair.correlation == pytest.approx((1, 1))
    assert pair.mean_difference == pytest.approx((0, 0), abs=1e-3)
    assert pair.down_weighted == 0 and not pair.mostly_changed


def test_without_pairs_there_is_no_difference(cut, scene, surveyed):
    ground = scene(1, 50, 300)
    whole, overlaps = surveyed([cut(ground, n, (c, 0, 60, 50)) for n, c in (("a", 0), ("b", 99))])
    found = agreement(whole, overlaps, solve_gains(whole, overlaps, np.ones(2, bool), Rules()))
    assert (found.before, found.after, found.pairs) == (None, None, ())


def test_a_mean_of_zero_gives_no_percentage(cut, scene, surveyed):
    half = scene(1, 100, 100) - 3000
    ground = np.concatenate([half, -half], axis=2)
    images = [cut(ground, n, (0, 0, 200, 100)) for n in "ab"]
    whole, overlaps = surveyed(images)
    found = agreement(whole, overlaps, solve_gains(whole, overlaps, np.ones(2, bool), Rules()))
    assert (found.before, found.after, found.pairs[0].before) == (None, None, None)


def test_a_pair_that_was_hardly_believed_is_mostly_changed(solved):
    _, whole, overlaps, solution = solved
    solution.weights[:] = 0.1
    (pair,) = agreement(whole, overlaps, solution).pairs
    assert pair.down_weighted == pytest.approx(0.9)
    assert pair.mostly_changed


def test_the_model_holds_gains_and_the_statistics_of_both_directions(solved):
    ground, whole, overlaps, solution = solved
    model = adjustments_of(whole, overlaps, solution)
    a, b = model.images
    assert (a.name, b.name, a.group, b.group) == ("a", "b", 1, 1)
    assert b.gains == pytest.approx((1 / 1.1, 1 / 1.1), rel=1e-6)
    common = ground[:, :, 100:200]
    for image, other, gain in ((a, "b", 1.0), (b, "a", 1.1)):
        ((name, bands),) = image.overlaps
        assert name == other
        assert [band.size for band in bands] == [20000, 20000]
        assert [band.mean for band in bands] == pytest.approx(list(gain * common.mean((1, 2))))
        assert [band.std for band in bands] == pytest.approx(list(gain * common.std((1, 2))))
    assert a.whole[0].size == 40000
