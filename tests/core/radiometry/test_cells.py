# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.radiometry.cells import block_counts, cells_of, runs
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


@pytest.mark.parametrize(("size", "count"), [(1000, 1), (128, 2), (127, 1), (4000, 4)])
def test_cells_are_at_least_64_pixels_and_at_most_16_in_a_block(size, count):
    cells = cells_of(Window(0, 0, size, size), 1, 1)
    expected = min(4, max(1, size // 64)) if size > 127 else count
    assert len(cells.rows) - 1 == expected
    assert (cells.rows[0], cells.rows[-1]) == (0, size)


def test_a_pixel_belongs_to_the_cell_that_holds_its_center():
    cells = cells_of(Window(0, 0, 10, 7), 3, 3)
    for size, edges in ((7, cells.rows), (10, cells.cols)):
        for pixel in range(size):
            cell = int((pixel + 0.5) * 3 / size)
            assert edges[cell] <= pixel < edges[cell + 1]


def test_cells_touched_by_a_window_hold_all_its_pixels():
    cells = cells_of(Window(0, 0, 100, 100), 10, 5)
    assert cells.touched(Window(19, 10, 2, 1)) == Window(0, 1, 2, 1)
    assert cells.touched(Window(0, 0, 100, 100)) == Window(0, 0, 5, 10)


def test_runs_name_each_cell_once():
    found, starts = runs((0, 3, 7, 10), np.arange(2, 8))
    assert found.tolist() == [0, 1, 2]
    assert starts.tolist() == [0, 1, 5]
