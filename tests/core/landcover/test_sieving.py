# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover import sieving
from orthoweave.core.landcover.sieving import Sieve, regions_of, sieved


def grid(*rows):
    return np.array([[int(letter) for letter in row] for row in rows])


def flooded(labels, corners):
    """Return regions by flooding, pixel by pixel."""
    found = np.full(labels.shape, -1)
    steps = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    steps += [(-1, -1), (-1, 1), (1, -1), (1, 1)] if corners else []
    number = 0
    for start in np.ndindex(labels.shape):
        if found[start] >= 0:
            continue
        stack = [start]
        while stack:
            at = stack.pop()
            if found[at] >= 0:
                continue
            found[at] = number
            for step in steps:
                there = (at[0] + step[0], at[1] + step[1])
                if all(0 <= p < n for p, n in zip(there, labels.shape)) and (
                    labels[there] == labels[start]
                ):
                    stack.append(there)
        number += 1
    return found


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_regions_are_those_of_flooding(corners, seed):
    labels = np.random.default_rng(seed).integers(0, 3, (23, 31))
    np.testing.assert_array_equal(regions_of(labels, corners), flooded(labels, corners))


def test_a_small_region_goes_to_the_neighbor_with_the_longest_border():
    labels = grid("1111222", "1133222", "1111222", "1111222")
    # 33 has four edges with 1 and one more at its left, one with 2
    assert (sieved(labels, Sieve(3)) == grid("1111222", "1111222", "1111222", "1111222")).all()


def test_of_equal_borders_the_larger_region_wins_then_the_lower_label():
    assert sieved(grid("11322222"), Sieve(2))[0, 2] == 2
    assert sieved(grid("2231155"), Sieve(2))[0, 2] == 1


def test_no_class_neither_takes_nor_gives():
    assert sieved(grid("000", "010", "000"), Sieve(5)).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert sieved(grid("111", "101", "111"), Sieve(5))[1, 1] == 0


def test_the_smallest_goes_first():
    # 4 (one pixel) joins 3, which is then large enough to stay
    labels = grid("1111111", "1334111", "1111111")
    found = sieved(labels, Sieve(3))
    # 4 has two edges with 1 above and below, one to its right and one with 3
    assert found[1].tolist() == [1] * 7
    labels = grid("11111111", "13341111", "13311111", "11111111")
    assert sieved(labels, Sieve(5))[1].tolist() == [1, 1, 1, 1, 1, 1, 1, 1]
    assert sieved(labels, Sieve(4))[1].tolist() == [1, 3, 3, 1, 1, 1, 1, 1]


def test_regions_that_come_to_touch_are_one():
    # the 2 has three edges with each half of 1, which have six pixels each
    labels = grid("3333333", "3112113", "3112113", "3112113", "3333333")
    expected = grid("3333333", "3111113", "3111113", "3111113", "3333333")
    assert (sieved(labels, Sieve(7)) == expected).all()
    assert (sieved(labels, Sieve(16)) == 3).all()


def test_corners_hold_regions_together():
    labels = grid("1222", "2122", "2212", "2222")
    assert (sieved(labels, Sieve(3)) == 2).all()
    assert (sieved(labels, Sieve(3, corners=True)) == labels).all()


def test_kept_labels_stay():
    labels = grid("1111", "1511", "1111")
    assert sieved(labels, Sieve(5, keep=(5,)))[1, 1] == 5
    assert sieved(labels, Sieve(5))[1, 1] == 1


def test_groups_come_first():
    # 3 has more of a border with 1, but 4 is of its group
    labels = grid("1111", "1134", "1144", "4444")
    groups = ((3, "wood"), (4, "wood"), (1, "field"))
    assert sieved(labels, Sieve(2))[1, 2] in (1, 4)
    assert sieved(labels, Sieve(2, groups=groups))[1, 2] == 4


def test_no_small_region_is_left_that_has_a_neighbor():
    labels = np.random.default_rng(0).integers(1, 5, (80, 90))
    found = sieved(labels, Sieve(12))
    sizes = np.bincount(regions_of(found).ravel())
    assert sizes.min() >= 12


def test_windows_change_nothing(write, monkeypatch):
    from orthoweave.core.raster import open_image
    from orthoweave.core.windows import Window, tiling

    monkeypatch.setattr(sieving, "TILE", 64)
    labels = np.random.default_rng(0).integers(0, 4, (150, 200)).astype(np.uint8)
    image = sieving.Sieved(open_image(write("l.tif", labels, nodata=0)), Sieve(6))
    whole = image.read(image.grid.window).values
    for window in tiling(Window(0, 0, 200, 150), 37, 53):
        found = image.read(window.clipped(image.grid.window)).values
        np.testing.assert_array_equal(
            found,
            whole[(slice(None), *window.clipped(image.grid.window).within(image.grid.window))],
        )
