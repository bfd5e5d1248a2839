# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.landcover.intervals import (
    PolygonCounts,
    bounds,
    drawn,
    spread_of,
    t_quantile,
)


@pytest.mark.parametrize(
    ("runs", "tabulated"), [(2, 12.706), (3, 4.303), (5, 2.776), (10, 2.262), (101, 1.984)]
)
def test_quantiles_of_student_are_those_of_the_tables(runs, tabulated):
    assert t_quantile(0.95, runs - 1) == pytest.approx(tabulated, abs=5e-4)


def test_the_spread_uses_the_number_of_runs_less_one():
    found = spread_of([0.90, 0.92, 0.94])
    assert found.mean == pytest.approx(0.92)
    assert found.half == pytest.approx(4.3027 * 0.02 / math.sqrt(3), rel=1e-4)
    assert found.runs == 3


def test_one_run_has_no_spread_and_undefined_values_do_not_count():
    assert math.isnan(spread_of([0.9]).half)
    found = spread_of([0.8, math.nan, 0.9])
    assert (found.mean, found.runs) == (pytest.approx(0.85), 2)
    assert spread_of([math.nan]).runs == 0


POLYGONS = PolygonCounts(
    (1, 2),
    np.array([1] * 30 + [2] * 30),
    np.array([[10, 0]] * 24 + [[0, 10]] * 6 + [[0, 10]] * 30),
)


def test_polygons_are_drawn_within_their_class():
    found = np.concatenate(list(drawn(POLYGONS, 250)))
    assert found.shape == (250, 2, 2)
    # every polygon has ten pixels, so each class keeps its number of them
    assert (found.sum(2) == 300).all()
    assert (found[:, 1] == [0, 300]).all()


def test_drawing_repeats_with_the_same_seed_only():
    first, again = (np.concatenate(list(drawn(POLYGONS, 120, seed))) for seed in (3, 3))
    other = np.concatenate(list(drawn(POLYGONS, 120, 4)))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_interval_is_as_wide_as_the_polygons_say():
    found = np.concatenate(list(drawn(POLYGONS, 2000)))
    low, high = bounds(found[:, 0, 0] / 300)
    # binomial with 30 polygons: .8 ± 1.96 · sqrt(.8 · .2 / 30), its steps are 1 / 30
    assert low == pytest.approx(0.8 - 0.143, abs=1 / 30)
    assert high == pytest.approx(0.8 + 0.143, abs=1 / 30)


def test_undefined_draws_are_left_out():
    low, high = bounds(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]))
    assert low[0] == pytest.approx(1.05)
    assert high[0] == pytest.approx(2.95)
    assert np.isnan([low[1], high[1]]).all()
