# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that meet where they should not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..image import Array, Mask
from ..progress import SILENT, Progress
from .generalizing import FRACTION
from .lines import Ids, Lines, ranges

SIDE = 128 * FRACTION
"""Side of the squares in which pieces of lines are compared: 128 px."""

ROWS = 4
"""Rows of squares that are looked at together."""


def meeting(lines: Lines, changed: Mask | None = None, progress: Progress = SILENT) -> Ids:
    """Return the numbers of lines that cross, touch or lie upon each other or themselves.

    They may share their ends. With `changed` only the squares that these lines reach are looked at.
    """
    whole = np.rint(lines.points * FRACTION).astype(np.int32)
    begin = np.ones(len(whole), bool)
    begin[lines.starts[1:] - 1] = False
    at = np.flatnonzero(begin)
    owner = lines.owners[at]
    pieces = np.concatenate([whole[at], whole[at + 1]], 1)
    found = [np.empty(0, np.int64)]
    for some in _squares(pieces, None if changed is None else changed[owner]):
        progress.check()
        one, other = _near(pieces[some])
        one, other = some[one], some[other]
        bad = _improper(pieces[one], pieces[other])
        found += [owner[one[bad]], owner[other[bad]]]
    return np.unique(np.concatenate(found))


def _squares(pieces: Array, changed: Mask | None) -> Iterator[Ids]:
    """Yield the pieces that reach each square, where there are two or more."""
    top, bottom = (pick(pieces[:, 1], pieces[:, 3]) // SIDE for pick in (np.minimum, np.maximum))
    for row in range(0, int(bottom.max(initial=-1)) + 1, ROWS):
        some = np.flatnonzero((top < row + ROWS) & (bottom >= row))
        there = None if changed is None else changed[some]
        if there is None or there.any():
            for few in _in_rows(pieces[some], there, row):
                yield some[few]


def _in_rows(pieces: Array, changed: Mask | None, first: int) -> Iterator[Ids]:
    """Yield the pieces that reach each square of some rows of squares."""
    low, high = np.minimum(pieces[:, :2], pieces[:, 2:]), np.maximum(pieces[:, :2], pieces[:, 2:])
    low, high = low // SIDE, high // SIDE
    low[:, 1], high[:, 1] = np.maximum(low[:, 1], first), np.minimum(high[:, 1], first + ROWS - 1)
    wide, tall = (high - low + 1).T
    piece = np.repeat(np.arange(len(pieces)), wide * tall)
    place = ranges(np.zeros(len(pieces), np.int64), wide * tall)
    row, col = np.divmod(place, wide[piece])
    across = int(high[:, 0].max(initial=0)) + 1
    key = (low[piece, 1] + row) * across + low[piece, 0] + col
    if changed is not None:
        wanted = np.isin(key, np.unique(key[changed[piece]]))
        key, piece = key[wanted], piece[wanted]
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    for some in np.split(piece[order], cuts):
        if len(some) > 1:
            yield some


def _near(pieces: Array) -> tuple[Ids, Ids]:
    """Return pairs of pieces whose boxes meet."""
    low = np.minimum(pieces[:, :2], pieces[:, 2:])
    high = np.maximum(pieces[:, :2], pieces[:, 2:])
    order = np.argsort(low[:, 0], kind="stable")
    low, high = low[order], high[order]
    reach = np.searchsorted(low[:, 0], high[:, 0], "right")
    counts = reach - np.arange(len(order)) - 1
    one = np.repeat(np.arange(len(order)), counts)
    other = ranges(np.arange(len(order)) + 1, counts)
    close = (low[one, 1] <= high[other, 1]) & (low[other, 1] <= high[one, 1])
    return order[one[close]], order[other[close]]


def _improper(one: Array, other: Array) -> Mask:
    """Return which pairs of pieces share more than one end."""
    one, other = one.astype(np.int64), other.astype(np.int64)
    a, b, c, d = one[:, :2], one[:, 2:], other[:, :2], other[:, 2:]
    sides = [np.sign(_turn(c, d, a)) * np.sign(_turn(c, d, b))]
    sides += [np.sign(_turn(a, b, c)) * np.sign(_turn(a, b, d))]
    crossing = (sides[0] <= 0) & (sides[1] <= 0)
    same = [(p == q).all(1) for p, q in ((a, c), (a, d), (b, c), (b, d))]
    ends = np.sum(same, 0)
    # from the shared end to the other ones: the same way, or not
    upon = ends > 1
    for shared, (p, q, r) in zip(same, ((a, b, d), (a, b, c), (b, a, d), (b, a, c))):
        along = (_turn(p, q, r) == 0) & (((q - p) * (r - p)).sum(1) > 0)
        upon |= shared & along
    return np.asarray(np.where(ends > 0, upon, crossing))


def _turn(a: Array, b: Array, c: Array) -> Array:
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    return np.asarray(ux * vy - uy * vx)
