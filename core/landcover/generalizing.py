# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines with fewer points and rounder corners; their ends stay where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..image import Array, Mask
from .lines import Ids, Lines, ranges

FRACTION = 256
"""Points lie at multiples of 1/256 px, so that tests of where they lie are exact."""

CUT = 0.5
"""Pixels cut off both sides of a corner."""

PORTION = 1 << 17
"""Points that are looked at together."""

REACH = 4.0
"""Steps that a tangent is long at most: the curve stays within a step of the straight way."""

STRAIGHT = 0.9999
"""Cosine above which a piece goes on straight."""

ROUGHER = ((1.0, True), (1.0, False), (0.5, False), (0.25, False))
"""Share of the tolerance, and whether corners are smoothed, for lines that got into others."""


@dataclass(frozen=True)
class Generalizing:
    """Tolerance and smoothing step in map units (0 = off); corners cut; size of a pixel."""

    tolerance: float = 10.0
    smooth: float = 10.0
    corners: bool = True
    pixel: tuple[float, float] = (1.0, 1.0)

    def gentler(self, level: int) -> Generalizing | None:
        """Return what is done with a line after so many failures, None for nothing."""
        if level >= len(ROUGHER):
            return None
        share, smooth = ROUGHER[level]
        return replace(self, tolerance=self.tolerance * share, smooth=self.smooth * smooth)


def generalized(lines: Lines, how: Generalizing) -> Lines:
    """Return lines in pixel coordinates with cut corners, without small bends, smoothed."""
    parts = [_together(lines.taken(some), how) for some in _portions(lines)]
    counts = np.concatenate([part.counts for part in parts])
    starts = np.concatenate([[0], np.cumsum(counts)])
    return replace(lines, points=np.concatenate([p.points for p in parts]), starts=starts)


def _portions(lines: Lines) -> Iterator[Ids]:
    """Yield the numbers of lines that have few points together."""
    portion = lines.starts[:-1] // PORTION
    cuts = np.flatnonzero(np.diff(portion)) + 1
    yield from np.split(np.arange(len(lines)), cuts)


def _together(lines: Lines, how: Generalizing) -> Lines:
    size = np.array(how.pixel)
    if how.corners:
        lines = _cut(lines)
    if how.tolerance > 0:
        lines = simplified(replace(lines, points=lines.points * size), how.tolerance)
        lines = replace(lines, points=lines.points / size)
    if how.smooth > 0:
        lines = _smoothed(replace(lines, points=lines.points * size), how.smooth)
        lines = replace(lines, points=lines.points / size)
    points = np.rint(lines.points * FRACTION) / FRACTION
    return without_repeats(replace(lines, points=points))


def without_repeats(lines: Lines) -> Lines:
    """Return lines without points that are like the one before."""
    kept = np.ones(len(lines.points), bool)
    kept[1:] = (lines.points[1:] != lines.points[:-1]).any(1)
    kept[lines.starts[:-1]] = True
    return lines.only(kept)


def _cut(lines: Lines) -> Lines:
    """Replace each corner by two points beside it, which makes stairs of pixels straight."""
    points, closed, owner = lines.points.astype(float), lines.closed, lines.owners
    before, after = _neighbors(lines, points)
    inner = np.ones(len(points), bool)
    inner[lines.starts[:-1]] = closed
    inner[lines.starts[1:] - 1] = False
    copies = 1 + inner.astype(np.int64)
    # a ring starts behind its first corner, and ends there again
    copies[lines.starts[1:] - 1] = 1
    place = np.repeat(np.arange(len(points)), copies)
    second = np.zeros(len(place), bool)
    second[1:] = place[1:] == place[:-1]
    cut = points[place]
    moved = inner[place]
    toward = np.where(second[:, None], after[place], before[place])
    cut[moved] += CUT * _unit(toward[moved] - cut[moved])
    counts = np.bincount(owner[place], minlength=len(lines))
    starts = np.concatenate([[0], np.cumsum(counts)])
    ring = np.flatnonzero(closed)
    cut[starts[1:][ring] - 1] = cut[starts[:-1][ring]]
    found = without_repeats(replace(lines, points=cut, starts=starts))
    return found.only(~_straight(found))


def _neighbors(lines: Lines, points: Array) -> tuple[Array, Array]:
    """Return the points before and after each one; rings go round, ends repeat themselves."""
    before, after = np.roll(points, 1, 0), np.roll(points, -1, 0)
    first, last, closed = lines.starts[:-1], lines.starts[1:] - 1, lines.closed[:, None]
    before[first] = np.where(closed, points[last - 1], points[first])
    after[last] = np.where(closed, points[first + 1], points[last])
    return before, after


