# SPDX-License-Identifier: GPL-2.0-or-later
"""Regions of labels that come in strips of rows, so that only their graph is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..image import Array
from .merging import Graph, Ids
from .sieving import joined, regions_of


@dataclass(frozen=True)
class Known:
    """All regions of an image as a graph, and the region that each number of a strip means.

    Regions are numbered in the order of their first pixels, whatever the strips were.
    """

    graph: Graph
    members: Ids


@dataclass
class Regions:
    """Numbers regions held together by edges; strips of labels[row, col] come from the top.

    Of neighbors only those are known of which one is smaller than `limit` in its strip.
    """

    limit: float = np.inf
    starts: list[int] = field(default_factory=list)
    count: int = 0
    _labels: list[Array] = field(default_factory=list)
    _sizes: list[Array] = field(default_factory=list)
    _pairs: list[Array] = field(default_factory=list)
    _unions: list[Array] = field(default_factory=list)
    _last: tuple[Array, Ids] | None = None

    def feed(self, labels: Array) -> None:
        """Add the strip below those that came before."""
        self.starts.append(self.count)
        ids = self.numbered(len(self.starts) - 1, labels)
        count = int(ids.max()) + 1 - self.count
        local = (ids - self.count).ravel()
        named = np.zeros(count, np.int32)
        named[local] = labels.ravel()
        self._labels.append(named)
        sizes = np.bincount(local, minlength=count).astype(np.int32)
        self._sizes.append(sizes)
        small = (sizes < self.limit)[ids - self.count]
        for one, other in (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:]):
            beside = (small[one] | small[other]) & (ids[one] != ids[other])
            self._neighbors(ids[one][beside], ids[other][beside])
        if self._last is not None:
            above, before = self._last
            same = above == labels[0]
            self._unions.append(np.stack([before[same], ids[0][same]]))
            self._neighbors(before[~same], ids[0][~same])
        self._last = labels[-1].copy(), ids[-1].copy()
        self.count += count

    def numbered(self, strip: int, labels: Array) -> Ids:
        """Return the numbers of the pixels of a strip, as they were when it was fed."""
        return regions_of(labels) + self.starts[strip]

    def known(self) -> Known:
        """Return the regions of everything that was fed, which is forgotten."""
        unions = np.concatenate([np.empty((2, 0), np.int64), *self._unions], 1)
        parents = joined(self.count, unions)
        first = parents == np.arange(self.count)
        members = (np.cumsum(first, dtype=np.int32) - 1)[parents]
        count = int(first.sum())
        del unions, parents, first
        labels, sizes = np.zeros((2, count), np.int32)
        for start, named, part in zip(self.starts, _given(self._labels), _given(self._sizes)):
            mine = members[start : start + len(part)]
            labels[mine] = named
            np.add.at(sizes, mine, part)
        found = [np.empty((3, 0), np.int32)]
        for pairs in _given(self._pairs):
            pairs[:2] = members[pairs[:2]]
            found.append(pairs[:, pairs[0] != pairs[1]])
        every = np.concatenate(found, 1)
        return Known(Graph(labels, sizes, every[:2], every[2]), members)

    def _neighbors(self, one: Ids, other: Ids) -> None:
        """Count the edges between numbers of neighboring pixels."""
        low, high = np.minimum(one, other), np.maximum(one, other)
        base = np.int64(int(high.max(initial=0)) + 1)
        keys, lengths = np.unique(low * base + high, return_counts=True)
        self._pairs.append(np.stack([*np.divmod(keys, base), lengths]).astype(np.int32))


def _given(parts: list[Array]) -> Iterator[Array]:
    """Yield parts and forget them, for together they take much memory."""
    parts.reverse()
    while parts:
        yield parts.pop()
