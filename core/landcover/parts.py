# SPDX-License-Identifier: GPL-2.0-or-later
"""Large windows in parts, so that memory does not grow with the number of dates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..image import Pixels, constant, uniform
from ..windows import Window, tiling

HELD = 16 << 20
"""Bytes that a part may hold of what lies below a view."""

SMALLEST, LARGEST = 32, 512


def part_side(pixel_bytes: int) -> int:
    """Return the side of square parts whose pixels take so many bytes each: a power of two."""
    side = LARGEST
    while side > SMALLEST and side * side * pixel_bytes > HELD:
        side //= 2
    return side


def in_parts(window: Window, pixel_bytes: int, compute: Callable[[Window], Pixels]) -> Pixels:
    """Compute a window in squares that hold little each; parts lie on multiples of their side."""
    side = part_side(pixel_bytes)
    parts = [part.clipped(window) for part in tiling(window.aligned(side, side), side, side)]
    if len(parts) == 1:
        return compute(window)
    first = compute(parts[0])
    values = np.empty((len(first.values), *window.shape), first.values.dtype)
    valid = np.empty(window.shape, bool)
    known = set()
    clipped = moved = 0
    for part in parts:
        found = first if part == parts[0] else compute(part)
        rows, cols = part.within(window)
        values[:, rows, cols], valid[rows, cols] = found.values, found.valid
        known.add(uniform(found.valid))
        clipped, moved = clipped + found.clipped, moved + found.moved
    everywhere = known.pop() if len(known) == 1 else None
    valid = valid if everywhere is None else constant(everywhere, window.shape)
    return Pixels(values, valid, None, clipped, moved)
