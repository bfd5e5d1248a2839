# SPDX-License-Identifier: GPL-2.0-or-later
"""Cells of one size over a canvas: their numbers, neighbors, windows, and who owns them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ..grid import Grid
from ..image import Array, Mask
from ..windows import Window

BLOCK = 512
"""Pixels of the canvas that are looked at together, along rows and columns."""

NOBODY = 0
"""The label of cells that no image covers; image number n has label n + 1."""

REACH = 4
"""Cells on both sides of a seam that may change their owner at the next level."""

SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""(row, column) steps to the four neighbors; the first two reach each pair once."""


@dataclass(frozen=True)
class Level:
    """Cells of side × side pixels of a canvas; a cell's number is row · width + column."""

    canvas: Grid
    side: int

    @property
    def width(self) -> int:
        """Columns of cells."""
        return -(-self.canvas.width // self.side)

    @property
    def height(self) -> int:
        """Rows of cells."""
        return -(-self.canvas.height // self.side)

    @property
    def window(self) -> Window:
        """The window of all cells."""
        return Window(0, 0, self.width, self.height)

    def places(self, ids: Array) -> tuple[Array, Array]:
        """Return (rows, columns) of cells."""
        return ids // self.width, ids % self.width

    def numbers(self, rows: Array, cols: Array) -> Array:
        """Return the numbers of cells; -1 for those beyond the canvas."""
        outside = (rows < 0) | (cols < 0) | (rows >= self.height) | (cols >= self.width)
        return np.where(outside, -1, rows * np.int64(self.width) + cols)

    def beside(self, ids: Array, side: tuple[int, int]) -> Array:
        """Return the neighbors of cells on one of the SIDES; -1 beyond the canvas."""
        rows, cols = self.places(ids)
        return self.numbers(rows + side[0], cols + side[1])

    def at(self, x: Array, y: Array) -> Array:
        """Return the cells that hold map positions; -1 beyond the canvas."""
        cols, rows = self.canvas.to_pixel(x, y)
        places = (np.floor(v / self.side).astype(np.int64) for v in (rows, cols))
        return self.numbers(*places)

    def pixels(self, cells: Window) -> Window:
        """Return the window of the canvas that a window of cells covers."""
        side = self.side
        return Window(cells.col * side, cells.row * side, cells.width * side, cells.height * side)

    def gathered(
        self, ids: Array, read: Callable[[Window], Array], count: int, kind: str = "f4"
    ) -> Array:
        """Return values[count, cell] of cells, read by windows as [count, row, col]."""
        found = np.zeros((count, len(ids)), kind)
        for chosen, window in self._blocks(ids):
            rows, cols = self.places(ids[chosen])
            found[:, chosen] = read(window)[:, rows - window.row, cols - window.col]
        return found

    def _blocks(self, ids: Array) -> Iterator[tuple[Array, Window]]:
        """Yield the cells of each block, as indices, and the window around them."""
        if not len(ids):
            return
        rows, cols = self.places(ids)
        per = max(1, BLOCK // self.side)
        keys = rows // per * (self.width // per + 1) + cols // per
        order = np.argsort(keys, kind="stable")
        ends = np.flatnonzero(np.diff(keys[order])) + 1
        for chosen in np.split(order, ends):
            row, col = int(rows[chosen].min()), int(cols[chosen].min())
            height, width = int(rows[chosen].max()) - row + 1, int(cols[chosen].max()) - col + 1
            yield chosen, Window(col, row, width, height)


@dataclass
class Labels:
    """Who owns the cells of a level: `owners` of the cells `ids` (sorted), `below` of all others.

    Those that may change are `free`.
    """

    level: Level
    ids: Array
    owners: Array
    below: Callable[[Array], Array]
    free: Mask = field(default_factory=lambda: np.zeros(0, bool))

    def at(self, ids: Array) -> Array:
        """Return the labels of cells; NOBODY for -1."""
        found = np.full(len(ids), NOBODY, np.int32)
        place, known = located(self.ids, ids)
        found[known] = self.owners[place[known]]
        others = ~known & (ids >= 0)
        if others.any():
            found[others] = self.below(ids[others])
        return found

    def give(self, ids: Array, label: int) -> None:
        """Give known cells to an owner."""
        self.owners[np.searchsorted(self.ids, ids)] = label

    def seams(self) -> Iterator[tuple[tuple[int, int], Array, Array, Array, Array]]:
        """Yield side, cells, their neighbors and both labels where two images meet."""
        for side in SIDES:
            there = self.level.beside(self.ids, side)
            if side in SIDES[2:]:
                # pairs of known cells were met from their other end
                there = np.where(located(self.ids, there)[1], -1, there)
            mine, theirs = self.owners, self.at(there)
            cut = (mine != theirs) & (mine != NOBODY) & (theirs != NOBODY)
            yield side, self.ids[cut], there[cut], mine[cut], theirs[cut]

    def finer(self) -> Labels:
        """Return the labels of the next level, free near the seams of this one."""
        parent = self.level
        level = Level(parent.canvas, parent.side // 2)
        known = self._near(level, REACH + 1)
        free = np.isin(known, self._near(level, REACH), assume_unique=True)

        def below(ids: Array) -> Array:
            rows, cols = level.places(ids)
            return self.at(parent.numbers(rows // 2, cols // 2))

        return Labels(level, known, below(known), below, free)

    def _near(self, level: Level, reach: int) -> Array:
        """Return the cells of the next level that lie within a reach of a seam."""
        found = [np.zeros(0, np.int64)]
        span = np.arange(-reach, reach)
        for side, cells, _, _, _ in self.seams():
            rows, cols = self.level.places(cells)
            # the corner of the child that lies at the seam
            row, col = 2 * rows + 2 * max(side[0], 0), 2 * cols + 2 * max(side[1], 0)
            along = np.arange(-reach + 1, reach + 1)
            down, right = (span, along) if side[0] else (along, span)
            at = (row[:, None] + down)[:, :, None], (col[:, None] + right)[:, None, :]
            found.append(np.unique(level.numbers(*np.broadcast_arrays(*at))))
        numbers = np.unique(np.concatenate(found))
        return numbers[numbers >= 0]


def located(ids: Array, wanted: Array) -> tuple[Array, Mask]:
    """Return where numbers stand among sorted ones, and whether they are there."""
    if not len(ids):
        return np.zeros(len(wanted), int), np.zeros(len(wanted), bool)
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return place, ids[place] == wanted
