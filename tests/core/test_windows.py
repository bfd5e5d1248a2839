# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.windows import Window, swaths, tiling

AREA = Window(10, 20, 100, 50)


def test_a_window_knows_its_ends_shape_and_pixels():
    window = Window(3, 4, 5, 6)
    assert (window.right, window.bottom) == (8, 10)
    assert window.shape == (6, 5)
    assert window.pixels == 30


@pytest.mark.parametrize(
    ("window", "empty"),
    [
        (Window(0, 0, 1, 1), False),
        (Window(0, 0, 0, 1), True),
        (Window(0, 0, 1, 0), True),
        (Window(5, 5, -1, 3), True),
    ],
)
def test_a_window_without_pixels_is_empty(window, empty):
    assert window.empty is empty


def test_slices_take_rows_first():
    array = np.arange(48).reshape(6, 8)
    assert array[Window(2, 1, 3, 2).slices].tolist() == [[10, 11, 12], [18, 19, 20]]


def test_slices_of_a_window_within_another_take_the_same_pixels():
    array = np.arange(400).reshape(20, 20)
    outer, inner = Window(4, 6, 10, 12), Window(7, 9, 3, 4)
    assert (array[outer.slices][inner.within(outer)] == array[inner.slices]).all()


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param(AREA, AREA, AREA, id="identical"),
        pytest.param(AREA, Window(0, 0, 30, 30), Window(10, 20, 20, 10), id="corner"),
        pytest.param(AREA, Window(20, 30, 5, 5), Window(20, 30, 5, 5), id="inside"),
        pytest.param(Window(-4, -4, 8, 8), Window(0, 0, 9, 9), Window(0, 0, 4, 4), id="negative"),
        pytest.param(Window(0, 0, 1, 1), Window(0, 0, 1, 1), Window(0, 0, 1, 1), id="1 x 1"),
    ],
)
def test_clipped_is_what_both_cover(a, b, expected):
    assert a.clipped(b) == expected
    assert b.clipped(a) == expected


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param(Window(0, 0, 5, 5), Window(5, 0, 5, 5), id="touching at the side"),
        pytest.param(Window(0, 0, 5, 5), Window(5, 5, 5, 5), id="touching at a corner"),
        pytest.param(Window(0, 0, 5, 5), Window(90, 90, 5, 5), id="far apart"),
        pytest.param(Window(0, 0, 0, 0), Window(0, 0, 5, 5), id="one is empty"),
    ],
)
def test_windows_without_common_pixels_clip_to_an_empty_one(a, b):
    assert a.clipped(b).empty
    assert b.clipped(a).empty
    assert a.clipped(b).pixels == 0


@pytest.mark.parametrize(
    ("other", "inside"),
    [
        (AREA, True),
        (Window(10, 20, 1, 1), True),
        (Window(109, 69, 1, 1), True),
        (Window(110, 69, 1, 1), False),
        (Window(9, 20, 5, 5), False),
        (Window(0, 0, 200, 200), False),
    ],
)
def test_contains_asks_for_every_pixel(other, inside):
    assert AREA.contains(other) is inside


def test_padding_grows_every_side_and_may_leave_the_image():
    assert Window(0, 2, 4, 4).padded(3) == Window(-3, -1, 10, 10)
    assert Window(0, 2, 4, 4).padded(0) == Window(0, 2, 4, 4)
    assert Window(5, 6, 7, 8).padded(2).padded(-2) == Window(5, 6, 7, 8)


def test_shifting_keeps_the_size():
    assert Window(1, 2, 3, 4).shifted(-5, 6) == Window(-4, 8, 3, 4)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(0, 0, 256, 256), Window(0, 0, 256, 256)),
        (Window(1, 1, 1, 1), Window(0, 0, 256, 256)),
        (Window(255, 255, 2, 2), Window(0, 0, 512, 512)),
        (Window(-1, 256, 2, 1), Window(-256, 256, 512, 256)),
    ],
)
def test_aligned_covers_with_whole_blocks(window, expected):
    assert window.aligned(256, 256) == expected
    assert window.aligned(256, 256).contains(window)


@pytest.mark.parametrize("area", [AREA, Window(-7, -3, 33, 17), Window(0, 0, 1, 1)])
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (33, 5), (1000, 1000)])
def test_a_tiling_covers_each_pixel_once(area, size):
    tiles = list(tiling(area, *size))
    count = np.zeros(area.shape, int)
    for tile in tiles:
        assert not tile.empty
        assert tile.width <= size[0]
        assert tile.height <= size[1]
        count[tile.within(area)] += 1
    assert (count == 1).all()


def test_a_tiling_of_nothing_has_no_tiles():
    assert list(tiling(Window(4, 4, 0, 9), 16, 16)) == []


@pytest.mark.parametrize("swath", [16, 48, 64, 1000])
def test_swaths_are_the_same_tiles_in_another_order(swath):
    area = Window(0, 0, 130, 70)
    assert sorted(swaths(area, swath, 16, 16)) == sorted(tiling(area, 16, 16))


def test_swaths_finish_one_column_before_the_next():
    order = [window.col // 32 for window in swaths(Window(0, 0, 96, 64), 32, 16, 16)]
    assert order == sorted(order)


def test_a_window_pickles_and_sorts_by_column_then_row():
    window = Window(1, 2, 3, 4)
    assert pickle.loads(pickle.dumps(window)) == window
    assert sorted([Window(1, 0, 1, 1), Window(0, 9, 1, 1)])[0] == Window(0, 9, 1, 1)
