# SPDX-License-Identifier: GPL-2.0-or-later
"""Points by squares that stand at fixed places."""

from __future__ import annotations

import numpy as np
from orthoweave.core.displacements.squares import squares


def test_each_point_comes_once_with_those_of_its_square():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-2000, 5000, (2, 500))
    found = list(squares(x, y))
    assert np.array_equal(np.sort(np.concatenate(found)), np.arange(500))
    owners = [set(zip(y[one] // 1024, x[one] // 1024)) for one in found]
    assert all(len(owner) == 1 for owner in owners)
    assert sorted(owners, key=min) == owners
    assert len({min(owner) for owner in owners}) == len(owners)


def test_no_points_need_no_square():
    assert list(squares(np.empty(0), np.empty(0))) == []
