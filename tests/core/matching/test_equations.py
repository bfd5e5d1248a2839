# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.matching import equations
from orthoweave.core.matching.equations import Equations

ONE = np.ones((1, 1, 1))


def rows(value):
    return np.array([[value]])


def test_the_weighted_sum_stays_nothing_whatever_the_unknowns_are():
    made = Equations(np.array([1.0, 3.0]), 1)
    made.add((0, 1), (ONE, -ONE), rows(8.0), np.ones(1))
    theta = np.array([[0.5], [0.25]])
    after = theta + made.solved(theta)
    assert after[0, 0] + 3 * after[1, 0] == pytest.approx(0, abs=1e-12)
    assert (after - theta)[0, 0] - (after - theta)[1, 0] == pytest.approx(8.0)


def test_a_fixed_image_has_no_unknowns():
    made = Equations(np.array([np.inf, 1.0]), 1)
    made.add((0, 1), (ONE, -ONE), rows(8.0), np.ones(1))
    assert made.solved(np.zeros((2, 1))).ravel().tolist() == [0.0, -8.0]


@pytest.mark.parametrize("limit", [600, 1])
def test_what_cannot_be_solved_is_said(limit, monkeypatch):
    if limit == 1:
        pytest.importorskip("scipy")
    monkeypatch.setattr(equations, "SPARSE", limit)
    made = Equations(np.array([np.inf, 1.0]), 1)
    made.add((1,), (0 * ONE,), rows(8.0), np.ones(1))
    with pytest.raises(NoSolution, match="do not fix the transforms"):
        made.solved(np.zeros((2, 1)))
