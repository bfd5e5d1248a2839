# SPDX-License-Identifier: GPL-2.0-or-later
"""Images at a fraction of their resolution, in memory: means of the valid pixels of cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..image import Array, Image, Mask, Pixels
from ..windows import Window
from .usable import usable

LARGEST = float(np.finfo(np.float32).max)
"""What is not below this, infinity above all, is no brightness and counts in no mean."""

Partial = tuple[slice, slice, Array, Array]


class CellMeans:
    """Collects sums of the valid pixels in square cells (an OwnCollector).

    `factor` is the side of a cell in pixels; the last ones of a row or column may be smaller.
    """

    def __init__(self, image: Image, factor: int, bands: Sequence[int]) -> None:
        self._image, self._factor, self._bands = image, factor, tuple(bands)
        grid = image.grid
        shape = (math.ceil(grid.height / factor), math.ceil(grid.width / factor))
        self._sums = np.zeros((len(bands), *shape), _summing(image.dtype, factor))
        self._counts = np.zeros(shape, np.int32)

    def feed(self, index: int, window: Window, pixels: Pixels) -> Partial:
        """Return the sums of the cells that a window reaches."""
        rows, cols = (
            np.unique(np.arange(start, stop) // self._factor)
            for start, stop in ((window.row, window.bottom), (window.col, window.right))
        )
        values = pixels.values[[band - 1 for band in self._bands]]
        valid = usable(self._image, pixels, self._bands)
        if values.dtype.kind == "f":
            valid = valid & (np.abs(values) < LARGEST).all(0)
        sums = self._added(np.where(valid, values, 0), window, rows, cols)
        counts = self._added(valid[None].astype(np.int32), window, rows, cols)[0]
        return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1), sums, counts

    def merge(self, partial: Partial) -> None:
        """Add the sums of a window."""
        rows, cols, sums, counts = partial
        self._sums[:, rows, cols] += sums.astype(self._sums.dtype)
        self._counts[rows, cols] += counts.astype(np.int32)

    def means(self) -> tuple[Array, Mask]:
        """Return means[band, row, col] as float32, and which cells are valid: at least half."""
        height, width = self._image.grid.height, self._image.grid.width
        sizes = np.outer(_sizes(height, self._factor), _sizes(width, self._factor))
        valid = (2 * self._counts >= sizes) & (self._counts > 0)
        counts = np.maximum(self._counts, 1)
        means = np.empty(self._sums.shape, np.float32)
        for sums, mean in zip(self._sums, means):
            mean[:] = sums / counts
        return means, valid

    def _added(self, values: Array, window: Window, rows: Array, cols: Array) -> Array:
        """Sums of values[band, row, col] of a window in the cells of rows and columns."""
        above = np.maximum(rows * self._factor - window.row, 0)
        left = np.maximum(cols * self._factor - window.col, 0)
        exact = np.uint64 if values.dtype.kind == "u" else np.float64
        down = np.add.reduceat(values, above, 1, dtype=exact)
        return np.asarray(np.add.reduceat(down, left, 2, dtype=exact), np.float64)


def _summing(dtype: np.dtype[Any], factor: int) -> np.dtype[Any]:
    """The smallest type that holds the sum of a cell exactly, of decimal numbers nearly."""
    if dtype.kind == "u" and np.iinfo(dtype).max * factor**2 < 2**32:
        return np.dtype(np.uint32)
    return np.dtype(np.float64)


def _sizes(count: int, factor: int) -> Array:
    """Pixels of each cell along an axis."""
    return np.diff(np.append(np.arange(0, count, factor), count)).astype(np.int32)
