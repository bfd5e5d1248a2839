# SPDX-License-Identifier: GPL-2.0-or-later
"""The coarse grid of blocks on the canvas, and the cells in which sums over overlaps are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..grid import Bounds, Grid
from ..image import Array
from ..windows import Window
from .positions import Positions, block_numbers, runs_of

BLOCKS_PER_IMAGE = 100
MOST_CELLS_PER_SIDE = 4
"""A block holds at most 4 × 4 cells, as many as leave them SMALLEST_CELL pixels wide."""

SMALLEST_CELL = 64
LATTICE = 256
"""Points per axis at which the covered share of the canvas is looked at."""


@dataclass(frozen=True)
class Cells:
    """Cells of a canvas: pixel edges of their rows and columns, first 0, last the canvas' size.

    `block_rows` and `block_cols` name the block of each row and column of cells; a cell outside
    the blocks has a number below 0 or beyond the last.
    """

    rows: tuple[int, ...]
    cols: tuple[int, ...]
    block_rows: tuple[int, ...] = ()
    block_cols: tuple[int, ...] = ()

    def touched(self, window: Window) -> Window:
        """Return the cells that hold pixels of a window, as a window of cells."""
        top, bottom = _between(self.rows, window.row, window.bottom)
        left, right = _between(self.cols, window.col, window.right)
        return Window(left, top, right - left, bottom - top)


def block_counts(
    canvas: Window, boxes: Sequence[Window], per_image: int = BLOCKS_PER_IMAGE
) -> tuple[int, int]:
    """Return (rows, columns) of the blocks: about `per_image` for the area of each image."""
    wanted = per_image * len(boxes) / max(_covered(canvas, boxes), 0.05)
    cols = max(1, round(math.sqrt(wanted * canvas.width / canvas.height)))
    rows = max(1, round(wanted / cols))
    while rows * cols > wanted and max(rows, cols) > 1:
        rows, cols = (rows, cols - 1) if cols >= rows else (rows - 1, cols)
    return min(rows, canvas.height), min(cols, canvas.width)


def blocks_of(canvas: Grid, rows: int, cols: int, bounds: Bounds | None = None) -> Grid:
    """Return rows × columns blocks as a grid with one pixel for each.

    They cover the bounds (map units), else the whole canvas, and run from north to south; on a
    rotated canvas they follow its pixels.
    """
    if canvas.rotated:
        area = canvas.cropped(canvas.window_of(bounds)) if bounds else canvas
    else:
        left, low, right, high = bounds or canvas.bounds
        area = Grid(1, 1, (left, right - left, 0.0, high, 0.0, low - high), canvas.crs)
    x, a, b, y, d, e = area.transform
    across, down = area.width / cols, area.height / rows
    return Grid(cols, rows, (x, a * across, b * down, y, d * across, e * down), canvas.crs)


def cells_of(canvas: Grid, blocks: Grid) -> Cells:
    """Return the cells of blocks on a canvas: each block is divided k × k, k up to 4.

    The rows of blocks and of the canvas must be parallel; a pixel belongs to the cell that holds
    its center.
    """
    width, height = (abs(a / b) for a, b in zip(blocks.pixel_size, canvas.pixel_size))
    count = min(MOST_CELLS_PER_SIDE, max(1, int(min(width, height) * (1 + 1e-9) // SMALLEST_CELL)))
    positions = Positions.of(canvas, blocks)
    rows, block_rows = _lines(positions.rows(canvas.window), count)
    cols, block_cols = _lines(positions.cols(canvas.window), count)
    return Cells(rows, cols, block_rows, block_cols)


def runs(edges: Sequence[int], positions: Array) -> tuple[Array, Array]:
    """Return the cells that sorted pixel positions fall into, and where each cell's run starts."""
    found = np.searchsorted(np.asarray(edges), positions, side="right") - 1
    cells, starts = np.unique(found, return_index=True)
    return cells, starts


def _covered(canvas: Window, boxes: Sequence[Window]) -> float:
    """The share of the canvas that lies in any of the boxes."""
    cols = (np.arange(LATTICE) + 0.5) * canvas.width / LATTICE
    rows = (np.arange(LATTICE) + 0.5) * canvas.height / LATTICE
    inside = np.zeros((LATTICE, LATTICE), bool)
    for box in boxes:
        top, bottom = np.searchsorted(rows, (box.row, box.bottom))
        left, right = np.searchsorted(cols, (box.col, box.right))
        inside[top:bottom, left:right] = True
    return float(inside.mean())


def _lines(positions: Array, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Edges of the runs of pixels that lie in one cell, and the block of each run."""
    cells, starts = runs_of(block_numbers(positions * count))
    edges = (*starts.tolist(), len(positions))
    return edges, tuple((cells // count).tolist())


def _between(edges: tuple[int, ...], first: int, end: int) -> tuple[int, int]:
    start, stop = np.searchsorted(np.asarray(edges), (first, end - 1), side="right")
    return int(start) - 1, int(stop)
