# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.radiometry.invariant import (
    AlikeGradients,
    Both,
    DarkOrBright,
    LittleVegetation,
    NearPoints,
    Sample,
    Seen,
    Unchanged,
)
from orthoweave.core.windows import Window


def sample(x, r, features=None):
    features = np.zeros((0, x.shape[1])) if features is None else features
    return Sample(x, r, features)


def test_samples_are_thinned_at_regular_steps():
    whole = sample(np.arange(20.0).reshape(2, 10), np.zeros((2, 10)))
    assert whole.thinned(5).x[0].tolist() == [0, 2, 4, 6, 8]
    assert whole.thinned(30) is whole
    assert whole.thinned(0).count == 0


def test_vegetation_and_zero_sums_are_not_kept():
    x = np.array([[1.0, 1, 0, 3], [2.0, 1, 0, 1]])
    r = np.array([[1.0, 1, 1, 3], [1.0, 1, 1, 1]])
    score, chosen = LittleVegetation(1, 2, 0.2).decide(x, r, np.zeros((0, 4)))
    assert chosen.tolist() == [False, True, False, True]
    assert score[0] == pytest.approx(1 / 3) and np.isnan(score[2])


def test_the_darkest_and_brightest_of_both_images_are_kept():
    values = np.arange(1000.0)
    x, r = np.stack([values, values]), np.stack([3 * values, values + 5])
    r[:, :20] = r[:, :20][:, ::-1] + 2000  # dark ones that became bright
    way = DarkOrBright().fitted(sample(x, r))
    _, chosen = way.decide(x, r, np.zeros((0, 1000)))
    assert not chosen[:20].any() and chosen[20:45].any() and chosen[955:].mean() > 0.3
    assert not chosen[200:900].any()
    flat = np.ones((2, 50))
    with pytest.raises(NoSolution, match="no contrast"):
        DarkOrBright().fitted(sample(flat, flat))
    half = np.stack([values, np.ones(1000)])  # one flat band is no obstacle
    assert DarkOrBright().fitted(sample(half, half)).decide(half, half, half)[1].sum() == 100


def test_gradients_of_few_pixels_or_none_are_no_evidence():
    way = AlikeGradients(0.1, np.ones((2, 1)))
    nothing = np.full((3, 9), np.nan)
    with pytest.raises(NoSolution, match="No pixel has all neighbors"):
        way.fitted(sample(np.ones((1, 9)), np.ones((1, 9)), nothing))
    with pytest.raises(NoSolution, match="no gradients"):
        way.fitted(sample(np.ones((1, 9)), np.ones((1, 9)), np.zeros((3, 9))))


def test_a_way_must_be_fitted_before_it_decides():
    with pytest.raises(NoSolution, match="Nothing was estimated"):
        Unchanged(0.9).decide(np.ones((1, 3)), np.ones((1, 3)), np.zeros((0, 3)))


def test_regions_lie_on_the_line_and_near_their_points_in_any_window():
    x = np.full((1, 40, 40), 100.0)
    r = 2 * x + 10
    r[0, :, 20] += 50
    one = np.ones(1)
    way = NearPoints(np.array([10]), np.array([17]), 2 * one, 10 * one, one, 0.5, 5)

    def chosen(window):
        margin = way.margin
        padded = [np.pad(v, ((0, 0), (margin, margin), (margin, margin))) for v in (x, r)]
        used = np.pad(np.ones((40, 40), bool), margin)
        rows = slice(window.row, window.bottom + 2 * margin)
        cols = slice(window.col, window.right + 2 * margin)
        seen = Seen(*(v[:, rows, cols] for v in padded), used[rows, cols], window, margin)
        return way.decide(x, r, way.describe(seen))[1]

    whole = chosen(Window(0, 0, 40, 40))
    assert whole[10, 17] and whole[10, 12] and not whole[10, 11]
    assert not whole[:, 20:].any()
    for window in (Window(0, 0, 15, 40), Window(15, 0, 25, 12), Window(13, 7, 4, 4)):
        np.testing.assert_array_equal(chosen(window), whole[window.slices])


def test_both_tests_must_be_passed():
    x = np.array([[1.0, 1, 1], [9.0, 1, 1]])
    way = Both(DarkOrBright(), LittleVegetation(1, 2, 0.2))
    fitted = way.fitted(sample(np.tile(x, 30), np.tile(x, 30)))
    _, chosen = fitted.decide(x, x, np.zeros((0, 3)))
    assert chosen.tolist() == [False, True, True]
    assert (way.margin, way.best) == (0, "high")
