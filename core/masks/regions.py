# SPDX-License-Identifier: GPL-2.0-or-later
"""Connected regions of a mask, also across the windows in which it is seen."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..image import Array, Mask

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Regions:
    """A mask as runs along its rows, and the region, from 0, that each run belongs to.

    Pixels that meet only at a corner are not connected. Regions that reach the edge of the mask
    (`open`) come first.
    """

    shape: tuple[int, int]
    starts: Integers
    stops: Integers
    labels: Integers
    count: int
    open: int

    @property
    def areas(self) -> Integers:
        """Pixels of each region."""
        return _sums(self.labels, self.stops - self.starts, self.count)

    def image(self) -> NDArray[np.int32]:
        """Return the number of the region plus 1 of each pixel[row, col], 0 outside."""
        return _painted(self.starts, self.stops, (self.labels + 1).astype(np.int32), self.shape)

    def chosen(self, which: NDArray[np.bool_]) -> Mask:
        """Return where regions with which[region] lie."""
        kept = which[self.labels]
        ones = np.ones(int(np.count_nonzero(kept)), np.int8)
        return _painted(self.starts[kept], self.stops[kept], ones, self.shape).view(bool)


def regions(mask: Mask) -> Regions:
    """Return the regions of a mask[row, col], always numbered in the same way."""
    starts, stops = _runs(mask)
    shape = (mask.shape[0], mask.shape[1])
    stride = shape[1] + 1
    first = np.searchsorted(stops, starts + stride, "right")
    behind = np.searchsorted(starts, stops + stride, "left")
    above, below = _ranges(first, behind)
    labels = joined(len(starts), above, below)
    count = int(labels.max()) + 1 if len(labels) else 0
    reaching = np.zeros(count, bool)
    reaching[labels[_at_edge(starts, stops, shape)]] = True
    order = np.argsort(~reaching, kind="stable")
    number = np.empty(count, np.int64)
    number[order] = np.arange(count)
    opened = int(np.count_nonzero(reaching))
    return Regions(shape, starts, stops, number[labels], count, opened)


def joined(count: int, a: Integers, b: Integers) -> Integers:
    """Return the group, from 0, of each of `count` things, when a[n] and b[n] belong together."""
    root = np.arange(count)
    while len(a):
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        apart = low != high
        a, b, low, high = a[apart], b[apart], low[apart], high[apart]
        # of several that belong to one, the smallest is assigned last and stays
        order = np.argsort(-low, kind="stable")
        root[high[order]] = low[order]
        while not np.array_equal(root[root], root):
            root = root[root]
    return np.asarray(np.unique(root, return_inverse=True)[1], np.int64).reshape(count)


def packed(mask: Mask) -> bytes:
    """Return a mask in a few bytes."""
    return zlib.compress(np.packbits(mask).tobytes(), 1)


def unpacked(stored: bytes, shape: tuple[int, int]) -> Mask:
    """Return a mask that was packed."""
    bits = np.frombuffer(zlib.decompress(stored), np.uint8)
    return np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).astype(bool)


def _runs(mask: Mask) -> tuple[Integers, Integers]:
    """Starts and stops of runs, as positions in rows that are one pixel longer."""
    flat = np.zeros((mask.shape[0], mask.shape[1] + 1), bool)
    flat[:, :-1] = mask
    ends = np.flatnonzero(np.diff(flat.ravel(), prepend=False))
    return ends[::2], ends[1::2]


def _ranges(first: Integers, behind: Integers) -> tuple[Integers, Integers]:
    """All pairs (n, m) with first[n] <= m < behind[n]."""
    sizes = np.maximum(behind - first, 0)
    left = np.repeat(np.arange(len(first)), sizes)
    begin = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return left, np.arange(int(sizes.sum())) - begin + np.repeat(first, sizes)


def _at_edge(starts: Integers, stops: Integers, shape: tuple[int, int]) -> NDArray[np.bool_]:
    height, width = shape
    row, col = np.divmod(starts, width + 1)
    sides = (row == 0) | (row == height - 1) | (col == 0)
    return np.asarray(sides | (stops % (width + 1) == width))


def _sums(labels: Integers, values: Any, count: int) -> Integers:
    return np.asarray(np.bincount(labels, weights=values, minlength=count), np.int64)


def _painted(starts: Integers, stops: Integers, values: Array, shape: tuple[int, int]) -> Array:
    """Return the value of the run that each pixel[row, col] lies in, 0 outside."""
    steps = np.zeros(shape[0] * (shape[1] + 1) + 1, values.dtype)
    steps[starts] = values
    steps[stops] = -values
    np.cumsum(steps, out=steps)
    return steps[:-1].reshape(shape[0], shape[1] + 1)[:, :-1]
