# SPDX-License-Identifier: GPL-2.0-or-later
"""Arithmetic of windows: rectangles of pixels (col, row, width, height)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SWATH = 8192
"""Width of the columns in which windows run: the blocks that two rows share stay in memory.

An image that is read best in other ones has an attribute `swath`, one that takes memory for
each pixel while it is read has `reading_bytes`.
"""


@dataclass(frozen=True, order=True)
class Window:
    """A rectangle of pixels; col and row may be negative (a margin beyond the image)."""

    col: int
    row: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """Column behind the last one."""
        return self.col + self.width

    @property
    def bottom(self) -> int:
        """Row behind the last one."""
        return self.row + self.height

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns), the shape of its arrays."""
        return (self.height, self.width)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def empty(self) -> bool:
        """True when it holds no pixel."""
        return self.width <= 0 or self.height <= 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """(rows, columns) of an array that starts at pixel (0, 0)."""
        return (slice(self.row, self.bottom), slice(self.col, self.right))

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Return (rows, columns) of this window in an array that covers the outer one."""
        return self.shifted(-outer.col, -outer.row).slices

    def banded(self, outer: Window) -> tuple[slice, slice, slice]:
        """Return `within` for arrays whose first axis is the band."""
        return (slice(None), *self.within(outer))

    def shifted(self, cols: int, rows: int) -> Window:
        """Return the window moved by whole pixels."""
        return Window(self.col + cols, self.row + rows, self.width, self.height)

    def padded(self, margin: int) -> Window:
        """Return the window grown by margin pixels on every side."""
        return Window(
            self.col - margin, self.row - margin, self.width + 2 * margin, self.height + 2 * margin
        )

    def clipped(self, other: Window) -> Window:
        """Return what both windows cover; empty (width or height 0) when nothing."""
        col, row = max(self.col, other.col), max(self.row, other.row)
        width = max(0, min(self.right, other.right) - col)
        height = max(0, min(self.bottom, other.bottom) - row)
        return Window(col, row, width, height)

    def contains(self, other: Window) -> bool:
        """Return True when the other window lies inside."""
        return self.clipped(other) == other

    def aligned(self, block_width: int, block_height: int) -> Window:
        """Return the smallest window of whole blocks that covers this one."""
        col = self.col // block_width * block_width
        row = self.row // block_height * block_height
        right = -(-self.right // block_width) * block_width
        bottom = -(-self.bottom // block_height) * block_height
        return Window(col, row, right - col, bottom - row)


def tiling(area: Window, width: int, height: int) -> Iterator[Window]:
    """Yield windows of at most width × height that tile an area, row by row."""
    for row in range(area.row, area.bottom, height):
        for col in range(area.col, area.right, width):
            yield Window(col, row, width, height).clipped(area)


def swaths(area: Window, swath: int, width: int, height: int) -> Iterator[Window]:
    """Yield the windows of a tiling, one column of at most swath pixels after the other.

    Keeping the rows short keeps the blocks that two rows of windows share few, however wide the
    image is.
    """
    for column in tiling(area, swath, area.height):
        yield from tiling(column, width, height)
