# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the pixels of an image lie on the ground."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .windows import Window

Transform = tuple[float, float, float, float, float, float]
Bounds = tuple[float, float, float, float]
"""(min x, min y, max x, max y) in map units."""


def bounds_text(bounds: Bounds) -> str:
    """Return bounds as messages say them."""
    left, low, right, high = bounds
    return f"x {left:.10g} to {right:.10g}, y {low:.10g} to {high:.10g}"


TOLERANCE = 0.01
"""Pixels by which corners of equal grids may differ."""


@dataclass(frozen=True)
class Grid:
    """Size, transform (GDAL's order, rotated and south-up included) and CRS (WKT, "" = none)."""

    width: int
    height: int
    transform: Transform
    crs: str = ""

    @property
    def window(self) -> Window:
        """The window of all pixels."""
        return Window(0, 0, self.width, self.height)

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Lengths of a pixel's sides in map units, along columns and rows."""
        _, a, b, _, d, e = self.transform
        return (math.hypot(a, d), math.hypot(b, e))

    @property
    def rotated(self) -> bool:
        """True when rows do not run along the x axis."""
        return self.transform[2] != 0 or self.transform[4] != 0

    @property
    def georeferenced(self) -> bool:
        """True when it has a CRS or a transform other than the default one."""
        return bool(self.crs) or self.transform != (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """Map positions of the four outer corners, round the image."""
        w, h = self.width, self.height
        return tuple(self.to_map(c, r) for c, r in ((0, 0), (w, 0), (w, h), (0, h)))

    @property
    def bounds(self) -> Bounds:
        """The box round the corners."""
        xs, ys = zip(*self.corners)
        return (min(xs), min(ys), max(xs), max(ys))

    def to_map(self, col: Any, row: Any) -> tuple[Any, Any]:
        """Return map (x, y) of pixel positions (0, 0 = outer corner of the first pixel).

        Takes numbers or arrays.
        """
        x, a, b, y, d, e = self.transform
        return (x + a * col + b * row, y + d * col + e * row)

    def to_pixel(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return pixel positions (col, row) of map positions; the inverse of to_map."""
        x0, a, b, y0, d, e = self.transform
        scale = 1.0 / (a * e - b * d)
        dx, dy = x - x0, y - y0
        return ((e * dx - b * dy) * scale, (a * dy - d * dx) * scale)

    def offset(self, other: Grid) -> tuple[int, int] | None:
        """Return (col, row) in this grid of the other's first pixel when both share their pixels.

        None when any corner of the other lies more than 0.01 px off this grid's pixel corners.
        The CRS is not compared.
        """
        col, row = self.to_pixel(*other.to_map(0, 0))
        if not (math.isfinite(col) and math.isfinite(row)):
            return None
        shift = (round(col), round(row))
        ends = ((0, 0), (other.width, 0), (0, other.height), (other.width, other.height))
        for end in ends:
            at = self.to_pixel(*other.to_map(*end))
            off = (at[0] - end[0] - shift[0], at[1] - end[1] - shift[1])
            if max(abs(off[0]), abs(off[1])) > TOLERANCE:
                return None
        return shift

    def matches(self, other: Grid) -> bool:
        """Return True when both grids share their pixels (a whole-pixel shift is allowed)."""
        return self.offset(other) is not None

    def placed(self, other: Grid) -> Window:
        """Return the window of this grid that the other one fills; both must match."""
        shift = self.offset(other)
        if shift is None:
            raise ValueError("grids do not match")
        return Window(*shift, other.width, other.height)

    def cropped(self, window: Window) -> Grid:
        """Return the grid of a window of this one; the window may reach beyond it."""
        x, y = self.to_map(window.col, window.row)
        _, a, b, _, d, e = self.transform
        return Grid(window.width, window.height, (x, a, b, y, d, e), self.crs)

    def window_of(self, bounds: Bounds) -> Window:
        """Return the smallest window of whole pixels that covers a box (0.01 px are forgiven)."""
        left, low, right, high = bounds
        ends = [self.to_pixel(x, y) for x in (left, right) for y in (low, high)]
        cols, rows = zip(*ends)
        col, row = math.floor(min(cols) + TOLERANCE), math.floor(min(rows) + TOLERANCE)
        right_col, bottom = math.ceil(max(cols) - TOLERANCE), math.ceil(max(rows) - TOLERANCE)
        return Window(col, row, max(1, right_col - col), max(1, bottom - row))

    def with_crs(self, crs: str) -> Grid:
        """Return the same pixels in another CRS definition."""
        return replace(self, crs=crs)


def union(grid: Grid, others: Iterable[Grid]) -> Grid:
    """Return the pixels of a grid, extended to cover the boxes of others (same CRS)."""
    window = grid.window
    for other in others:
        found = grid.offset(other)
        one = Window(*found, other.width, other.height) if found else grid.window_of(other.bounds)
        window = hull(window, one)
    return grid.cropped(window)


def hull(a: Window, b: Window) -> Window:
    """Return the smallest window that covers both."""
    col, row = min(a.col, b.col), min(a.row, b.row)
    return Window(col, row, max(a.right, b.right) - col, max(a.bottom, b.bottom) - row)


def north_up(bounds: Bounds, pixel: tuple[float, float], crs: str, *, snap: bool = False) -> Grid:
    """Return a north-up grid that covers a box; snap puts its corners on multiples of the pixel."""
    left, low, right, high = bounds
    if snap:
        left, right = (
            math.floor(left / pixel[0] + 1e-6) * pixel[0],
            math.ceil(right / pixel[0] - 1e-6) * pixel[0],
        )
        low, high = (
            math.floor(low / pixel[1] + 1e-6) * pixel[1],
            math.ceil(high / pixel[1] - 1e-6) * pixel[1],
        )
    width = max(1, math.ceil((right - left) / pixel[0] - TOLERANCE))
    height = max(1, math.ceil((high - low) / pixel[1] - TOLERANCE))
    return Grid(width, height, (left, pixel[0], 0.0, high, 0.0, -pixel[1]), crs)


def joint_bounds(boxes: Sequence[Bounds]) -> Bounds:
    """Return the box round several boxes of one CRS."""
    lows, highs = zip(*[(box[:2], box[2:]) for box in boxes])
    return (
        min(p[0] for p in lows),
        min(p[1] for p in lows),
        max(p[0] for p in highs),
        max(p[1] for p in highs),
    )
