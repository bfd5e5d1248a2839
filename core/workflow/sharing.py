# SPDX-License-Identifier: GPL-2.0-or-later
"""What images hold in faces of a map whose pixels may be others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..grid import Grid
from ..image import Array, Image
from ..landcover.lines import Ids
from ..placement import onto
from ..raster.crs import same_crs
from ..windows import Window, tiling

SIDE = 1024
"""Windows in which an image is read."""


@dataclass
class Shares:
    """Counts how often each value occurs in each face; values are whole numbers."""

    _keys: list[Array] = field(default_factory=list)
    _counts: list[Array] = field(default_factory=list)

    def feed(self, faces: Array, values: Array) -> None:
        """Count the values of some pixels."""
        # values are at most 65535
        keys, counts = np.unique(faces.astype(np.int64) << 16 | values, return_counts=True)
        self._keys.append(keys)
        self._counts.append(counts)

    def table(self, owners: Ids) -> tuple[Ids, Ids, Ids]:
        """Return (face, value, pixels) in order, of faces that have become parts of others."""
        keys = np.concatenate([np.empty(0, np.int64), *self._keys])
        counts = np.concatenate([np.empty(0, np.int64), *self._counts])
        keys = owners[keys >> 16] << 16 | keys & 0xFFFF
        found, place = np.unique(keys, return_inverse=True)
        return found >> 16, found & 0xFFFF, np.bincount(place, counts, len(found)).astype(np.int64)

    def moments(self, owners: Ids) -> tuple[Array, Array]:
        """Return mean and standard deviation of the values in each face, NaN where none are."""
        face, value, pixels = self.table(owners)
        count, total, squares = (
            np.bincount(face, pixels * value.astype(float) ** power, len(owners))
            for power in range(3)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / count
            spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        return mean, spread


def read_under(image: Image, grid: Grid, window: Window) -> Iterator[tuple[Array, Ids]]:
    """Yield valid values of an image, and the places of their centers in a window of a grid."""
    seen = image if same_crs(image.grid.crs, grid.crs) else onto(image, grid, "nearest")
    around = seen.grid.window_of(grid.cropped(window).bounds).padded(1)
    for part in tiling(around.clipped(seen.grid.window), SIDE, SIDE):
        found = seen.read(part, (1,))
        cols = np.arange(part.col, part.right)[None] + 0.5
        rows = np.arange(part.row, part.bottom)[:, None] + 0.5
        col, row = (np.floor(at) for at in grid.to_pixel(*seen.grid.to_map(cols, rows)))
        inside = found.valid & (row >= window.row) & (row < window.bottom)
        inside &= (col >= window.col) & (col < window.right)
        cells = (row - window.row) * window.width + (col - window.col)
        # decimal values are counted as the nearest whole number
        values = np.clip(np.rint(found.values[0][inside]), 0, 65535).astype(np.int64)
        yield values, cells[inside].astype(np.int64)
