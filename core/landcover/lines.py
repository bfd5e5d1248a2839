# SPDX-License-Identifier: GPL-2.0-or-later
"""Borders between faces as lines: from the edges of pixels to chains between junctions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..image import Array, Mask

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """Lines one after the other: points[point, (x, y)], line n from starts[n] to starts[n + 1].

    The face `left[n]` lies to the left of a line, `right[n]` to its right, seen with y downward.
    A line round a face without junction ends where it starts.
    """

    points: Array
    starts: Ids
    left: Ids
    right: Ids

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.left)

    @property
    def counts(self) -> Ids:
        """Number of points of each line."""
        return np.diff(self.starts)

    @property
    def owners(self) -> Ids:
        """Line of each point."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def first(self) -> Array:
        """First point of each line."""
        return np.asarray(self.points[self.starts[:-1]])

    @property
    def last(self) -> Array:
        """Last point of each line."""
        return np.asarray(self.points[self.starts[1:] - 1])

    @property
    def closed(self) -> Mask:
        """Which lines end where they start."""
        return np.asarray((self.first == self.last).all(1))

    def taken(self, chosen: Array) -> Lines:
        """Return some lines, by number."""
        counts = self.counts[chosen]
        rows = ranges(self.starts[:-1][chosen], counts)
        starts = np.concatenate([[0], np.cumsum(counts)])
        return Lines(self.points[rows], starts, self.left[chosen], self.right[chosen])

    def only(self, kept: Mask) -> Lines:
        """Return the lines with some of their points."""
        counts = np.bincount(self.owners[kept], minlength=len(self))
        starts = np.concatenate([[0], np.cumsum(counts)])
        return replace(self, points=self.points[kept], starts=starts)

    def replaced(self, chosen: Array, others: Lines) -> Lines:
        """Return the lines with others in the places of some of them."""
        both = Lines(
            np.concatenate([self.points, others.points]),
            np.concatenate([self.starts, self.starts[-1] + others.starts[1:]]),
            np.concatenate([self.left, others.left]),
            np.concatenate([self.right, others.right]),
        )
        places = np.arange(len(self))
        places[chosen] = len(self) + np.arange(len(others))
        return both.taken(places)


def ranges(starts: Array, counts: Array) -> Ids:
    """Return start, start + 1, … of each range, one range after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) + np.repeat(starts - (ends - counts), counts), np.int64)


def edges_of(above: Array, faces: Array, row: int) -> Array:
    """Return the borders between the faces of a strip as straight pieces along edges of pixels.

    `above` are the faces of the row before, `row` is the number of the strip's first one. Rows are
    (x0, y0, x1, y1, left, right), directed so that the smaller face lies to the left.
    """
    block = np.vstack([above[None], faces])
    level, upright = block[:-1] != block[1:], block[:, :-1] != block[:, 1:]
    ends = _runs(level, ~(upright[:-1] | upright[1:]))
    y, x0, x1 = ends
    across = [x0, y + row, x1 + 1, y + row, block[y, x0], block[y + 1, x0]]
    beside = level[1:, :-1] | level[1:, 1:]
    x, y0, y1 = _runs(upright[1:].T, ~beside.T)
    along = [x + 1, y0 + row, x + 1, y1 + 1 + row, faces[y0, x + 1], faces[y0, x]]
    found = np.concatenate([np.stack(across, 1), np.stack(along, 1)])
    turned = found[:, 4] > found[:, 5]
    found[turned] = found[turned][:, [2, 3, 0, 1, 5, 4]]
    return np.asarray(found, np.int32)


def _runs(there: Mask, straight: Mask) -> tuple[Array, Array, Array]:
    """Return line, first and last place of runs of edges with nothing beside their joints."""
    joint = there[:, 1:] & there[:, :-1] & straight
    begin, end = there.copy(), there.copy()
    begin[:, 1:] &= ~joint
    end[:, :-1] &= ~joint
    line, first = np.nonzero(begin)
    return line, first, np.nonzero(end)[1]


def chained(pieces: Array) -> Lines:
    """Return straight pieces as lines between junctions, the same in whatever order they come."""
    if not len(pieces):
        none = np.empty(0, np.int64)
        return Lines(np.empty((0, 2), np.int64), np.zeros(1, np.int64), none, none)
    pieces = pieces[np.lexsort((pieces[:, 0], pieces[:, 1]))].astype(np.int64)
    following = _following(pieces)
    end, behind = _ranked(following)
    order = np.lexsort((-behind, end))
    pieces, last = pieces[order], end[order] == order
    first = np.concatenate([[True], last[:-1]])
    level = pieces[:, 1] == pieces[:, 3]
    # strips cut straight pieces in two
    turning = first | np.concatenate([[True], level[1:] != level[:-1]])
    number = np.cumsum(first) - 1
    points = np.concatenate([pieces[turning, :2], pieces[last, 2:4]])
    owner = np.concatenate([number[turning], number[last]])
    points = points[np.argsort(owner, kind="stable")]
    counts = np.bincount(owner, minlength=int(first.sum()))
    starts = np.concatenate([[0], np.cumsum(counts)])
    lines = Lines(points, starts, pieces[first, 4], pieces[first, 5])
    second = points[starts[:-1] + 1]
    order = np.lexsort((second[:, 0], second[:, 1], lines.first[:, 0], lines.first[:, 1]))
    return lines.taken(order)


def _following(pieces: Array) -> Ids:
    """Return the piece that goes on where each ends, itself where that is a junction."""
    count, width = len(pieces), int(pieces[:, [0, 2]].max()) + 1
    keys = np.concatenate(
        [pieces[:, 1] * width + pieces[:, 0], pieces[:, 3] * width + pieces[:, 2]]
    )
    _, place = np.unique(keys, return_inverse=True)
    degree = np.bincount(place)
    start, end = place[:count], place[count:]
    leaving = np.empty(len(degree), np.int64)
    leaving[start] = np.arange(count)
    itself = np.arange(count)
    following = np.where(degree[end] == 2, leaving[end], itself)
    return _opened(following)


def _opened(following: Ids) -> Ids:
    """Return the chains with rings cut before their first piece."""
    itself = np.arange(len(following))
    ends = following == itself
    jump, least, reached = following, itself, -1
    while True:
        smaller = np.minimum(least, least[jump])
        jump = jump[jump]
        arrived = int(np.count_nonzero(ends[jump]))
        if arrived == reached and np.array_equal(smaller, least):
            break
        least, reached = smaller, arrived
    closing = ~ends[jump] & (following == least)
    return np.where(closing, itself, following)


def _ranked(following: Ids) -> tuple[Ids, Ids]:
    """Return the last piece of the chain of each piece, and how many come behind it."""
    jump = following
    behind = (following != np.arange(len(following))).astype(np.int64)
    while True:
        further = jump[jump]
        if np.array_equal(further, jump):
            return jump, behind
        behind = behind + behind[jump]
        jump = further
