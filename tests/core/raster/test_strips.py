# SPDX-License-Identifier: GPL-2.0-or-later
"""Strips of decoded blocks, and which of them are forgotten."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.raster.strips import REACH, Look, Strips, Turn
from orthoweave.core.windows import Window

BLOCK = 128 * 128
"""Bytes of a block that is one strip."""


def block(number):
    return Window(128 * number, 0, 128, 128)


def held(strips):
    return [number for number in range(9) if strips.find("a", [block(number)])]


def passed(strips, numbers, *, row, rows=100):
    """Let windows above the given blocks read so many rows of them."""
    for number in numbers:
        turn = Turn(number, row)
        strips.add("a", block(number), np.full((1, 128, 128), number, np.uint8), turn)
        window = Window(128 * number, 0, 128, rows)
        strips.mark("a", [block(number)], turn)
        turn.look("a", Look(window, (0, 0)))
        strips.close(turn)


def test_of_a_row_of_windows_the_newest_blocks_are_needed_last():
    strips = Strips()
    passed(strips, range(6), row=6)
    strips.shrink(4 * BLOCK, 5)
    assert held(strips) == [0, 1, 2] and strips.bytes == 3 * BLOCK
    ((window, values),) = strips.find("a", [block(2)])
    assert window == block(2) and (values == 2).all()


def test_of_windows_whose_order_is_not_known_the_oldest_blocks_go_first():
    strips = Strips()
    passed(strips, range(6), row=0)
    strips.shrink(4 * BLOCK, 5)
    assert held(strips) == [3, 4, 5]


@pytest.mark.parametrize("row", [0, 6])
def test_blocks_that_windows_have_passed_go_before_all_others(row):
    strips = Strips()
    passed(strips, [0, 1], row=row)
    passed(strips, [2, 3], row=row, rows=128)
    passed(strips, [4, 5], row=row)
    strips.shrink(5 * BLOCK, 5)
    assert 2 not in held(strips) and len(held(strips)) == 4
    strips.clear()
    assert strips.bytes == 0 and len(strips) == 0


def test_blocks_that_the_next_row_did_not_need_are_forgotten():
    strips = Strips()
    passed(strips, range(4), row=4)
    strips.shrink(4 * BLOCK - 1, 20)
    assert held(strips) == [1, 2, 3]


def test_blocks_of_a_window_that_is_still_read_stay():
    strips, turn = Strips(), Turn(1, 2)
    strips.add("a", block(7), np.zeros((1, 128, 128), np.uint8), turn)
    passed(strips, [2, 3, 4], row=2)
    strips.shrink(2 * BLOCK, 4)
    assert held(strips) == [7]
    # a read that failed tells nothing
    strips.close(turn)
    assert held(strips) == [7]


def test_windows_that_read_twice_are_known_to_reach_beyond_themselves():
    once = Look(Window(0, 0, 512, 512), (REACH, REACH))
    assert once.joined(Look(Window(500, 0, 512, 512), (REACH, REACH))).back == (REACH, REACH)
    twice = once.joined(Look(Window(384, 0, 512, 640), (REACH, REACH)))
    assert twice == Look(Window(0, 0, 896, 640), (2 * REACH, 2 * REACH))
    plain = Look(Window(0, 0, 512, 512), (32, 32))
    assert plain.joined(plain).back == (32, 32)
