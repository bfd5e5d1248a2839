# SPDX-License-Identifier: GPL-2.0-or-later
"""Small regions given to their neighbors: a graph of regions, and its merges one by one."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..image import Array, Mask

Ids = NDArray[np.int64]

PORTION = 1 << 18
"""Regions whose borders are sorted together."""


@dataclass(frozen=True)
class Graph:
    """Regions with label and size; `pairs[2, pair]` of neighbors and `lengths`.

    A pair stands in one order, whichever; one that occurs several times has several pieces of
    border.
    """

    labels: Array
    sizes: Array
    pairs: Array
    lengths: Array


class Merging:
    """Regions smaller than a limit that go to the neighbor with the longest common border.

    Of equal borders the larger region wins, then the lower label; the smallest region goes first.
    Label 0 neither takes nor gives, labels in `keep` do not give.
    """

    def __init__(self, graph: Graph, limit: float, keep: Collection[int] = ()) -> None:
        self.labels = graph.labels
        # views of arrays, for there may be millions of regions
        self.label = graph.labels.astype(np.int32, copy=False).data
        self.size: Any = graph.sizes.astype(np.float64).data
        self.parent = np.arange(len(graph.labels), dtype=np.int32).data
        self.limit = limit
        self.fixed = {0, *keep}
        small = (graph.sizes < limit) & ~np.isin(graph.labels, list(self.fixed))
        self.borders = Borders.of(graph, small)

    def go(self, groups: Mapping[int, str] | None = None) -> None:
        """Merge the smallest region again and again; only within groups where they are given."""
        queue = Queue.of(self.borders.regions, np.asarray(self.size))
        while queue:
            size, region = queue.pop()
            if self.parent[region] != region or size != self.size[region]:
                continue
            borders = self._now(region)
            target = self._target(region, borders, groups or {})
            if target is None:
                self.borders.put(region, borders)
                continue
            grown = self._merge(region, target, borders)
            if grown in self.borders:
                queue.push(self.size[grown], grown)

    def owners(self) -> Ids:
        """Return which region each has become part of, one that had the common label before."""
        parents = np.array(self.parent)
        while True:
            further = parents[parents]
            if np.array_equal(further, parents):
                del further
                return parents.astype(np.int64)
            parents = further

    def _find(self, region: int) -> int:
        parent = self.parent
        while parent[region] != region:
            parent[region] = parent[parent[region]]
            region = parent[region]
        return region

    def _now(self, region: int) -> dict[int, float]:
        """Return the borders of a region with its neighbors as they are now."""
        found: dict[int, float] = {}
        for other, length in self.borders.of_region(region).items():
            there = self._find(other)
            if there != region:
                found[there] = found.get(there, 0) + length
        return found

    def _target(
        self, region: int, borders: Mapping[int, float], groups: Mapping[int, str]
    ) -> int | None:
        """Return the neighbor that takes a region, None when nobody may."""
        own = groups.get(self.label[region])
        best, found = (0.0, 0.0, 0), -1
        for other, length in borders.items():
            if groups and (own is None or groups.get(self.label[other]) != own):
                continue
            rank = (length, self.size[other], -self.label[other])
            if found < 0 or rank > best or (rank == best and other < found):
                best, found = rank, other
        return None if found < 0 else found

    def _merge(self, region: int, target: int, borders: Mapping[int, float]) -> int:
        """Give a region to a neighbor, and join regions of its label that come to touch."""
        label = self.label[target]
        members = [region, target]
        members += [other for other in borders if self.label[other] == label and other != target]
        keeper = min(members[1:])
        size = sum(self.size[member] for member in members)
        known = all(member in self.borders for member in members)
        # only a region that is small altogether needs to know its neighbors
        together: dict[int, float] = {}
        if known and size < self.limit and label not in self.fixed:
            for one in (borders, *map(self.borders.of_region, members[1:])):
                for other, length in one.items():
                    together[other] = together.get(other, 0) + length
        for member in members:
            self.parent[member] = keeper
            self.borders.drop(member)
        self.size[keeper] = size
        if known and size < self.limit and label not in self.fixed:
            self.borders.put(keeper, together)
        return keeper


@dataclass
class Borders:
    """The lengths of the borders of small regions; those that are as they were lie in arrays.

    Each part holds PORTION regions: number n of them has the neighbors
    others[starts[n]:starts[n + 1]] of (starts, others, lengths).
    """

    parts: list[tuple[Ids, Array, Array]]
    small: Mask
    _changed: dict[int, dict[int, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, small: Mask) -> Borders:
        """Sum up the borders of the small regions of a graph with those that have a label."""
        return cls([_sorted(graph, small, first) for first in range(0, len(small), PORTION)], small)

    def __contains__(self, region: int) -> bool:
        """Return True for a region that is still small."""
        return bool(self.small[region])

    @property
    def regions(self) -> Ids:
        """The regions that are still small."""
        return np.flatnonzero(self.small)

    def of_region(self, region: int) -> dict[int, float]:
        """Return the neighbors of a region and the lengths of the borders with them."""
        changed = self._changed.get(region)
        if changed is not None:
            return changed
        part, number = divmod(region, PORTION)
        starts, others, lengths = self.parts[part]
        here = slice(starts[number], starts[number + 1])
        return dict(zip(others[here].tolist(), lengths[here].tolist()))

    def put(self, region: int, borders: dict[int, float]) -> None:
        """Remember the borders of a region."""
        self._changed[region] = borders
        self.small[region] = True

    def drop(self, region: int) -> None:
        """Forget the borders of a region."""
        self._changed.pop(region, None)
        self.small[region] = False


def _sorted(graph: Graph, small: Mask, first: int) -> tuple[Ids, Array, Array]:
    """Return where the neighbors of some regions begin, which, and how long the borders are."""
    count, portion = len(small), min(PORTION, len(small) - first)
    keys, lengths = [np.empty(0, np.int64)], [np.empty(0)]
    for ours, theirs in (graph.pairs, graph.pairs[::-1]):
        at = np.flatnonzero((ours >= first) & (ours < first + portion))
        at = at[small[ours[at]] & (graph.labels[theirs[at]] != 0)]
        keys.append((ours[at].astype(np.int64) - first) * count + theirs[at])
        lengths.append(graph.lengths[at])
    key = np.concatenate(keys)
    order = np.argsort(key, kind="stable")
    key = key[order]
    fresh = np.diff(key, prepend=-1) != 0
    length = np.bincount(np.cumsum(fresh) - 1, np.concatenate(lengths)[order], int(fresh.sum()))
    region, other = np.divmod(key[fresh], count)
    starts = np.concatenate([[0], np.cumsum(np.bincount(region, minlength=portion))])
    kind = np.int32 if graph.lengths.dtype.kind == "i" else np.float64
    return starts, other.astype(np.int32), length.astype(kind)


@dataclass
class Queue:
    """Regions by size, then number: those there were in order, and grown ones in a heap."""

    regions: Ids
    sizes: Array
    at: int = 0
    grown: list[tuple[float, int]] = field(default_factory=list)

    @classmethod
    def of(cls, regions: Ids, sizes: Array) -> Queue:
        """Put regions in order; `sizes` are those of all."""
        ordered = regions[np.argsort(sizes[regions], kind="stable")]
        return cls(ordered, sizes[ordered])

    def __bool__(self) -> bool:
        """Return True while there is one."""
        return self.at < len(self.regions) or bool(self.grown)

    def push(self, size: float, region: int) -> None:
        """Add a region."""
        heapq.heappush(self.grown, (size, region))

    def pop(self) -> tuple[float, int]:
        """Take the smallest region out."""
        if self.at < len(self.regions):
            first = float(self.sizes[self.at]), int(self.regions[self.at])
            if not self.grown or first <= self.grown[0]:
                self.at += 1
                return first
        return heapq.heappop(self.grown)
