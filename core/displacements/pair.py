# SPDX-License-Identifier: GPL-2.0-or-later
"""Two images that are compared: on which pixels, and where one lies in the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..alike import file_name
from ..errors import IncompatibleImages
from ..grid import Bounds, Grid, bounds_text
from ..image import Image, Pixels, View, read_padded
from ..placement import DENSITY, NOWHERE, bounds_in, revisited
from ..raster import CrsMapping, crs_title, same_crs
from ..transform.warped import Warped
from ..windows import Window
from .crossing import Crossing, coarsened

COARSER = 1.2
"""Ratio of pixel sizes from which the finer image is read as area averages."""

SMALLEST = 64
"""Pixels that the overlap must have along each axis."""


@dataclass(frozen=True)
class Part(View):
    """A window of the image below, as an image; what reaches beyond it is not valid."""

    window: Window

    @property
    def grid(self) -> Grid:
        """The grid of the window."""
        return self.source.grid.cropped(self.window)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below."""
        moved = window.shifted(self.window.col, self.window.row)
        return read_padded(self.source, moved, bands, rounded)


@dataclass(frozen=True)
class Pair:
    """One-band images as they are seen, each on its own grid, and the grid they are compared on.

    `grid` is the reference grid cropped to the overlap, its pixels `factor` times as large where
    the moving image is much coarser. Results are always in pixels of the whole reference grid.
    """

    reference: Image
    moving: Image
    grid: Grid
    factor: float = 1.0

    @cached_property
    def origin(self) -> tuple[int, int]:
        """Column and row of the working grid's first corner in the reference."""
        col, row = self.reference.grid.to_pixel(*self.grid.to_map(0, 0))
        return (round(float(col)), round(float(row)))

    @cached_property
    def seen_reference(self) -> Image:
        """The reference on the working grid."""
        if self.factor > 1:
            return Warped(self.reference, self.grid, "average")
        return Part(self.reference, Window(*self.origin, self.grid.width, self.grid.height))

    @cached_property
    def seen_moving(self) -> Image:
        """The moving image on its own grid, as area averages where its pixels are much finer."""
        side = averaging(self.grid, self.moving.grid)
        if side == 1:
            return self.moving
        return Warped(self.moving, coarsened(self.moving.grid, side), "average")

    @cached_property
    def crossing(self) -> Crossing:
        """From pixels of the working grid to those of `seen_moving`."""
        return crossing(self.grid, self.seen_moving.grid)

    def to_reference(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        """Return positions of working pixel centers in the whole reference, 0 = first center."""
        shift = (self.factor - 1) / 2
        return (
            x * self.factor + shift + self.origin[0],
            y * self.factor + shift + self.origin[1],
        )


def pair_of(reference: Image, moving: Image) -> Pair:
    """Return two one-band images as a pair on their common working grid.

    Raises IncompatibleImages when only one of them has a CRS or a position, or when they overlap
    in less than 64 px along an axis.
    """
    _refuse_unlike(reference, moving)
    reference, moving = revisited(reference), revisited(moving)
    overlap = _overlap(reference, moving)
    grid = reference.grid.cropped(overlap)
    ratio = pixel_ratio(grid, moving.grid)
    factor = ratio if ratio > COARSER else 1.0
    if factor > 1:
        grid = coarsened(grid, factor)
    if min(grid.width, grid.height) < SMALLEST:
        raise IncompatibleImages(
            f"{file_name(reference)} and {file_name(moving)} overlap in {overlap.width} × "
            f"{overlap.height} px of the reference, compared as {grid.width} × {grid.height} px; "
            f"at least {SMALLEST} px along each axis are needed."
        )
    return Pair(reference, moving, grid, factor)


def crossing(working: Grid, moving: Grid) -> Crossing:
    """Return the way from pixels of one grid to those of another, through the map."""
    mapping = None if same_crs(working.crs, moving.crs) else CrsMapping(working.crs, moving.crs)
    return Crossing(working, moving, mapping)


def pixel_ratio(grid: Grid, moving: Grid) -> float:
    """Return the side of a moving pixel in pixels of a grid, at the middle of the grid."""
    jacobian = crossing(grid, moving).jacobian
    area = abs(float(np.linalg.det(jacobian)))
    return 1 / math.sqrt(area) if math.isfinite(area) and area > 0 else 1.0


def averaging(grid: Grid, moving: Grid) -> int:
    """Return how many moving pixels are averaged along each axis because they are much finer."""
    ratio = pixel_ratio(grid, moving)
    return max(1, round(1 / ratio)) if ratio < 1 / COARSER else 1


def _refuse_unlike(reference: Image, moving: Image) -> None:
    """Raise IncompatibleImages when only one of two images says where it lies."""
    ends = sorted((reference, moving), key=lambda image: bool(image.grid.crs))
    without, having = ends
    if bool(without.grid.crs) != bool(having.grid.crs):
        raise IncompatibleImages(
            f"{file_name(having)} has {crs_title(having.grid.crs)} and {file_name(without)} has "
            f"no coordinate system. Assign a CRS to {file_name(without)}, or clear both to "
            "compare pixel by pixel."
        )
    lost, placed = sorted(ends, key=lambda image: image.grid.transform != NOWHERE)
    if not having.grid.crs and lost.grid.transform == NOWHERE != placed.grid.transform:
        raise IncompatibleImages(
            f"{file_name(placed)} has a position on the ground (a geotransform) and "
            f"{file_name(lost)} has none. Georeference {file_name(lost)}, or clear both to "
            "compare pixel by pixel."
        )


def _overlap(reference: Image, moving: Image) -> Window:
    """Return the window of the reference that the moving image may reach.

    Raises IncompatibleImages with both extents when there is none.
    """
    box = _pixel_box(reference.grid, moving.grid)
    found = box.clipped(reference.grid.window) if box else Window(0, 0, 0, 0)
    if found.empty:
        crs = reference.grid.crs
        raise IncompatibleImages(
            f"{file_name(reference)} and {file_name(moving)} do not overlap: in "
            f"{crs_title(crs)} they cover {bounds_text(reference.grid.bounds)} and "
            f"{bounds_text(_bounds(moving.grid, crs))}."
        )
    return found


def _pixel_box(grid: Grid, other: Grid) -> Window | None:
    """Return the window of a grid round all of another one; None when they cannot meet."""
    along = np.linspace(0, 1, DENSITY)
    ends = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], float)
    edges = [a + (b - a) * t for a, b in zip(ends, ends[1:]) for t in along[:-1]]
    x, y = np.array(edges).T * np.array([[other.width], [other.height]]) - 0.5
    cols, rows = crossing(grid, other).back(x, y)
    good = np.isfinite(cols) & np.isfinite(rows)
    if not good.any():
        return None
    cols, rows = np.clip(cols[good] + 0.5, -1e8, 1e8), np.clip(rows[good] + 0.5, -1e8, 1e8)
    left, top = math.floor(cols.min() + 0.01), math.floor(rows.min() + 0.01)
    right, bottom = math.ceil(cols.max() - 0.01), math.ceil(rows.max() - 0.01)
    return Window(left, top, right - left, bottom - top)


def _bounds(grid: Grid, crs: str) -> Bounds:
    try:
        return bounds_in(grid, crs)
    except IncompatibleImages:  # nothing of it can be told in that CRS
        return (math.nan,) * 4
