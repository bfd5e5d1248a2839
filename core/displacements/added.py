# SPDX-License-Identifier: GPL-2.0-or-later
"""What sampling adds to displacements: positions are rounded, and taps look beyond them."""

from __future__ import annotations

import numpy as np

from ..image import Array
from ..matching.smoothing import PHASE, reduced
from ..transform.sampling import STEPS, rounded
from ..windows import Window
from .crossing import Displacement, Route
from .frame import slopes
from .front import Level
from .moved import Steps, runs

STRAIGHT = 3e-3
"""Slope of a displacement that needs no correction."""

BLOCK = 64
"""Side of the blocks for which a displacement has one slope, px."""


def added(level: Level, way: Route) -> tuple[Array, Array]:
    """Return what sampling along a route adds to the displacement, working pixels.

    Means[row, col] over blocks of PHASE px from the first pixel of the window on.
    """
    shape = [-(-size // PHASE) for size in way.window.shape]
    off_x, off_y = (np.empty(shape, np.float32) for _ in range(2))
    delays = np.asarray(level.delays or (0.0,) * STEPS, np.float32)
    for part, steps in runs(way):
        here = _blocks(part, way.window).slices
        if steps is None or way.step % PHASE:
            off_x[here], off_y[here] = (_mean(_off(v, delays)) for v in way.offsets(part))
        else:
            off_x[here], off_y[here] = _plain(way, part, steps, delays)
    turn = level.crossing.jacobian.astype(np.float32)
    if np.abs(turn - np.eye(2)).max() < 1e-4:
        return off_x, off_y
    return _turned_back((off_x, off_y), turn)


def _blocks(part: Window, window: Window) -> Window:
    """Return the blocks of a part, counted from the first of a window."""
    col, row = (part.col - window.col) // PHASE, (part.row - window.row) // PHASE
    return Window(col, row, -(-part.width // PHASE), -(-part.height // PHASE))


def _plain(way: Route, part: Window, steps: Steps, delays: Array) -> tuple[Array, Array]:
    """Return the means where one rounded offset holds: those of a plane are its middle's."""
    offsets = way.at(_middles(part.col, part.right), _middles(part.row, part.bottom))
    x, y = (
        np.float32(step / STEPS) + delays[step % STEPS] - offset
        for step, offset in zip(steps, offsets)
    )
    return x, y


def _middles(start: int, stop: int) -> Array:
    first = np.arange(start, stop, PHASE)
    return np.asarray((first + np.minimum(first + PHASE, stop) - 1) / 2)


def _off(offset: Array, delays: Array) -> Array:
    """Return what is added to each pixel."""
    at, off = rounded(offset)
    at *= np.float32(STEPS)
    off += np.take(delays, at.astype(np.int32) & (STEPS - 1))
    return off


def _mean(values: Array) -> Array:
    """Return means over blocks; the last of them may be cut."""
    share = reduced(np.ones(values.shape, np.float32)) if _cut(values) else np.float32(1)
    return np.asarray(reduced(values) / share)


def _cut(values: Array) -> bool:
    return any(size % PHASE for size in values.shape)


def unbent(
    off: tuple[Array, Array], displacement: Displacement, window: Window
) -> tuple[Array, Array]:
    """Return offsets of moving positions, as `added` returns them, as they look through the field.

    Slopes are those at the middle of blocks of 64 px.
    """
    blocks = window.aligned(BLOCK, BLOCK)
    cols = np.arange(blocks.col, blocks.right, BLOCK) + BLOCK // 2
    rows = np.arange(blocks.row, blocks.bottom, BLOCK) + BLOCK // 2
    x, y = (v.ravel() for v in np.meshgrid(cols, rows))
    turned = slopes(displacement, x, y)
    if np.abs(turned - np.eye(2)[:, :, None]).max() < STRAIGHT:
        return off
    row = (np.arange(window.row, window.bottom, PHASE) - blocks.row) // BLOCK
    col = (np.arange(window.col, window.right, PHASE) - blocks.col) // BLOCK

    def spread(part: Array) -> Array:
        return np.asarray(part.reshape(len(rows), len(cols))[row][:, col])

    turn = np.array([[spread(part) for part in line] for line in turned], np.float32)
    return _turned_back(off, turn)


def _turned_back(off: tuple[Array, Array], turn: Array) -> tuple[Array, Array]:
    """Return offsets (x, y) that a 2 x 2 matrix, of numbers or arrays, turns into these."""
    (a, b), (c, d) = turn
    size = a * d - b * c
    return (d * off[0] - b * off[1]) / size, (a * off[1] - c * off[0]) / size