def _straight(lines: Lines) -> Mask:
    """Return which inner points lie on the way from the one before to the one after."""
    before, after = _neighbors(lines, lines.points)
    (ax, ay), (bx, by) = (lines.points - before).T, (after - lines.points).T
    found: Mask = (ax * by == ay * bx) & (ax * bx + ay * by > 0)
    found[lines.starts[:-1]] = found[lines.starts[1:] - 1] = False
    return found


def _unit(vectors: Array) -> Array:
    length = np.hypot(*vectors.T)[:, None]
    return np.asarray(vectors / np.where(length > 0, length, 1.0))


def simplified(lines: Lines, tolerance: float) -> Lines:
    """Return lines without points that lie within a tolerance (Douglas and Peucker).

    All lines are divided together, level by level. Rings keep four points at least, if they have
    so many.
    """
    kept = np.zeros(len(lines.points), bool)
    kept[lines.starts[:-1]] = kept[lines.starts[1:] - 1] = True
    open_ = ~lines.closed
    begin, end = lines.starts[:-1][open_], lines.starts[1:][open_] - 1
    forced = np.zeros(len(begin), bool)
    ring, last = lines.starts[:-1][~open_], lines.starts[1:][~open_] - 1
    if len(ring):
        far, _ = _farthest(lines.points, ring, last)
        kept[far] = True
        begin, end = np.concatenate([begin, ring, far]), np.concatenate([end, far, last])
        forced = np.concatenate([forced, np.ones(2 * len(ring), bool)])
    while True:
        wide = end - begin > 1
        begin, end, forced = begin[wide], end[wide], forced[wide]
        if not len(begin):
            return lines.only(kept)
        far, distance = _farthest(lines.points, begin, end)
        split = (distance > tolerance) | forced
        far, begin, end = far[split], begin[split], end[split]
        kept[far] = True
        begin, end = np.concatenate([begin, far]), np.concatenate([far, end])
        forced = np.zeros(len(begin), bool)


def _farthest(points: Array, begin: Ids, end: Ids) -> tuple[Ids, Array]:
    """Return the inner point farthest from the straight way of each range, and its distance."""
    counts = end - begin - 1
    inner = ranges(begin + 1, counts)
    owner = np.repeat(np.arange(len(begin)), counts)
    origin = points[begin]
    way = (points[end] - origin)[owner]
    from_origin = points[inner] - origin[owner]
    length = (way**2).sum(1)
    share = (from_origin * way).sum(1) / np.where(length > 0, length, 1.0)
    off = from_origin - np.clip(share, 0.0, 1.0)[:, None] * way
    distance = (off**2).sum(1)
    begins = np.cumsum(counts) - counts
    most = np.maximum.reduceat(distance, begins)
    hits = np.flatnonzero(distance == most[owner])
    _, which = np.unique(owner[hits], return_index=True)
    return inner[hits[which]], np.sqrt(most)


def _smoothed(lines: Lines, step: float) -> Lines:
    """Return lines as cubic Hermite curves through their points, sampled at a step."""
    points = lines.points
    before, after = _neighbors(lines, points)
    tangent = _unit(after - before)
    begin = np.ones(len(points), bool)
    begin[lines.starts[1:] - 1] = False
    begin_at = np.flatnonzero(begin)
    way = points[begin_at + 1] - points[begin_at]
    length = np.hypot(*way.T)
    ahead = _unit(way)
    bend = np.minimum((ahead * tangent[begin_at]).sum(1), (ahead * tangent[begin_at + 1]).sum(1))
    pieces = np.ones(len(points), np.int64)
    pieces[begin_at] = np.where(bend > STRAIGHT, 1, np.ceil(length / step).astype(np.int64))
    owner = np.repeat(np.arange(len(points)), pieces)
    share = (ranges(np.zeros(len(points), np.int64), pieces) / pieces[owner])[:, None]
    following = np.minimum(owner + 1, len(points) - 1)
    chord = np.zeros(len(points))
    # as long as a long edge itself, tangents would blow square fields up to circles
    chord[begin_at] = np.minimum(length, REACH * step)
    reach = chord[owner][:, None]
    a, b = points[owner], points[following]
    u, v = tangent[owner] * reach, tangent[following] * reach
    t, t2, t3 = share, share**2, share**3
    curve = a + (b - a) * (3 * t2 - 2 * t3) + u * (t3 - 2 * t2 + t) + v * (t3 - t2)
    curve = np.where(share > 0, curve, a)
    counts = np.bincount(lines.owners[owner], minlength=len(lines))
    return replace(lines, points=curve, starts=np.concatenate([[0], np.cumsum(counts)]))
