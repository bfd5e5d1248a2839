# SPDX-License-Identifier: GPL-2.0-or-later
"""Sums of the pixels of a window, in float64 and in pieces that stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Mask
from ..windows import Window

CHUNK = 1 << 15
"""Pixels that are summed at once; sums of squares of 16-bit numbers stay exact."""

COARSE = 4
"""Side of the means over which spread is compared when two grids do not coincide."""


@dataclass(frozen=True)
class Lines:
    """Where the runs of rows and columns start that belong to one cell, and where that cell is."""

    shape: tuple[int, int]
    places: tuple[Array, ...]
    row_starts: Array
    col_starts: Array


def band_sums(band: Array, mask: Mask | None, shift: float) -> tuple[Any, Any, float, float]:
    """Sum, sum of squares, minimum and maximum of a band's used pixels, at least one."""
    kind = int if shift == 0 and band.dtype.kind in "iu" else float
    total, square = kind(0), kind(0)
    for rows, (chunk,) in _chunks(band.shape, 1):
        _center(band[rows], None if mask is None else mask[rows], shift, chunk)
        numbers = chunk.ravel()
        total += kind(np.einsum("p->", numbers))
        square += kind(np.einsum("p,p->", numbers, numbers))
    if mask is None:
        return total, square, float(band.min()), float(band.max())
    lowest, highest = _extremes(band.dtype)
    low, high = np.where(mask, band, highest).min(), np.where(mask, band, lowest).max()
    return total, square, float(low), float(high)


def cell_sums(
    values: Sequence[Array], mask: Mask | None, lines: Lines, center: Array
) -> tuple[Array, Array]:
    """Counts and sums[1 + 4 · bands, row, col] of the cells, and the sum of products per band."""
    bands, shape = len(center), values[0].shape[1:]
    by_row = np.empty((1 + 4 * bands, shape[0], len(lines.col_starts)))
    product = np.zeros(bands)
    ones = _ones(mask, shape)
    by_row[0] = np.add.reduceat(ones, lines.col_starts, axis=1, dtype=np.float64)
    for band, shift in enumerate(center):
        for rows, pair in _chunks(shape, 2):
            for image, chunk in zip(values, pair):
                _center(image[band, rows], None if mask is None else mask[rows], shift, chunk)
            product[band] += np.einsum("rc,rc->", *pair)
            for side, chunk in enumerate(pair):
                at = 1 + 4 * band + 2 * side
                by_row[at, rows] = np.add.reduceat(chunk, lines.col_starts, axis=1)
                np.multiply(chunk, chunk, out=chunk)
                by_row[at + 1, rows] = np.add.reduceat(chunk, lines.col_starts, axis=1)
    sums = np.zeros((1 + 4 * bands, *lines.shape))
    places = (slice(None), *lines.places)
    sums[places] = np.add.reduceat(by_row, lines.row_starts, axis=1)
    return sums, product


def run_sums(values: Array, mask: Mask | None, starts: tuple[Array, Array], center: Array) -> Array:
    """Counts and sums[1 + bands, row, col] of used pixels between starts of rows and columns."""
    rows, cols = starts
    shape = values.shape[1:]
    by_row = np.empty((1 + len(center), shape[0], len(cols)))
    by_row[0] = np.add.reduceat(_ones(mask, shape), cols, axis=1, dtype=np.float64)
    for band, shift in enumerate(center):
        for part, (chunk,) in _chunks(shape, 1):
            _center(values[band, part], None if mask is None else mask[part], shift, chunk)
            by_row[1 + band, part] = np.add.reduceat(chunk, cols, axis=1)
    return np.asarray(np.add.reduceat(by_row, rows, axis=1))


def labeled_sums(values: Array, mask: Mask | None, labels: Array, center: Array) -> Array:
    """Counts and sums[1 + bands, label] of used pixels; those with a label below 0 are left out."""
    used = labels >= 0 if mask is None else mask & (labels >= 0)
    at, count = labels[used], int(labels.max(initial=-1)) + 1
    sums = [np.bincount(at, minlength=count)]
    for band, shift in zip(values, center):
        sums.append(np.bincount(at, band[used].astype(np.float64) - shift, count))
    return np.array(sums, float)


def coarse_means(
    values: Sequence[Array], mask: Mask | None, common: Window, center: Array
) -> tuple[list[Array], Mask]:
    """Means[band, row, col] over the canvas' 4 × 4 pixels, and where half of these are used."""
    top, left = common.row % COARSE, common.col % COARSE
    shape = (-(-(common.height + top) // COARSE), -(-(common.width + left) // COARSE))
    room = np.zeros((shape[0] * COARSE, shape[1] * COARSE))
    inside = room[top : top + common.height, left : left + common.width]
    inside[:] = True if mask is None else mask
    counts = _block_sums(room)
    means = [np.empty((len(center), *shape)) for _ in values]
    for image, mean in zip(values, means):
        for band, shift in enumerate(center):
            _center(image[band], mask, shift, inside)
            mean[band] = _block_sums(room) / np.maximum(counts, 1)
    return means, counts >= COARSE * COARSE / 2


def _ones(mask: Mask | None, shape: tuple[int, ...]) -> Array:
    return np.ones(shape, np.uint8) if mask is None else mask.view(np.uint8)


def _block_sums(padded: Array) -> Array:
    rows, cols = (size // COARSE for size in padded.shape)
    return np.asarray(padded.reshape(rows, COARSE, cols, COARSE).sum((1, 3)))


def _center(values: Array, mask: Mask | None, shift: float, out: Array) -> None:
    """Put values minus a center into a float64 array, 0 where they are not used."""
    if mask is not None and values.dtype.kind in "iu" and not shift:
        np.multiply(values, mask, out=out)
        return
    if shift:
        np.subtract(values, shift, out=out, dtype=np.float64)
    else:
        np.copyto(out, values)
    if mask is not None:
        np.copyto(out, 0.0, where=~mask)


def _chunks(shape: tuple[int, ...], count: int) -> Iterator[tuple[slice, list[Array]]]:
    """Yield rows of a window and `count` scratch arrays for them, the same ones every time."""
    step = max(1, min(shape[0], CHUNK // shape[1]))
    scratch = [np.empty((step, shape[1])) for _ in range(count)]
    for start in range(0, shape[0], step):
        rows = slice(start, min(start + step, shape[0]))
        yield rows, [room[: rows.stop - start] for room in scratch]


def _extremes(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    if dtype.kind == "f":
        return dtype.type(-np.inf), dtype.type(np.inf)
    limits = np.iinfo(dtype)
    return dtype.type(limits.min), dtype.type(limits.max)
