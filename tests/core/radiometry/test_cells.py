# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.radiometry.cells import block_counts, blocks_of, cells_of, runs
from orthoweave.core.windows import Window


@pytest.mark.parametrize(
    ("canvas", "boxes", "expected"),
    [
        (Window(0, 0, 1000, 1000), [Window(0, 0, 1000, 1000)], (10, 10)),
        # 200 blocks wanted on a canvas twice as wide as high
        (Window(0, 0, 2000, 1000), [Window(c, 0, 1000, 1000) for c in (0, 1000)], (10, 20)),
        # half covered: twice as many blocks on the whole canvas
        (Window(0, 0, 2000, 1000), [Window(0, 0, 1000, 1000)], (10, 20)),
        # never more blocks than pixels
        (Window(0, 0, 3, 2), [Window(0, 0, 3, 2)], (2, 3)),
        (Window(0, 0, 1, 1), [Window(0, 0, 1, 1)], (1, 1)),
    ],
)  # fmt: skip
def test_blocks_are_about_square_and_a_hundred_per_image(canvas, boxes, expected):
    assert block_counts(canvas, boxes) == expected


def test_blocks_are_never_more_than_asked_for():
    rows, cols = block_counts(Window(0, 0, 10500, 6000), [Window(0, 0, 10500, 6000)] * 2)
    assert rows * cols <= 200


def canvas(width, height, transform=(500.0, 2.0, 0.0, 900.0, 0.0, -2.0)):
    return Grid(width, height, transform)


def laid(grid, rows, cols, bounds=None):
    return cells_of(grid, blocks_of(grid, rows, cols, bounds))


@pytest.mark.parametrize(("size", "count"), [(1000, 4), (128, 2), (127, 1), (4000, 4), (200, 3)])
def test_cells_are_at_least_64_pixels_and_at_most_16_in_a_block(size, count):
    cells = laid(canvas(size, size), 1, 1)
    assert len(cells.rows) - 1 == count
    assert (cells.rows[0], cells.rows[-1]) == (0, size)
    assert cells.block_rows == cells.block_cols == (0,) * count


def test_a_pixel_belongs_to_the_cell_that_holds_its_center():
    cells = laid(canvas(10, 7), 3, 3)
    for size, edges in ((7, cells.rows), (10, cells.cols)):
        for pixel in range(size):
            cell = int((pixel + 0.5) * 3 / size)
            assert edges[cell] <= pixel < edges[cell + 1]


def test_blocks_of_a_south_up_canvas_still_run_from_north_to_south():
    blocks = blocks_of(canvas(10, 8, (500.0, 2.0, 0.0, 900.0, 0.0, 2.0)), 4, 5)
    assert blocks.transform == (500.0, 4.0, 0.0, 916.0, 0.0, -4.0)
    cells = laid(canvas(10, 8, (500.0, 2.0, 0.0, 900.0, 0.0, 2.0)), 4, 5)
    assert cells.block_rows == (3, 2, 1, 0) and cells.block_cols == (0, 1, 2, 3, 4)


def test_blocks_of_a_rotated_canvas_follow_its_pixels():
    turned = canvas(200, 100, (0.0, 3.0, 4.0, 0.0, 4.0, -3.0))
    blocks = blocks_of(turned, 2, 4)
    assert blocks.to_map(4, 2) == turned.to_map(200, 100)
    assert laid(turned, 2, 4).block_cols == (0, 1, 2, 3)


def test_larger_bounds_leave_blocks_beside_the_canvas_empty():
    # the canvas covers 500 to 700 and 700 to 900; the bounds twice that on every side
    wide = laid(canvas(100, 100), 6, 6, (300.0, 500.0, 900.0, 1100.0))
    assert wide.block_rows == wide.block_cols == (2, 3)
    assert wide.rows == (0, 50, 100)
    # and where the canvas reaches beyond them, its cells belong to no block
    small = laid(canvas(100, 100), 1, 1, (600.0, 800.0, 700.0, 900.0))
    assert small.block_cols == (-1, 0) and small.cols == (0, 50, 100)


def test_cells_touched_by_a_window_hold_all_its_pixels():
    cells = laid(canvas(100, 100), 10, 5)
    assert cells.touched(Window(19, 10, 2, 1)) == Window(0, 1, 2, 1)
    assert cells.touched(Window(0, 0, 100, 100)) == Window(0, 0, 5, 10)


def test_runs_name_each_cell_once():
    found, starts = runs((0, 3, 7, 10), np.arange(2, 8))
    assert found.tolist() == [0, 1, 2]
    assert starts.tolist() == [0, 1, 5]
