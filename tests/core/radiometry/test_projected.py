# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, NoSolution
from orthoweave.core.progress import Progress
from orthoweave.core.radiometry import projected
from orthoweave.core.radiometry.projected import Rows, solve

PAIRS = np.array([[0, 1], [0, 2], [1, 2], [2, 3]])


def system(seed=0, bands=2):
    rng = np.random.default_rng(seed)
    shape = (2, len(PAIRS), bands)
    rows = Rows(
        PAIRS, 4, rng.normal(1, 1, shape), rng.uniform(0.5, 2, shape),
        np.sqrt(rng.uniform(0.2, 2, shape)), 1e-9,
    )  # fmt: skip
    conditions = rng.normal(0, 1, (2, 4, 2, bands))
    conditions[1, :, 1] = 0
    return rows, rng.normal(0, 1, shape), conditions


def dense(rows, targets, conditions, band):
    """The same problem with matrices: solved on a basis of the conditions' null space."""
    matrix = np.zeros((2 * len(PAIRS), 8))
    for pair, ends in enumerate(PAIRS):
        for side, sign in ((0, 1), (1, -1)):
            at = 2 * ends[side]
            matrix[2 * pair, at] = sign * rows.level[side, pair, band]
            matrix[2 * pair, at + 1] = sign
            matrix[2 * pair + 1, at] = sign * rows.spread[side, pair, band]
    weights = rows.weights[:, :, band].T.ravel()
    right = weights * targets[:, :, band].T.ravel()
    side = conditions[..., band].reshape(2, 8)
    basis = np.linalg.svd(side)[2][2:].T
    extended = np.vstack([weights[:, None] * matrix, np.sqrt(rows.ridge) * np.eye(8)])
    found = np.linalg.lstsq(extended @ basis, np.append(right, np.zeros(8)), rcond=None)[0]
    return (basis @ found).reshape(4, 2)


def test_the_solution_is_that_of_dense_least_squares_under_the_same_conditions():
    rows, targets, conditions = system()
    found = solve(rows, targets, conditions, np.zeros((4, 2, 2)))
    for band in range(2):
        np.testing.assert_allclose(
            found[..., band], dense(rows, targets, conditions, band), atol=1e-6
        )
    np.testing.assert_allclose(np.einsum("cnxb,nxb->cb", conditions, found), 0, atol=1e-12)


def test_a_good_start_gives_the_same_solution():
    rows, targets, conditions = system(3)
    found = solve(rows, targets, conditions, np.zeros((4, 2, 2)))
    again = solve(rows, targets, conditions, found)
    np.testing.assert_allclose(again, found, atol=1e-9)


def test_a_condition_without_coefficients_forbids_nothing():
    rows, targets, conditions = system(1)
    conditions[1] = 0
    found = solve(rows, targets, conditions, np.zeros((4, 2, 2)))
    np.testing.assert_allclose(np.einsum("nxb,nxb->b", conditions[0], found), 0, atol=1e-12)


def test_equations_that_hold_already_change_nothing():
    rows, targets, conditions = system(2)
    assert not solve(rows, 0 * targets, conditions, np.zeros((4, 2, 2))).any()


def test_too_few_steps_are_an_error_that_tells_the_residual(monkeypatch):
    rows, targets, conditions = system()
    monkeypatch.setattr(projected, "STEPS_PER_UNKNOWN", 0)
    with pytest.raises(NoSolution, match=r"4 images did not converge: a relative residual of"):
        solve(rows, targets, conditions, np.zeros((4, 2, 2)))


def test_bands_do_not_influence_one_another():
    rows, targets, conditions = system()
    both = solve(rows, targets, conditions, np.zeros((4, 2, 2)))
    one = replace(rows, level=rows.level[..., :1], spread=rows.spread[..., :1],
                  weights=rows.weights[..., :1])  # fmt: skip
    alone = solve(one, targets[..., :1], conditions[..., :1], np.zeros((4, 2, 1)))
    np.testing.assert_allclose(both[..., :1], alone, atol=1e-12)


def test_the_solver_stops_when_asked_to():
    class Stop(Progress):
        def cancelled(self):
            return True

    rows, targets, conditions = system()
    with pytest.raises(Cancelled):
        solve(rows, targets, conditions, np.zeros((4, 2, 2)), Stop())
