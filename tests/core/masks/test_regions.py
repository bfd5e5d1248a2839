# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.masks.regions import joined, packed, regions, unpacked


def flooded(mask):
    """Label a mask by flooding: pixels that share an edge are one region."""
    labels, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask)):
        if labels[start]:
            continue
        count += 1
        labels[start], waiting = count, [start]
        while waiting:
            row, col = waiting.pop()
            for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
                inside = 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1]
                if inside and mask[r, c] and not labels[r, c]:
                    labels[r, c] = count
                    waiting.append((r, c))
    return labels, count


def masks():
    rng = np.random.default_rng(4)
    yield np.zeros((3, 5), bool)
    yield np.ones((4, 3), bool)
    yield np.ones((1, 1), bool)
    yield np.array([[1, 0], [0, 1]], bool)
    for share in (0.1, 0.4, 0.6, 0.9):
        for shape in ((17, 23), (1, 30), (30, 1), (40, 40)):
            yield rng.random(shape) < share


@pytest.mark.parametrize("mask", list(masks()))
def test_regions_are_those_of_a_flood(mask):
    truth, count = flooded(mask)
    found = regions(mask)
    numbers = found.image()
    assert found.count == count
    np.testing.assert_array_equal(numbers > 0, mask)
    pairs = {(int(a), int(b)) for a, b in zip(numbers[mask], truth[mask])}
    assert len(pairs) == count
    np.testing.assert_array_equal(found.areas, np.bincount(numbers[mask], minlength=count + 1)[1:])


@pytest.mark.parametrize("mask", list(masks()))
def test_regions_at_the_edge_come_first(mask):
    found = regions(mask)
    numbers = found.image()
    edge = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    assert sorted(set(edge.tolist()) - {0}) == list(range(1, found.open + 1))


def test_chosen_regions_are_painted():
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [1, 0, 0, 0]], bool)
    found = regions(mask)
    numbers = found.image()
    which = np.arange(found.count) == numbers[0, 3] - 1
    np.testing.assert_array_equal(found.chosen(which), numbers == numbers[0, 3])


def test_a_spiral_is_one_region():
    size = 41
    mask = np.zeros((size, size), bool)
    row, col, step, turn = size // 2, size // 2, 2, 0
    while 0 <= row < size and 0 <= col < size:
        for _ in range(step):
            if not (0 <= row < size and 0 <= col < size):
                break
            mask[row, col] = True
            row, col = row + (0, 1, 0, -1)[turn % 4], col + (1, 0, -1, 0)[turn % 4]
        step, turn = step + 1, turn + 1
        step += turn % 2
    assert regions(mask).count == flooded(mask)[1]


def test_groups_are_joined_through_others():
    found = joined(6, np.array([4, 1, 0]), np.array([1, 5, 3]))
    assert len(set(found.tolist())) == 3
    assert found[4] == found[1] == found[5] and found[0] == found[3] != found[2]


def test_a_packed_mask_comes_back():
    mask = np.random.default_rng(0).random((13, 21)) < 0.5
    np.testing.assert_array_equal(unpacked(packed(mask), mask.shape), mask)
