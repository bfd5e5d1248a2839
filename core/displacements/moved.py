# SPDX-License-Identifier: GPL-2.0-or-later
"""What the moving image shows along a route: where one offset holds, whole rows move at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..image import Array, Image, Mask, constant, read_padded, uniform
from ..transform.sampling import HALF, STEPS, rounded, sampled, shifted
from ..windows import Window
from .crossing import BLOCK, Crossing, Route
from .tones import Tone

NOWHERE = Window(0, 0, 0, 0)

Steps = tuple[int, int]
"""An offset along x and y in 1/32 px."""


def known(image: Image, window: Window, tone: Tone) -> tuple[Array, Mask]:
    """Return float32 values[row, col] of a one-band image and where they are valid, finite ones."""
    found = read_padded(image, window, (1,))
    values, valid = found.values[0], found.valid
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            valid = valid & finite
            values = np.where(finite, values, values.dtype.type(0))
    return tone.of(values), valid


def displaced(moving: Image, crossing: Crossing, tone: Tone, way: Route) -> tuple[Array, Mask]:
    """Return moving values and valid in the window of a route, sampled along it."""
    window = way.window
    needed = _needed(crossing, way).clipped(moving.grid.window)
    if needed.empty:
        return np.zeros(window.shape, np.float32), constant(False, window.shape)
    source = _Source(*known(moving, needed, tone), way, crossing, needed)
    taken, good = np.empty(window.shape, np.float32), constant(True, window.shape)
    for part, steps in runs(way):
        here = part.within(window)
        # how a block is sampled must not depend on the window: the last digits would
        taken[here], seen = source.sampled(part) if steps is None else source.shifted(part, steps)
        if uniform(seen) is not True:
            good = good.copy() if uniform(good) is True else good
            good[here] = seen
    return taken, good


class _Source:
    """Moving pixels, and where the working pixels of a route lie among them."""

    def __init__(
        self, values: Array, valid: Mask, way: Route, crossing: Crossing, needed: Window
    ) -> None:
        self.values, self.valid, self.way = values, valid, way
        if uniform(valid) is True or bool(valid.all()):
            self.valid = constant(True, (values.shape[0], values.shape[1]))
        off_x, off_y = crossing.offset
        self.start = off_x - needed.col, off_y - needed.row

    def shifted(self, part: Window, steps: Steps) -> tuple[Array, Mask]:
        """Return what one offset makes of a part."""
        col, row = (
            at + start + step // STEPS
            for at, start, step in zip((part.col, part.row), self.start, steps)
        )
        here = Window(col, row, part.width, part.height)
        return shifted(self.values, self.valid, here, steps[0] % STEPS, steps[1] % STEPS)

    def sampled(self, part: Window) -> tuple[Array, Mask]:
        """Return what every pixel's own offset makes of a part."""
        # offsets are rounded before they become positions, which are exact then in every window
        x, y = (rounded(offset)[0] for offset in self.way.offsets(part))
        here = self._touched(part, x, y)
        if here.empty:
            return np.zeros(part.shape, np.float32), constant(False, part.shape)
        x += np.arange(part.width, dtype=np.float32) + np.float32(
            part.col + self.start[0] - here.col
        )
        y += _downward(part.height) + np.float32(part.row + self.start[1] - here.row)
        return sampled(self.values[here.slices], self.valid[here.slices], x, y)

    def _touched(self, part: Window, off_x: Array, off_y: Array) -> Window:
        """Return the pixels that the taps of a part touch."""
        left, top = math.floor(off_x.min()), math.floor(off_y.min())
        right, bottom = math.ceil(off_x.max()), math.ceil(off_y.max())
        box = Window(
            part.col + self.start[0] + left,
            part.row + self.start[1] + top,
            part.width + right - left,
            part.height + bottom - top,
        )
        height, width = self.values.shape
        return box.padded(HALF).clipped(Window(0, 0, width, height))


def _downward(height: int) -> Array:
    return np.arange(height, dtype=np.float32)[:, None]


def runs(way: Route) -> Iterator[tuple[Window, Steps | None]]:
    """Yield the parts of a route's window and the offset of each, None where there are several.

    Parts are rows of blocks that stand at fixed places, so that windows agree.
    """
    alike, steps = way.blocks()
    if alike.all() and all((s == s[0, 0]).all() for s in steps):
        yield way.window, (int(steps[0][0, 0]), int(steps[1][0, 0]))
        return
    key = np.where(alike, steps[0] + steps[1] * (1 << 32), np.iinfo(np.int64).max)
    for index, line in enumerate(key):
        ends = np.flatnonzero(np.diff(line)) + 1
        for first, last in zip([0, *ends], [*ends, len(line)]):
            col, row = way.outer.col + first * BLOCK, way.outer.row + index * BLOCK
            at = Window(col, row, (last - first) * BLOCK, BLOCK)
            found = int(steps[0][index, first]), int(steps[1][index, first])
            yield at.clipped(way.window), found if alike[index, first] else None


def _needed(crossing: Crossing, way: Route) -> Window:
    """Return the moving pixels that a window may need, with those that kernels reach."""
    left, top, right, bottom = way.reach
    if right < left:
        return NOWHERE
    window = way.window
    col, row = math.floor(window.col + left) - HALF, math.floor(window.row + top) - HALF
    width = math.ceil(window.right + right) + HALF + 1 - col
    height = math.ceil(window.bottom + bottom) + HALF + 1 - row
    return Window(col, row, width, height).shifted(*crossing.offset)
