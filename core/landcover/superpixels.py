# SPDX-License-Identifier: GPL-2.0-or-later
"""Superpixels: pixels gathered round seeds by features and position, in whole numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..image import Array, Mask
from ..windows import Window
from .preparing import Preparation, prepared

COMPONENTS = 3
STEPS = 256
"""Whole numbers for one standard deviation of a feature."""

TOGETHER = 1 << 15
"""Pixels whose components are computed together."""

FINE = 1 << 12
"""Parts of a squared feature in which variances are summed up."""

FAR = 1e8
"""Where a seed lies that is not there."""


@dataclass(frozen=True)
class Seeds:
    """A seed for each cell of a grid: features[row, col, feature], places[row, col, (x, y)].

    Positions are pixel centers counted from 0; `weight` makes squared pixels squared features. They
    may be part of a grid of `across` columns, from row and column `corner` on.
    """

    step: int
    features: Array
    places: Array
    weight: float
    corner: tuple[int, int] = (0, 0)
    across: int = 0

    @property
    def columns(self) -> int:
        """Columns of cells of the whole grid."""
        return self.across or self.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return (self.features.shape[0], self.features.shape[1])

    def moved(self, sums: Array) -> Seeds:
        """Return seeds in the middle of their pixels: sums[row, col, (count, x, y, features)]."""
        count = sums[..., :1]
        middle = sums[..., 1:] / np.maximum(count, 1)
        known = count > 0
        places = np.where(known, middle[..., :2], self.places)
        return replace(
            self, places=places, features=np.where(known, middle[..., 2:], self.features)
        )


def reduction(values: Array) -> Preparation:
    """Return the principal components of values[row, feature] (float32), standardized first.

    Raises InvalidOption when no feature varies.
    """
    names = [str(number) for number in range(values.shape[1])]
    found = prepared(values, names, standardize=False, components=COMPONENTS, mode="global")
    missing = COMPONENTS - len(found.projection)
    return replace(found, projection=np.pad(found.projection, ((0, missing), (0, 0))))


def reduced(values: Array, reduce: Preparation) -> Array:
    """Return the components[component, row, col] of values[feature, row, col] as int16."""
    flat, limits = values.reshape(len(values), -1), np.iinfo(np.int16)
    whole = np.empty((COMPONENTS, flat.shape[1]), np.int16)
    for start in range(0, flat.shape[1], TOGETHER):
        some = slice(start, start + TOGETHER)
        # pixels that are not valid may hold anything
        with np.errstate(invalid="ignore", over="ignore"):
            found = np.rint(reduce.applied(flat[:, some].astype(np.float32)) * STEPS)
            whole[:, some] = np.nan_to_num(np.clip(found, limits.min, limits.max))
    return np.asarray(whole.reshape(-1, *values.shape[1:]))


def cells_of(window: Window, step: int) -> tuple[slice, slice]:
    """Return the rows and columns of the cells that a window of whole cells holds."""
    rows = slice(window.row // step, -(-window.bottom // step))
    return rows, slice(window.col // step, -(-window.right // step))


def cell_sums(components: Array, valid: Mask, step: int) -> Array:
    """Return (count, x, y, components, squares)[row, col] of the cells of a window.

    Positions count from the window's first pixel.
    """
    height, width = valid.shape
    rows, cols = -(-height // step), -(-width // step)
    cell = (np.arange(height) // step)[:, None] * cols + (np.arange(width) // step)[None]
    y, x = np.nonzero(valid)
    values = components[:, y, x].astype(np.float64)
    weights = [None, x, y, *values, *values**2]
    sums = [np.bincount(cell[valid], weight, rows * cols) for weight in weights]
    return np.stack(sums, 1).reshape(rows, cols, -1)


def seeds_of(sums: Array, step: int, corner: tuple[int, int] = (0, 0)) -> Seeds:
    """Return seeds in the middles of cells, from (count, x, y, components, squares)[row, col]."""
    middle = sums[..., 1 : 3 + COMPONENTS] / np.maximum(sums[..., :1], 1)
    places = np.where(sums[..., :1] > 0, middle[..., :2], FAR)
    return Seeds(step, middle[..., 2:], places, 1.0, corner)


def spread_of(sums: Array) -> tuple[int, int]:
    """Return the variances inside cells, summed up in parts of 1 / FINE, and their number."""
    known = sums[..., 0] > 0
    count = sums[known][:, :1]
    middle, squares = (sums[known][:, 3:] / count).reshape(-1, 2, COMPONENTS).transpose(1, 0, 2)
    # whole numbers give the same sum in any order
    variances = np.rint((squares - middle**2).sum(1) * FINE)
    return int(variances.astype(np.int64).sum()), len(count)


def weight_of(spread: int, cells: int, step: int, compactness: float) -> float:
    """Return how many squared features a squared pixel counts."""
    return compactness**2 * max(spread / FINE / max(cells, 1), 1.0) / step**2


def gathered(components: Array, valid: Mask, window: Window, seeds: Seeds) -> Array:
    """Return the number (from 1) of the nearest seed of each pixel, 0 where not valid.

    The window consists of whole cells; each pixel looks at the seeds of its cell and the eight
    around. Of equally near seeds the first one in reading order wins.
    """
    step, (rows, cols) = seeds.step, cells_of(window, seeds.step)
    down, across = rows.stop - rows.start, cols.stop - cols.start
    whole = np.zeros((COMPONENTS, down * step, across * step), np.float32)
    whole[:, : window.height, : window.width] = components
    # pixels of one place in all cells stand together, so that a seed is one number for each
    shaped = whole.reshape(COMPONENTS, down, step, across, step).transpose(0, 2, 4, 1, 3)
    values = np.ascontiguousarray(shaped).reshape(COMPONENTS, step, step, down * across)
    nearest = np.full(values.shape[1:], np.float32(np.inf))
    found = np.zeros(values.shape[1:], np.int32)
    for number, seed, at_x, at_y in _near(rows, cols, seeds):
        distance = at_y[:, None] + at_x[None]
        for component in range(COMPONENTS):
            off = values[component] - seed[component]
            off *= off
            distance += off
        nearer = distance < nearest
        np.copyto(nearest, distance, where=nearer)
        np.copyto(found, number, where=nearer)
    flat = found.reshape(step, step, down, across).transpose(2, 0, 3, 1)
    labels = flat.reshape(down * step, across * step)[: window.height, : window.width]
    return np.where(valid, labels, np.int32(0))


def _near(rows: slice, cols: slice, seeds: Seeds) -> Iterator[tuple[Array, Array, Array, Array]]:
    """Yield the seeds at nine places about cells, in reading order.

    They are numbers[cell], features[feature, cell] and the weighted squared distances of columns
    and rows of pixels, [place in a cell, cell].
    """
    features, places = _around(seeds.features, 0.0), _around(seeds.places, FAR)
    row, col = np.mgrid[rows, cols]
    top, left = seeds.corner
    inner = np.arange(seeds.step, dtype=np.float32)[:, None]
    weight = np.float32(seeds.weight)
    for down, across in np.ndindex(3, 3):
        there = (row - top + down, col - left + across)
        x, y = (places[there][..., axis].ravel() for axis in (0, 1))
        off_x = inner + (col.ravel() * seeds.step - x).astype(np.float32)
        off_y = inner + (row.ravel() * seeds.step - y).astype(np.float32)
        number = (row + down - 1) * seeds.columns + col + across
        seed = features[there].reshape(-1, COMPONENTS).T.astype(np.float32)
        yield number.ravel().astype(np.int32), seed, weight * off_x**2, weight * off_y**2


def _around(table: Array, value: float) -> Array:
    return np.pad(table, ((1, 1), (1, 1), (0, 0)), constant_values=value)


def seed_sums(labels: Array, components: Array, window: Window, seeds: Seeds) -> Array:
    """Return (count, x, y, components) of the pixels of each seed near a window.

    The table has the cells of the window and those around.
    """
    rows, cols = cells_of(window, seeds.step)
    width, across = seeds.columns, cols.stop - cols.start + 2
    y, x = np.nonzero(labels)
    row, col = np.divmod(labels[y, x] - 1, width)
    cell = (row - rows.start + 1) * across + col - cols.start + 1
    weights = [None, x + window.col, y + window.row, *components[:, y, x].astype(np.float64)]
    count = (rows.stop - rows.start + 2) * across
    sums = [np.bincount(cell, weight, count) for weight in weights]
    return np.stack(sums, 1).reshape(-1, across, len(weights))
