# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.radiometry.balanced import Rating, balanced_steps
from orthoweave.core.radiometry.cellmeans import CellMeans
from orthoweave.core.radiometry.moments import Overlaps

BLOCKS = Grid(3, 1, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
GRIDS = [Grid(30, 10, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))] * 4


def cells(pairs, columns, means, counts):
    """One cell for each pair: its block and the means of both images in one band."""
    count = len(pairs)
    ends = np.array(pairs).T
    overlaps = Overlaps(
        np.array(pairs), np.arange(count), np.zeros(1), np.array(counts, float),
        np.zeros((2, 1, count)), np.zeros((2, 1, count)), np.ones((count, 1)),
    )  # fmt: skip
    blocks = np.array([np.zeros(count, int), columns])
    return CellMeans(
        overlaps, np.array(means, float).T[:, None], ends, np.ones(count), np.zeros(count),
        np.zeros(count), np.zeros((2, 2, count)), blocks, np.zeros(count, bool),
    )  # fmt: skip


def rated(made, logs=True, weights=None, robust=False):
    weights = np.ones((1, len(made.share))) if weights is None else weights
    return Rating(weights, np.array([logs]), np.array([1.0]), robust)


def steps(made, logs=True, weights=None, robust=False):
    found = balanced_steps(made, rated(made, logs, weights, robust), BLOCKS, GRIDS)
    return {
        (int(image), int(col)): float(step)
        for image, col, step in zip(found.images, found.blocks[1], found.step[0])
    }


def test_two_images_meet_in_the_middle_and_the_trusted_one_moves_less():
    found = steps(cells([(0, 1)], [1], [(100.0, 121.0)], [50]))
    # both frames are the same: both are trusted alike
    assert found[0, 1] == pytest.approx(np.log(1.1)) and found[1, 1] == pytest.approx(-np.log(1.1))
    aside = Grid(30, 10, (14.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    made = cells([(0, 1)], [1], [(100.0, 121.0)], [50])
    moved = balanced_steps(made, rated(made), BLOCKS, [GRIDS[0], aside])
    first, second = moved.step[0]
    assert first - second == pytest.approx(np.log(1.21))
    # the block lies in the middle of the first image and at the edge of the second
    trust = [1.02, (1 - ((15 - 29) / 15) ** 2) + 0.02]
    assert first * trust[0] + second * trust[1] == pytest.approx(0, abs=1e-12)
    assert abs(first) < abs(second)


def test_differences_are_added_where_ratios_say_nothing():
    found = steps(cells([(0, 1)], [1], [(-3.0, 5.0)], [50]), logs=False)
    assert found == pytest.approx({(0, 1): 4, (1, 1): -4})


def test_three_images_are_solved_together_and_pixels_decide():
    pairs, means = [(0, 1), (1, 2), (0, 2)], [(100, 110), (100, 110), (100, 110)]
    even = steps(cells(pairs, [0, 0, 0], means, [10, 10, 10]))
    # the third pair contradicts the sum of the first two: least squares share the contradiction
    step = np.log(1.1)
    expected = np.linalg.lstsq(
        np.array([[1, -1, 0], [0, 1, -1], [1, 0, -1], [1, 1, 1]]), np.array([step] * 3 + [0]), None
    )[0]
    assert [even[i, 0] for i in range(3)] == pytest.approx(expected)
    heavy = steps(cells(pairs, [0, 0, 0], means, [10, 10, 1e6]))
    assert heavy[0, 0] - heavy[2, 0] == pytest.approx(step, abs=1e-4)


def test_images_of_a_block_that_do_not_meet_are_solved_apart():
    made = cells([(0, 1), (2, 3), (0, 1)], [0, 0, 2], [(100, 120), (50, 40), (100, 100)], [9, 9, 9])
    found = steps(made)
    assert found[0, 0] == pytest.approx(-found[1, 0]) and found[2, 0] == pytest.approx(-found[3, 0])
    assert found[0, 0] - found[1, 0] == pytest.approx(np.log(1.2))
    assert found[2, 0] - found[3, 0] == pytest.approx(np.log(0.8))
    assert found[0, 2] == pytest.approx(0, abs=1e-15)


def test_cells_that_are_not_believed_hardly_count():
    made = cells([(0, 1), (0, 1)], [0, 0], [(100, 100), (100, 400)], [10, 10])
    # both cells belong to one pair
    both = Overlaps(
        np.array([[0, 1]]), np.array([0]), np.zeros(1), np.array([10.0, 10.0]),
        np.zeros((2, 1, 2)), np.zeros((2, 1, 2)), np.ones((1, 1)),
    )  # fmt: skip
    made = CellMeans(both, made.means, made.images, *(
        getattr(made, name) for name in ("share", "x", "y", "frame", "blocks", "odd")))  # fmt: skip
    found = steps(made, weights=np.array([[1.0, 1e-6]]))
    assert abs(found[0, 0]) < 1e-4
    assert steps(made)[0, 0] == pytest.approx(np.log(2.5) / 2)


def test_cells_outside_the_blocks_and_no_cells_at_all_are_fine():
    assert steps(cells([(0, 1)], [7], [(1, 2)], [5])) == {}
    nothing = cells([(0, 1)], [0], [(1, 2)], [5]).part(np.array([], int))
    assert steps(nothing) == {}


def test_blocks_that_look_changed_are_left_alone():
    count = 9
    means = np.array([(100.0, 104.0)] * 7 + [(100.0, 120.0), (100.0, 400.0)])
    overlaps = Overlaps(
        np.array([[0, 1]]), np.array([0]), np.zeros(1), np.ones(count), np.zeros((2, 1, count)),
        np.zeros((2, 1, count)), np.ones((1, 1)),
    )  # fmt: skip
    wide = Grid(9, 1, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
    blocks = np.array([np.zeros(count, int), np.arange(count)])
    made = CellMeans(
        overlaps, means.T[:, None], np.array([np.zeros(count, int), np.ones(count, int)]),
        np.ones(count), np.zeros(count), np.zeros(count), np.zeros((2, 2, count)), blocks,
        np.zeros(count, bool),
    )  # fmt: skip
    grids = [Grid(90, 10, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))] * 2
    found = balanced_steps(made, rated(made, robust=True), wide, grids)
    first, last = (found.step[0, found.images == image] for image in (0, 1))
    np.testing.assert_allclose(first[:8] - last[:8], np.log(means[:8, 1] / means[:8, 0]))
    # a cloud that is four times as bright is no evidence
    assert abs(first[8]) < 1e-12 and abs(last[8]) < 1e-12
