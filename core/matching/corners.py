# SPDX-License-Identifier: GPL-2.0-or-later
"""Corners: where key points can be measured in both directions, and which of them are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..windows import Window
from .smoothing import REACH, Floats, Mask, averaged, gradient, inner, largest, weight_of

Index = NDArray[np.int64]

LEAST_SHARE = 0.6
"""Valid share of a measuring window below which no key point is tried."""

EDGE = 20
"""Distance in px from the edge of the overlap within which no key point is tried."""

PER_CELL = 4
"""Key points of a cell that is wholly valid."""

RESERVE = 12
"""Candidates of a cell that are looked at for each one that it may keep."""

LAST = 8
"""Columns at an array's end whose gradients OpenCV adds up in another order: last digits differ."""


def margin(box: int = 15) -> int:
    """Return how many pixels of f `strength` and `candidates` look beyond a window."""
    return REACH + box // 2 + 1 + LAST


@dataclass(frozen=True)
class Candidates:
    """Possible key points: whole positions on the working grid and their strength."""

    x: NDArray[np.int32]
    y: NDArray[np.int32]
    strength: Floats

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.x)

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Return the candidates of several windows as one list."""
        whole, real = np.empty(0, np.int32), np.empty(0, np.float32)
        return cls(
            np.concatenate([whole, *(part.x for part in parts)]),
            np.concatenate([whole, *(part.y for part in parts)]),
            np.concatenate([real, *(part.strength for part in parts)]),
        )

    def chosen(self, which: NDArray[Any]) -> Candidates:
        """Return the points of a boolean or index array, in its order."""
        return Candidates(self.x[which], self.y[which], self.strength[which])


def strength(f: Floats, valid: Mask, box: int = 15) -> Floats:
    """Return the smaller eigenvalue of the gradient tensor averaged over box x box px.

    Shi and Tomasi's measure (doi:10.1109/CVPR.1994.323794) on the band-pass f, float32 [h, w].
    Gradients that touch invalid pixels count as 0. Right `margin(box)` px inside the array.
    """
    gx, gy = gradient(f)
    weight = weight_of(valid)
    if weight is not None:
        known = inner(valid)
        gx *= known
        gy *= known
    product = np.empty_like(gx)
    pairs = ((gx, gx), (gx, gy), (gy, gy))
    xx, xy, yy = (averaged(np.multiply(a, b, out=product), box) for a, b in pairs)
    half = np.float32(0.5)
    apart = xx - yy
    apart *= half
    xx += yy
    xx *= half
    # in place: what is done to whole windows costs as much as what is computed
    apart *= apart
    xy *= xy
    apart += xy
    xx -= np.sqrt(apart, out=apart)
    return xx


def candidates(
    strength: Floats, share: Floats | None, threshold: float, *, window: Window, area: Window
) -> Candidates:
    """Return the local maxima in 3 x 3 px that reach the threshold, inside `area`.

    `share`: valid share of the measuring window of each pixel, None where all is valid;
    `window`: place of the arrays on the working grid; `area`: the part of it to report, which
    leaves out the margin and what lies within EDGE px of the overlap's edge.
    """
    here = area.clipped(window)
    rows, cols = here.within(window)
    found = strength >= largest(strength)
    found &= strength >= max(threshold, float(np.finfo(np.float32).tiny))
    if share is not None:
        found &= share >= LEAST_SHARE
    y, x = np.nonzero(found[rows, cols])
    return Candidates(
        (x + here.col).astype(np.int32),
        (y + here.row).astype(np.int32),
        strength[rows, cols][y, x],
    )


def cell_side(valid_pixels: float, max_points: int, min_distance: float) -> float:
    """Return the side in px of the cells that share the budget; max_points 0 = no limit."""
    if max_points <= 0:
        return 2 * min_distance
    return max(2 * min_distance, math.sqrt(valid_pixels / max_points * PER_CELL))


def select(
    found: Candidates,
    counts: NDArray[Any],
    block: int,
    *,
    max_points: int = 20000,
    min_distance: float = 10.0,
) -> Candidates:
    """Return the strongest candidates, evenly spread, sorted by x, then y.

    `counts`: valid pixels [rows, cols] of the whole image in blocks of `block` px from its
    origin. Equal strengths are taken in order of y, then x. No two points are nearer than
    min_distance px; there are at most max_points (0 = no limit).
    """
    found = found.chosen(np.lexsort((found.x, found.y, -found.strength)))
    side = cell_side(float(counts.sum()), max_points, min_distance)
    cells = _Cells.of(counts, block, side)
    cell, quota = cells.index(found), cells.quota
    if max_points > 0:
        near_the_top = np.flatnonzero(_rank(cell) < RESERVE * quota[cell])
        found, cell = found.chosen(near_the_top), cell[near_the_top]
    apart = _thinned(found, min_distance)
    found, cell = found.chosen(apart), cell[apart]
    if max_points > 0:
        entitled = _rank(cell) < quota[cell]
        budget = min(max_points, int(quota.sum()))
        # a stable sort: those entitled first, both parts from strong to weak
        found = found.chosen(np.argsort(~entitled, kind="stable")[:budget])
    return found.chosen(np.lexsort((found.y, found.x)))


@dataclass(frozen=True)
class _Cells:
    """Square cells from the image's origin on, and how many points each may keep."""

    side: float
    columns: int
    quota: Index

    @classmethod
    def of(cls, counts: NDArray[Any], block: int, side: float) -> _Cells:
        rows, columns = (max(1, math.ceil(size * block / side)) for size in counts.shape)
        sums = np.pad(counts, ((1, 0), (1, 0))).cumsum(0, dtype=np.float64).cumsum(1)
        for size in (rows, columns):
            edge = np.minimum(np.arange(size + 1) * side / block, len(sums) - 1)
            first = np.minimum(edge.astype(np.int64), max(0, len(sums) - 2))
            share = (edge - first)[:, None]
            sums = np.diff(sums[first] * (1 - share) + sums[first + 1] * share, axis=0).T
        share = np.clip(sums / side**2, 0, 1)
        return cls(side, columns, np.ceil(PER_CELL * share - 1e-9).astype(np.int64).ravel())

    def index(self, points: Candidates) -> Index:
        """Return the cell of each point."""
        col, row = (points.x / self.side).astype(np.int64), (points.y / self.side).astype(np.int64)
        return np.asarray(row * self.columns + col)


