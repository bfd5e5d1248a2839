# SPDX-License-Identifier: GPL-2.0-or-later
"""Regions that grow from points over pixels that agree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..image import Array, Mask

MOST_PIXELS = 1 << 22
"""Pixels of the boxes round points that are worked on at once."""


def grown(passable: Mask, rows: Array, cols: Array, radius: int) -> Mask:
    """Return the pixels reached from points over 8-connected passable ones.

    A region stays within `radius` pixels of its own point, and begins there also when the point's
    own pixel, which then is not reached, cannot be passed. Points may lie up to `radius` outside
    of the array.
    """
    padded = np.pad(passable, 2 * radius)
    side = 2 * radius + 1
    step = np.arange(side) - radius
    disc = step[:, None] ** 2 + step[None, :] ** 2 <= radius**2
    wide = np.zeros_like(padded)
    for batch in _batches(len(rows), side):
        at = (
            rows[batch, None, None] + radius + np.arange(side)[:, None],
            cols[batch, None, None] + radius + np.arange(side),
        )
        region = _filled(padded[at] & disc)
        places = (np.broadcast_to(index, region.shape)[region] for index in at)
        wide[tuple(places)] = True
    height, width = passable.shape
    inside = slice(2 * radius, 2 * radius + height), slice(2 * radius, 2 * radius + width)
    return np.asarray(wide[inside])


def _batches(count: int, side: int) -> Iterator[slice]:
    size = max(1, MOST_PIXELS // side**2)
    for start in range(0, count, size):
        yield slice(start, start + size)


def _filled(allowed: Mask) -> Mask:
    """What is connected with the middle of each box of allowed[box, row, col]."""
    middle = allowed.shape[1] // 2
    passable = allowed.copy()
    passable[:, middle, middle] = True
    reached = np.zeros_like(passable)
    reached[:, middle, middle] = True
    runs = _runs(passable)
    while True:
        known = np.zeros(int(runs.max(initial=0)) + 1, bool)
        known[runs[reached]] = True
        wider = passable & known[runs]
        grew = _widened(wider) & passable
        if (grew == reached).all():
            return reached & allowed
        reached = grew


def _runs(passable: Mask) -> Array:
    """A number for each run of passable pixels of a row, 0 elsewhere."""
    starts = passable.copy()
    starts[..., 1:] &= ~passable[..., :-1]
    return np.where(passable, np.cumsum(starts.ravel()).reshape(starts.shape), 0)


def _widened(reached: Mask) -> Mask:
    """The pixels and their eight neighbors."""
    wide = reached.copy()
    wide[:, 1:] |= reached[:, :-1]
    wide[:, :-1] |= reached[:, 1:]
    across = wide.copy()
    across[..., 1:] |= wide[..., :-1]
    across[..., :-1] |= wide[..., 1:]
    return across
