# SPDX-License-Identifier: GPL-2.0-or-later
"""Which images of a set show common ground, found on coarse maps of their valid pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..executor import each
from ..grid import Grid, north_up
from ..image import Image, Mask
from ..placement import bounds_in
from ..progress import SILENT, Progress
from ..raster import CrsMapping, same_crs
from ..vector.footprint import always_valid
from ..windows import Window, tiling

CELLS, MOST = 128, 4096
"""Cells along the shorter side of the smallest image, and most along the longer of the largest."""

STRIP = 512
"""Rows that are read at once."""


@dataclass(frozen=True)
class Cover:
    """Which cells of a common map an image covers: valid[row, col] from the window's corner."""

    window: Window
    valid: Mask

    @property
    def cells(self) -> int:
        """Number of cells that are covered."""
        return int(np.count_nonzero(self.valid))

    def common(self, other: Cover) -> int:
        """Return the number of cells that both cover."""
        both = self.window.clipped(other.window)
        if both.empty:
            return 0
        parts = (one.valid[both.within(one.window)] for one in (self, other))
        return int(np.count_nonzero(np.logical_and(*parts)))


def overlapping(covers: Sequence[Cover], least: float) -> tuple[tuple[int, int], ...]:
    """Return the pairs of images whose common ground is `least` of the smaller one's or more."""
    found = []
    for one, other in combinations(range(len(covers)), 2):
        smaller = min(covers[one].cells, covers[other].cells)
        common = covers[one].common(covers[other])
        if common and common >= least * smaller:
            found.append((one, other))
    return tuple(found)


def covers(
    images: Sequence[Image], crs: str, *, threads: int = 0, progress: Progress = SILENT
) -> tuple[Cover, ...]:
    """Return what each image covers of a map in a CRS; every image is read once at most."""
    boxes = [bounds_in(image.grid, crs) for image in images]
    sides = np.array([(box[2] - box[0], box[3] - box[1]) for box in boxes])
    cell = max(float(sides.min()) / CELLS, float(sides.max()) / MOST)
    found = []
    for image, box, part in zip(images, boxes, progress.split(len(images))):
        # cells are multiples of one size, so that all images share them
        grid = north_up(box, (cell, cell), crs, snap=True)
        col, row = round(grid.transform[0] / cell), round(-grid.transform[3] / cell)
        window = Window(col, row, grid.width, grid.height)
        found.append(Cover(window, _valid(image, grid, threads, part)))
    return tuple(found)


def _valid(image: Image, cells: Grid, threads: int, progress: Progress) -> Mask:
    """Return whether the pixel at the center of each cell is valid."""
    col, row = _pixels(image.grid, cells)
    valid = np.zeros(cells.window.shape, bool)
    if always_valid(image):
        valid[(col >= 0) & (row >= 0)] = True
        progress.advance(1.0)
        return valid
    strips = list(tiling(image.grid.window, image.grid.width, STRIP))

    def work(strip: Window) -> tuple[Mask, Mask]:
        inside = (row >= strip.row) & (row < strip.bottom) & (col >= 0)
        pixels = image.read(strip, (1,))
        return inside, pixels.valid[row[inside] - strip.row, col[inside]]

    done = each(work, strips, threads=threads, progress=progress, total=len(strips))
    for inside, kept in done:
        valid[inside] = kept
    return valid


def _pixels(grid: Grid, cells: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the column and row of the pixel at the center of each cell; -1 where there is none."""
    x, y = cells.to_map(*np.meshgrid(np.arange(cells.width) + 0.5, np.arange(cells.height) + 0.5))
    if not same_crs(grid.crs, cells.crs):
        x, y = CrsMapping(cells.crs, grid.crs)(x, y)
    col, row = (np.floor(at) for at in grid.to_pixel(x, y))
    with np.errstate(invalid="ignore"):
        inside = (col >= 0) & (row >= 0) & (col < grid.width) & (row < grid.height)
    col, row = (np.where(inside, at, -1).astype(np.int64) for at in (col, row))
    return col, row
