# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, constant
from orthoweave.core.radiometry.adjusted import Adjusted
from orthoweave.core.radiometry.lookup import Curve, LookedUp

GRID = Grid(4, 3, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "")
CURVE = Curve((10.0, 20.0, 40.0), (5.0, 25.0, 30.0), 2.0)


def image(values, valid=None, nodata=None):
    mask = constant(True, (3, 4)) if valid is None else valid
    return ArrayImage("a", GRID, np.broadcast_to(values, (1, 3, 4)).copy(), mask, nodata)


def test_a_curve_is_straight_between_its_points_and_goes_on_beyond_them():
    values = np.array([0.0, 10.0, 12.5, 20.0, 30.0, 40.0, 41.0])
    np.testing.assert_allclose(CURVE.at(values), [-15, 5, 10, 25, 27.5, 30, 32])
    assert Curve((7.0,), (9.0,), 0.5).at(np.array([7.0, 9.0, 3.0])).tolist() == [9, 10, 7]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "float32"])
def test_tables_and_curves_give_the_same(dtype):
    low = -100 if np.dtype(dtype).kind in "if" else 0
    values = np.linspace(low, 120, 12).reshape(1, 3, 4).astype(dtype)
    view = LookedUp(image(values), (CURVE,))
    found = view.read(GRID.window, rounded=False)
    np.testing.assert_allclose(found.values, CURVE.at(values), rtol=1e-6)
    rounded = view.read(GRID.window)
    assert rounded.values.dtype == dtype
    if np.dtype(dtype).kind != "f":
        limits = np.iinfo(dtype)
        expected = np.rint(CURVE.at(values)).clip(limits.min, limits.max)
        np.testing.assert_array_equal(rounded.values, expected)
        assert rounded.clipped == np.count_nonzero(
            (CURVE.at(values) > limits.max + 0.5) | (CURVE.at(values) < limits.min - 0.5)
        )


def test_stacked_views_round_once():
    below = Adjusted(image(np.full((1, 1, 1), 15, "uint8")), (1.0,), (0.3,))
    view = LookedUp(below, (Curve((0.0, 100.0), (0.0, 1000.0)),), "uint16")
    assert (view.read(GRID.window).values == 153).all()


def test_validity_stays_and_results_of_nodata_move():
    valid = np.ones((3, 4), bool)
    valid[0] = False
    values = np.array([0, 10, 11, 12], "uint8")[None, None]
    view = LookedUp(image(values, valid, nodata=0), (Curve((10.0, 12.0), (0.0, 2.0)),))
    found = view.read(GRID.window)
    np.testing.assert_array_equal(found.valid, valid)
    # the invalid row keeps what it held; 0 becomes 1 and is counted
    assert found.values[0].tolist()[0] == [0, 10, 11, 12]
    assert found.values[0].tolist()[1] == [1, 1, 1, 2]
    assert found.moved == 4


def test_a_curve_that_changes_nothing_hands_the_pixels_through():
    source = image(np.array([[[np.nan, 1, 2, 3]]], "float32"))
    view = LookedUp(source, (Curve((0.0, 3.0), (0.0, 3.0)),))
    assert view.identity
    assert view.read(GRID.window).values is not None
    np.testing.assert_array_equal(view.read(GRID.window).values, source.values)


def test_views_survive_pickling():
    view = LookedUp(image(np.full((1, 1, 1), 15, "uint8")), (CURVE,))
    view.read(GRID.window)
    again = pickle.loads(pickle.dumps(view))  # noqa: S301
    np.testing.assert_array_equal(again.read(GRID.window).values, view.read(GRID.window).values)
