# SPDX-License-Identifier: GPL-2.0-or-later
"""Small regions of a class map given to their neighbors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..image import Array, Pixels, View, read_padded
from ..windows import Window, tiling
from .labeled import known_labels
from .merging import Graph, Ids, Merging

TILE, LARGE_TILE = 512, 1024
"""Sides of the squares in which regions are looked at, and of those of large limits; they lie at
multiples of it."""

NARROW = 128
"""Most pixels around a square of the smaller side."""

REACH = 4
"""Squares are looked at with so many times the limit around them, in pixels."""

WIDEST = 1024
"""Most pixels looked at around a square."""


@dataclass(frozen=True)
class Sieve:
    """Regions of less than `limit` pixels go to the neighbor with the longest common border.

    Of equal borders the larger region wins, then the lower label; the smallest region goes first.
    Label 0 neither takes nor gives, labels in `keep` do not give. With `groups` (label to group)
    regions go to neighbors of their group first. Regions hold together by edges, or by corners
    too (`corners`).
    """

    limit: int
    corners: bool = False
    keep: tuple[int, ...] = ()
    groups: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Sieved(View):
    """The class map below without small regions.

    Regions are looked at in fixed squares with their surroundings, so that windows do not matter.
    """

    sieve: Sieve = field(default_factory=lambda: Sieve(0))

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Sieve the squares that a window meets."""
        around = min(WIDEST, max(16, REACH * self.sieve.limit))
        side = TILE if around <= NARROW else LARGE_TILE
        values = np.zeros((1, *window.shape), self.dtype)
        for square in tiling(window.aligned(side, side), side, side):
            inside = square.clipped(window)
            wide = inside if self.sieve.limit < 2 else square.padded(around)
            found = read_padded(self.source, wide, (1,))
            labels = known_labels(found)
            if self.sieve.limit >= 2:
                labels = sieved(labels, self.sieve)
            values[0][inside.within(window)] = labels[inside.within(wide)]
        return Pixels(values, values[0] > 0)


def sieved(labels: Array, sieve: Sieve) -> Array:
    """Return labels[row, col] without regions smaller than the limit."""
    regions = regions_of(labels, sieve.corners)
    merging = Merging(graph_of(labels, regions), sieve.limit, sieve.keep)
    if sieve.groups:
        merging.go(dict(sieve.groups))
    merging.go()
    return np.asarray(merging.labels[merging.owners()][regions])


def regions_of(labels: Array, corners: bool = False) -> Ids:
    """Return the number of the region of each pixel, in the order of their first pixels.

    Runs of equal labels in rows are joined where they touch the row above; labels that occur once
    are found by following the joins until nothing changes.
    """
    height, width = labels.shape
    starts = np.ones(labels.shape, bool)
    starts[:, 1:] = labels[:, 1:] != labels[:, :-1]
    runs = np.cumsum(starts.ravel()).reshape(labels.shape) - 1
    pairs = [_touching(labels, runs, 0)]
    if corners:
        pairs += [_touching(labels, runs, -1), _touching(labels, runs, 1)]
    parents = joined(int(runs[-1, -1]) + 1, np.concatenate(pairs, 1))
    regions: Ids = np.unique(parents, return_inverse=True)[1][runs].astype(np.int64)
    return regions


def _touching(labels: Array, runs: Ids, shift: int) -> Array:
    """Return pairs of runs of one label in neighboring rows, `shift` columns apart."""
    width = labels.shape[1]
    above = slice(max(0, -shift), width - max(0, shift))
    below = slice(max(0, shift), width - max(0, -shift))
    same = labels[:-1, above] == labels[1:, below]
    pairs: Array = np.stack([runs[:-1, above][same], runs[1:, below][same]])
    if not pairs.size:
        return pairs
    # neighbors in a row join the same runs again and again
    fresh = np.ones(pairs.shape[1], bool)
    fresh[1:] = (np.diff(pairs, axis=1) != 0).any(0)
    found: Array = pairs[:, fresh]
    return found


def joined(count: int, pairs: Array) -> Array:
    """Return the smallest member of the set that each of `count` things belongs to."""
    # there may be millions
    parents = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)
    first, second = pairs
    while first.size:
        one, other = parents[first], parents[second]
        differ = one != other
        if not differ.any():
            break
        first, second, one, other = (a[differ] for a in (first, second, one, other))
        np.minimum.at(parents, np.maximum(one, other), np.minimum(one, other))
        while True:
            further = parents[parents]
            if np.array_equal(further, parents):
                break
            parents = further
    return parents


def graph_of(labels: Array, regions: Ids) -> Graph:
    """Return the regions of labels[row, col] as a graph; borders count edges of pixels."""
    count = int(regions.max()) + 1
    named = np.zeros(count, np.int64)
    named[regions.ravel()] = labels.ravel()
    across = np.stack([regions[:, :-1].ravel(), regions[:, 1:].ravel()])
    along = np.stack([regions[:-1].ravel(), regions[1:].ravel()])
    pairs = np.concatenate([across, along], 1)
    pairs = pairs[:, pairs[0] != pairs[1]]
    sizes = np.bincount(regions.ravel(), minlength=count)
    return Graph(named, sizes, pairs, np.ones(pairs.shape[1]))
