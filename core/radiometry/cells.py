# SPDX-License-Identifier: GPL-2.0-or-later
"""The coarse grid of blocks on the canvas, and the cells in which sums over overlaps are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..image import Array
from ..windows import Window

BLOCKS_PER_IMAGE = 100
MOST_CELLS_PER_SIDE = 4
"""A block holds at most 4 × 4 cells, as many as leave them SMALLEST_CELL pixels wide."""

SMALLEST_CELL = 64
LATTICE = 256
"""Points per axis at which the covered share of the canvas is looked at."""


@dataclass(frozen=True)
class Cells:
    """Cells of a canvas: pixel edges of their rows and columns, first 0, last the canvas' size."""

    rows: tuple[int, ...]
    cols: tuple[int, ...]

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


def cells_of(canvas: Window, rows: int, cols: int) -> Cells:
    """Return the cells of rows × cols blocks: each is divided k × k, k up to 4."""
    side = min(canvas.height / rows, canvas.width / cols)
    count = min(MOST_CELLS_PER_SIDE, max(1, int(side // SMALLEST_CELL)))
    return Cells(_edges(canvas.height, rows * count), _edges(canvas.width, cols * count))


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


def _edges(size: int, count: int) -> tuple[int, ...]:
    # a pixel belongs to the cell that holds its center
    return tuple(-((count - 2 * index * size) // (2 * count)) for index in range(count + 1))


def _between(edges: tuple[int, ...], first: int, end: int) -> tuple[int, int]:
    start, stop = np.searchsorted(np.asarray(edges), (first, end - 1), side="right")
    return int(start) - 1, int(stop)
