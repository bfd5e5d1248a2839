# SPDX-License-Identifier: GPL-2.0-or-later
"""Class maps on coarser pixels: the most frequent label of the pixels in each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..grid import Grid
from ..image import Array, Pixels, View, read_padded
from ..windows import Window
from .labeled import known_labels

WHOLE = 1e-6
"""Pixels by which a coarse edge may lie beside a fine one."""


@dataclass(frozen=True)
class Majority(View):
    """The class map below on pixels `factor` times as large, from the same upper left corner.

    Each pixel gets the most frequent label of the pixels whose centers it holds; of equally
    frequent ones the lowest class, 0 (no class) last.
    """

    factor: tuple[float, float] = (1.0, 1.0)

    @property
    def grid(self) -> Grid:
        """The grid below with larger pixels."""
        fine, (across, along) = self.source.grid, self.factor
        x, a, b, y, d, e = fine.transform
        transform = (x, a * across, b * along, y, d * across, e * along)
        width = math.ceil(fine.width / across - WHOLE)
        height = math.ceil(fine.height / along - WHOLE)
        return Grid(width, height, transform, fine.crs)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Count the labels of the pixels below."""
        cols = self._members(window.col, window.width, 0)
        rows = self._members(window.row, window.height, 1)
        wide = Window(cols[0], rows[0], cols[1] - cols[0], rows[1] - rows[0])
        found = read_padded(self.source, wide, (1,))
        labels = known_labels(found)
        col = self._holder(np.arange(*cols), 0) - window.col
        row = self._holder(np.arange(*rows), 1) - window.row
        cell = row[:, None] * window.width + col[None]
        inside = self.source.grid.window.clipped(wide).within(wide)
        values = most_frequent(cell[inside], labels[inside], window.pixels)
        whole = values.reshape(1, *window.shape).astype(self.dtype)
        return Pixels(whole, whole[0] > 0)

    def _members(self, start: int, count: int, axis: int) -> tuple[int, int]:
        """Return the fine pixels whose centers lie in coarse ones."""
        factor = self.factor[axis]
        first = math.ceil(start * factor - 0.5 - WHOLE)
        behind = math.ceil((start + count) * factor - 0.5 - WHOLE)
        return first, max(behind, first + 1)

    def _holder(self, fine: Array, axis: int) -> Array:
        return np.asarray(np.floor((fine + 0.5) / self.factor[axis] + WHOLE), np.int64)


def most_frequent(cells: Array, labels: Array, count: int) -> Array:
    """Return the most frequent label of each cell; of equal ones the lowest above 0; 0 if empty."""
    known = np.unique(labels)
    codes = np.searchsorted(known, labels)
    # 0 comes last, so that a class wins a tie
    order = np.roll(np.arange(known.size), -1) if known.size and known[0] == 0 else None
    counts = np.bincount(cells.ravel() * known.size + codes.ravel(), minlength=count * known.size)
    table = counts.reshape(count, known.size)
    if order is not None:
        table, known = table[:, order], known[order]
    return np.asarray(np.where(table.any(1), known[table.argmax(1)], 0))
