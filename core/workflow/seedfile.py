# SPDX-License-Identifier: GPL-2.0-or-later
"""The seeds of superpixels in working files, so that memory does not grow with their number."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from ..image import Array
from ..landcover.superpixels import COMPONENTS, Seeds, cells_of
from ..windows import Window
from .pixelfile import Spooled


@dataclass(frozen=True)
class SeedFile:
    """The places and features of seeds, by cell, and how much places count."""

    cells: Spooled
    step: int
    weight: float = 1.0

    @classmethod
    def created(cls, path: str, shape: tuple[int, int], step: int) -> SeedFile:
        """Make the file for rows and columns of cells."""
        return cls(Spooled(path, *shape, 2 + COMPONENTS, "<f8").created(), step)

    @property
    def area(self) -> Window:
        """All cells."""
        return Window(0, 0, self.cells.width, self.cells.height)

    def around(self, window: Window) -> Seeds:
        """Return the seeds of the cells of a window of pixels, and of those around."""
        return self.part(cell_window(window, self.step).padded(1).clipped(self.area))

    def part(self, cells: Window) -> Seeds:
        """Return the seeds of some cells."""
        found, corner = self.cells.read(cells), (cells.row, cells.col)
        return Seeds(
            self.step, found[..., 2:], found[..., :2], self.weight, corner, self.cells.width
        )

    def put(self, seeds: Seeds) -> None:
        """Write the seeds of some cells."""
        (rows, cols), (row, col) = seeds.shape, seeds.corner
        both = np.concatenate([seeds.places, seeds.features], -1)
        self.cells.write(Window(col, row, cols, rows), both)

    def moving(self) -> Moving:
        """Return what moves the seeds into another file beside this one."""
        stem, end = os.path.splitext(self.cells.path)
        other = replace(self.cells, path=stem + ("" if end else ".moved")).created()
        return Moving(self, replace(self, cells=other))


def cell_window(window: Window, step: int) -> Window:
    """Return the cells that a window of whole cells holds."""
    rows, cols = cells_of(window, step)
    return Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)


class Moving:
    """Seeds that move to the middle of their pixels; windows come row by row of them."""

    def __init__(self, source: SeedFile, target: SeedFile) -> None:
        self.source, self.target = source, target
        # from the row of cells above the windows to the one below
        self._sums: Array = np.zeros((2, source.area.width + 2, 3 + COMPONENTS))

    def add(self, window: Window, sums: Array, last: bool) -> None:
        """Add the sums of a window, with those of the cells around; `last` in its row."""
        cells = cell_window(window, self.source.step)
        missing = cells.height + 2 - len(self._sums)
        if missing > 0:
            self._sums = np.pad(self._sums, ((0, missing), (0, 0), (0, 0)))
        self._sums[: cells.height + 2, cells.col : cells.right + 2] += sums
        if last:
            self._finish(cells)

    def _finish(self, cells: Window) -> None:
        """Move the seeds that no window below can reach."""
        area, below = self.source.area, cells.height
        first = max(0, cells.row - 1)
        stop = cells.bottom - 1 if cells.bottom < area.height else area.height
        whole = Window(0, first, area.width, stop - first)
        if whole.height:
            some = slice(first - cells.row + 1, stop - cells.row + 1)
            self.target.put(self.source.part(whole).moved(self._sums[some, 1:-1]))
        self._sums = self._sums[below : below + 2].copy()
