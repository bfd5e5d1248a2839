# SPDX-License-Identifier: GPL-2.0-or-later
"""Small regions of a class map given to their neighbors."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..image import Array, Pixels, View, read_padded
from ..windows import Window, tiling

TILE = 1024
"""Side of the squares in which regions are looked at; they lie at multiples of it."""

REACH = 4
"""Squares are looked at with so many times the limit around them, in pixels."""

WIDEST = 1024
"""Most pixels looked at around a square."""

Ids = NDArray[np.int64]


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
        values = np.zeros((1, *window.shape), self.dtype)
        for square in tiling(window.aligned(TILE, TILE), TILE, TILE):
            inside = square.clipped(window)
            wide = inside if self.sieve.limit < 2 else square.padded(around)
            found = read_padded(self.source, wide, (1,))
            labels = np.where(found.valid, found.values[0], 0)
            if self.sieve.limit >= 2:
                labels = sieved(labels, self.sieve)
            values[0][inside.within(window)] = labels[inside.within(wide)]
        return Pixels(values, values[0] > 0)


def sieved(labels: Array, sieve: Sieve) -> Array:
    """Return labels[row, col] without regions smaller than the limit."""
    regions = regions_of(labels, sieve.corners)
    merging = _Merging(labels, regions, sieve)
    if sieve.groups:
        merging.go(dict(sieve.groups))
    merging.go({})
    return merging.result()


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
    parents = _joined(int(runs[-1, -1]) + 1, np.concatenate(pairs, 1))
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


def _joined(count: int, pairs: Array) -> Ids:
    """Return the smallest member of the set that each of `count` things belongs to."""
    parents = np.arange(count)
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


class _Merging:
    """Regions that are merged into each other one by one."""

    def __init__(self, labels: Array, regions: Ids, sieve: Sieve) -> None:
        self.regions = regions
        count = int(regions.max()) + 1
        self.labels = np.zeros(count, np.int64)
        self.labels[regions.ravel()] = labels.ravel()
        self.label: list[int] = self.labels.tolist()
        self.size: list[int] = np.bincount(regions.ravel(), minlength=count).tolist()
        self.parent = list(range(count))
        self.limit = sieve.limit
        self.fixed = {0, *sieve.keep}
        self.borders = self._borders(regions)

    def _borders(self, regions: Ids) -> dict[int, dict[int, int]]:
        """Return the lengths of the borders of small regions, in edges of pixels."""
        across = np.stack([regions[:, :-1].ravel(), regions[:, 1:].ravel()])
        along = np.stack([regions[:-1].ravel(), regions[1:].ravel()])
        pairs = np.concatenate([across, along], 1)
        small = np.asarray(self.size) < self.limit
        small &= ~np.isin(self.labels, list(self.fixed))
        pairs = pairs[:, (pairs[0] != pairs[1]) & small[pairs].any(0)]
        pairs = np.concatenate([pairs, pairs[::-1]], 1)
        pairs = pairs[:, small[pairs[0]] & (self.labels[pairs[1]] != 0)]
        keys, counts = np.unique(pairs[0] * len(small) + pairs[1], return_counts=True)
        found: dict[int, dict[int, int]] = {place: {} for place in np.flatnonzero(small).tolist()}
        ours, theirs = np.divmod(keys, len(small))
        for one, other, length in zip(ours.tolist(), theirs.tolist(), counts.tolist()):
            found[one][other] = length
        return found

    def go(self, groups: Mapping[int, str]) -> None:
        """Merge the smallest region again and again; only within groups where they are given."""
        heap = [(self.size[region], region) for region in self.borders]
        heapq.heapify(heap)
        while heap:
            size, region = heapq.heappop(heap)
            if self.parent[region] != region or size != self.size[region]:
                continue
            borders = self._now(region)
            target = self._target(region, borders, groups)
            if target is None:
                continue
            grown = self._merge(region, target, borders)
            if grown in self.borders:
                heapq.heappush(heap, (self.size[grown], grown))

    def _find(self, region: int) -> int:
        parent = self.parent
        while parent[region] != region:
            parent[region] = parent[parent[region]]
            region = parent[region]
        return region

    def _now(self, region: int) -> dict[int, int]:
        """Return the borders of a region with its neighbors as they are now."""
        found: dict[int, int] = {}
        for other, length in self.borders[region].items():
            there = self._find(other)
            if there != region:
                found[there] = found.get(there, 0) + length
        self.borders[region] = found
        return found

    def _target(
        self, region: int, borders: Mapping[int, int], groups: Mapping[int, str]
    ) -> int | None:
        """Return the neighbor that takes a region, None when nobody may."""
        own = groups.get(self.label[region])
        best, found = (0, 0, 0), None
        for other, length in borders.items():
            if groups and (own is None or groups.get(self.label[other]) != own):
                continue
            rank = (length, self.size[other], -self.label[other])
            if found is None or rank > best or (rank == best and other < found):
                best, found = rank, other
        return found

    def _merge(self, region: int, target: int, borders: Mapping[int, int]) -> int:
        """Give a region to a neighbor, and join regions of its label that come to touch."""
        label = self.label[target]
        members = [region, target]
        members += [other for other in borders if self.label[other] == label and other != target]
        keeper = min(members[1:])
        size = sum(self.size[member] for member in members)
        held = [self.borders.pop(member, None) for member in members]
        for member in members:
            self.parent[member] = keeper
        self.size[keeper] = size
        # only a region that is small altogether needs to know its neighbors
        if size < self.limit and label not in self.fixed and all(one is not None for one in held):
            together: dict[int, int] = {}
            for one in held:
                for other, length in (one or {}).items():
                    together[other] = together.get(other, 0) + length
            self.borders[keeper] = together
        return keeper

    def result(self) -> Array:
        """Return the labels after all merges."""
        found = np.array([self.label[self._find(region)] for region in range(len(self.label))])
        return np.asarray(found[self.regions])
