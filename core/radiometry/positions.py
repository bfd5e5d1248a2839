# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the pixels of an image lie among blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..grid import Grid
from ..image import Array
from ..windows import Window

STRAIGHT = 1e-6
"""Blocks by which a row of pixels may run askew and still count as parallel to the blocks."""


@dataclass(frozen=True)
class Positions:
    """Block coordinates of the pixels of a grid: (0, 0) is the outer corner of the first block.

    A position depends on the pixel alone, never on the window it is asked with.
    """

    start: tuple[float, float]
    by_col: tuple[float, float]
    by_row: tuple[float, float]
    straight: bool

    @classmethod
    def of(cls, grid: Grid, blocks: Grid) -> Positions:
        """Return the positions of a grid's pixels among blocks."""
        x, y = blocks.to_pixel(*grid.to_map(0, 0))
        _, a, b, _, d, e = grid.transform
        _, ba, bb, _, bd, be = blocks.transform
        scale = 1.0 / (ba * be - bb * bd)
        by_col = ((be * a - bb * d) * scale, (ba * d - bd * a) * scale)
        by_row = ((be * b - bb * e) * scale, (ba * e - bd * b) * scale)
        askew = max(abs(by_row[0]) * grid.height, abs(by_col[1]) * grid.width)
        return cls((float(x), float(y)), by_col, by_row, askew < STRAIGHT)

    def cols(self, window: Window) -> Array:
        """Return the x of the pixel centers of each column, where rows are straight."""
        return self.start[0] + self.by_col[0] * (np.arange(window.col, window.right) + 0.5)

    def rows(self, window: Window) -> Array:
        """Return the y of the pixel centers of each row, where rows are straight."""
        return self.start[1] + self.by_row[1] * (np.arange(window.row, window.bottom) + 0.5)

    def both(self, window: Window) -> tuple[Array, Array]:
        """Return x and y[row, col] of all pixel centers."""
        cols = np.arange(window.col, window.right)[None, :] + 0.5
        rows = np.arange(window.row, window.bottom)[:, None] + 0.5
        found = [
            start + by_col * cols + by_row * rows
            for start, by_col, by_row in zip(self.start, self.by_col, self.by_row)
        ]
        return found[0], found[1]


def block_numbers(positions: Array) -> Array:
    """Return the row or column of the block in which positions lie; rounding does not decide."""
    return np.floor(np.round(positions, 9)).astype(np.int64)


def reached(grid: Grid, blocks: Grid) -> Window:
    """Return the blocks that an image's frame reaches."""
    corners = [blocks.to_pixel(x, y) for x, y in grid.corners]
    cols, rows = (block_numbers(np.array(axis)) for axis in zip(*corners))
    ends = Window(
        int(cols.min()),
        int(rows.min()),
        int(cols.max() - cols.min()) + 1,
        int(rows.max() - rows.min()) + 1,
    )
    return ends.clipped(blocks.window)


def frame_positions(grid: Grid, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the place of map positions in an image's frame: -1 to 1 along columns and rows."""
    cols, rows = grid.to_pixel(x, y)
    return 2.0 * cols / grid.width - 1.0, 2.0 * rows / grid.height - 1.0


def block_centers(blocks: Grid, window: Window) -> tuple[Array, Array]:
    """Return map x and y[row, col] of the centers of some blocks."""
    cols = np.arange(window.col, window.right)[None, :] + 0.5
    rows = np.arange(window.row, window.bottom)[:, None] + 0.5
    x, y = blocks.to_map(cols, rows)
    shape = window.shape
    return np.broadcast_to(x, shape), np.broadcast_to(y, shape)


def runs_of(numbers: Array) -> tuple[Array, Array]:
    """Return the number of each run of equal numbers, and where the runs start."""
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    return numbers[starts], starts
