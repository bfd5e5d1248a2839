# SPDX-License-Identifier: GPL-2.0-or-later
"""Small regions given to their neighbors: a graph of regions, and its merges one by one."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..image import Array

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Graph:
    """Regions with label and size; `pairs[2, pair]` of neighbors, in both orders, and `lengths`.

    A pair that occurs several times has several pieces of border.
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
        self.label: list[int] = graph.labels.tolist()
        self.size: list[float] = graph.sizes.tolist()
        self.parent = list(range(len(self.label)))
        self.limit = limit
        self.fixed = {0, *keep}
        self.borders = self._borders(graph)

    def _borders(self, graph: Graph) -> dict[int, dict[int, float]]:
        """Return the lengths of the borders of small regions."""
        small = (graph.sizes < self.limit) & ~np.isin(graph.labels, list(self.fixed))
        ours, theirs = graph.pairs
        wanted = small[ours] & (graph.labels[theirs] != 0)
        keys, place = np.unique(
            ours[wanted].astype(np.int64) * len(small) + theirs[wanted], return_inverse=True
        )
        lengths = np.bincount(place, graph.lengths[wanted], len(keys))
        found: dict[int, dict[int, float]] = {at: {} for at in np.flatnonzero(small).tolist()}
        first, second = np.divmod(keys, max(1, len(small)))
        for one, other, length in zip(first.tolist(), second.tolist(), lengths.tolist()):
            found[one][other] = length
        return found

    def go(self, groups: Mapping[int, str] | None = None) -> None:
        """Merge the smallest region again and again; only within groups where they are given."""
        heap = [(self.size[region], region) for region in self.borders]
        heapq.heapify(heap)
        while heap:
            size, region = heapq.heappop(heap)
            if self.parent[region] != region or size != self.size[region]:
                continue
            borders = self._now(region)
            target = self._target(region, borders, groups or {})
            if target is None:
                continue
            grown = self._merge(region, target, borders)
            if grown in self.borders:
                heapq.heappush(heap, (self.size[grown], grown))

    def owners(self) -> Ids:
        """Return which region each has become part of, one that had the common label before."""
        return np.array([self._find(region) for region in range(len(self.parent))], np.int64)

    def _find(self, region: int) -> int:
        parent = self.parent
        while parent[region] != region:
            parent[region] = parent[parent[region]]
            region = parent[region]
        return region

    def _now(self, region: int) -> dict[int, float]:
        """Return the borders of a region with its neighbors as they are now."""
        found: dict[int, float] = {}
        for other, length in self.borders[region].items():
            there = self._find(other)
            if there != region:
                found[there] = found.get(there, 0) + length
        self.borders[region] = found
        return found

    def _target(
        self, region: int, borders: Mapping[int, float], groups: Mapping[int, str]
    ) -> int | None:
        """Return the neighbor that takes a region, None when nobody may."""
        own = groups.get(self.label[region])
        best, found = (0.0, 0.0, 0), None
        for other, length in borders.items():
            if groups and (own is None or groups.get(self.label[other]) != own):
                continue
            rank = (length, self.size[other], -self.label[other])
            if found is None or rank > best or (rank == best and other < found):
                best, found = rank, other
        return found

    def _merge(self, region: int, target: int, borders: Mapping[int, float]) -> int:
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
            together: dict[int, float] = {}
            for one in held:
                for other, length in (one or {}).items():
                    together[other] = together.get(other, 0) + length
            self.borders[keeper] = together
        return keeper
