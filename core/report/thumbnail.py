# SPDX-License-Identifier: GPL-2.0-or-later
"""A small picture of images, put together while they are read or written anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..grid import Grid
from ..image import Array, Mask, Pixels
from ..windows import Window

SIDE = 600
"""Longest side of the picture, px."""

Piece = tuple[int, Window, Array, Mask]


def small_grid(grid: Grid, side: int = SIDE) -> Grid:
    """Return a grid over the same ground with at most `side` pixels on a side."""
    step = max(1.0, grid.width / side, grid.height / side)
    x, a, b, y, d, e = grid.transform
    width, height = max(1, round(grid.width / step)), max(1, round(grid.height / step))
    across, down = grid.width / width, grid.height / height
    return Grid(width, height, (x, a * across, b * down, y, d * across, e * down), grid.crs)


@dataclass
class Thumbnail:
    """Takes every picture pixel's nearest pixel out of what passes (an OwnCollector).

    Later images of the list lie on top of earlier ones. `grids` are those of the images fed.
    """

    picture: Grid
    grids: Sequence[Grid]
    bands: tuple[int, ...]
    values: Array = field(init=False)
    top: Array = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty picture."""
        shape = (self.picture.height, self.picture.width)
        self.values = np.zeros((len(self.bands), *shape), np.float32)
        self.top = np.full(shape, -1, np.int32)

    @property
    def valid(self) -> Mask:
        """Where something was seen."""
        return np.asarray(self.top >= 0)

    def feed(self, index: int, window: Window, pixels: Pixels) -> Piece | None:
        """Return the part of the picture that a window of an image shows."""
        grid = self.grids[index]
        place = self.picture.window_of(grid.cropped(window).bounds).clipped(self.picture.window)
        if place.empty:
            return None
        cols = np.arange(place.col, place.right)[None, :] + 0.5
        rows = np.arange(place.row, place.bottom)[:, None] + 0.5
        at = grid.to_pixel(*self.picture.to_map(cols, rows))
        col, row = (np.floor(np.broadcast_to(a, place.shape)).astype(np.int64) for a in at)
        col, row = col - window.col, row - window.row
        inside = (col >= 0) & (col < window.width) & (row >= 0) & (row < window.height)
        col, row = np.where(inside, col, 0), np.where(inside, row, 0)
        values = np.stack([pixels.values[band - 1][row, col] for band in self.bands])
        return index, place, values.astype(np.float32), inside & pixels.valid[row, col]

    def merge(self, piece: Piece | None) -> None:
        """Paint a part over what earlier images of the list left there."""
        if piece is None:
            return
        index, place, values, seen = piece
        rows, cols = place.slices
        above = seen & (index >= self.top[rows, cols])
        self.values[:, rows, cols] = np.where(above, values, self.values[:, rows, cols])
        self.top[rows, cols] = np.where(above, index, self.top[rows, cols])

    def stretch(self) -> tuple[tuple[float, float], ...]:
        """Return the 2 and 98 % of each band's visible values."""
        seen = self.values[:, self.valid]
        seen = seen[:, np.isfinite(seen).all(0)]
        if not seen.size:
            return ((0.0, 1.0),) * len(self.bands)
        low, high = np.percentile(seen, (2, 98), axis=1)
        return tuple(zip(low.tolist(), high.tolist()))