def _rank(cell: Index) -> Index:
    """Return how many points of the same cell come before each one."""
    order = np.argsort(cell, kind="stable")
    ordered = cell[order]
    ranks = np.empty(len(cell), np.int64)
    ranks[order] = np.arange(len(cell)) - np.searchsorted(ordered, ordered)
    return ranks


def _thinned(points: Candidates, distance: float) -> Index:
    """Go from the first point on and keep those that no kept one is near; return their indices.

    All pairs at once, round by round: a point without an earlier undecided one near it is kept,
    and those near it are not.
    """
    before, after = _close_pairs(points, distance)
    state = np.zeros(len(points), np.int8)
    while len(after):
        free = state == 0
        free[after] = False
        state[free] = 1
        state[after[state[before] == 1]] = -1
        open_pairs = (state[before] == 0) & (state[after] == 0)
        before, after = before[open_pairs], after[open_pairs]
    return np.flatnonzero(state >= 0)


def _close_pairs(points: Candidates, distance: float) -> tuple[Index, Index]:
    """Return the pairs of points nearer than distance, the earlier one first."""
    col, row = (points.x / distance).astype(np.int64) + 1, (points.y / distance).astype(np.int64)
    width = int(col.max(initial=0)) + 2
    cell = row * width + col
    order = np.argsort(cell, kind="stable")
    ordered = cell[order]
    pairs = []
    for step in (0, 1, width - 1, width, width + 1):
        first = np.searchsorted(ordered, ordered + step, "left")
        if step == 0:
            first = np.arange(1, len(ordered) + 1)
        last = np.searchsorted(ordered, ordered + step, "right")
        count = last - first
        one = np.repeat(np.arange(len(ordered)), count)
        other = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count) + first[one]
        a, b = order[one], order[other]
        x, y = (
            points.x[a].astype(np.int64) - points.x[b],
            points.y[a].astype(np.int64) - points.y[b],
        )
        near = x * x + y * y < distance * distance
        pairs.append(np.sort(np.stack([a[near], b[near]]), 0))
    before, after = np.concatenate(pairs, 1)
    return before, after
