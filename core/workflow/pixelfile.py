# SPDX-License-Identifier: GPL-2.0-or-later
"""Pixels in a working file that is read and written by windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..image import Array
from ..windows import Window


@dataclass(frozen=True)
class Spooled:
    """An array[row, col, layer] in a file that is read and written by windows."""

    path: str
    height: int
    width: int
    layers: int
    kind: str

    def created(self) -> Spooled:
        """Make the file, full of zeros."""
        size = self.height * self.width * self.layers * np.dtype(self.kind).itemsize
        with open(self.path, "wb") as file:
            file.truncate(size)
        return self

    def read(self, window: Window) -> Array:
        """Return [row, col, layer] of a window."""
        values = np.empty((*window.shape, self.layers), self.kind)
        with open(self.path, "rb", buffering=0) as file:
            for start, rows in self._pieces(window, values):
                file.seek(start)
                file.readinto(rows)
        return values

    def write(self, window: Window, values: Array) -> None:
        """Write [row, col, layer] of a window."""
        whole = np.ascontiguousarray(values, self.kind)
        with open(self.path, "r+b") as file:
            for start, rows in self._pieces(window, whole):
                file.seek(start)
                file.write(rows)

    def _pieces(self, window: Window, values: Array) -> Iterator[tuple[int, memoryview]]:
        """Yield where pieces of a window begin in the file, and their values."""
        pixel = self.layers * values.itemsize
        # not mapped: mapped pages, and those around them, count as memory of the process
        for number in range(window.height):
            place = (window.row + number) * self.width + window.col
            yield place * pixel, memoryview(values[number]).cast("B")
