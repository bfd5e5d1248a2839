# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.radiometry import growth
from orthoweave.core.radiometry.growth import grown


def slow(passable, rows, cols, radius):
    """The same, one pixel after the other."""
    found = np.zeros_like(passable)
    height, width = passable.shape
    for row, col in zip(rows, cols):
        stack, seen = [(row, col)], set()
        while stack:
            at = stack.pop()
            far = (at[0] - row) ** 2 + (at[1] - col) ** 2 > radius**2
            inside = 0 <= at[0] < height and 0 <= at[1] < width
            here = inside and passable[at]
            if at in seen or far or not (here or at == (row, col)):
                continue
            seen.add(at)
            found[at] |= here
            stack += [(at[0] + i, at[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return found


@pytest.mark.parametrize("radius", [1, 4, 9])
def test_regions_are_those_of_a_plain_search(radius, monkeypatch):
    monkeypatch.setattr(growth, "MOST_PIXELS", 2000)  # several batches
    rng = np.random.default_rng(radius)
    passable = rng.random((60, 50)) < 0.55
    rows, cols = rng.integers(0, 60, 40), rng.integers(0, 50, 40)
    np.testing.assert_array_equal(
        grown(passable, rows, cols, radius), slow(passable, rows, cols, radius)
    )


def test_a_winding_way_is_followed():
    passable = np.zeros((9, 9), bool)
    passable[::2] = True
    passable[1::4, 8] = passable[3::4, 0] = True
    assert (grown(passable, np.array([0]), np.array([0]), 20) == passable).all()


def test_a_point_that_cannot_be_passed_is_not_reached_but_what_surrounds_it():
    passable = np.ones((5, 5), bool)
    passable[2, 2] = False
    np.testing.assert_array_equal(grown(passable, np.array([2]), np.array([2]), 3), passable)


def test_without_points_nothing_is_reached():
    passable = np.ones((5, 5), bool)
    assert not grown(passable, np.zeros(0, int), np.zeros(0, int), 3).any()
