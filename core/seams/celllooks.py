# SPDX-License-Identifier: GPL-2.0-or-later
"""What images look like in cells of any size: means, slopes, and what is usual in overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..deps import require
from ..image import Array, Image, Mask, read_padded
from ..windows import Window
from .cellstore import CellSums, reduced
from .cover import Pair
from .hints import PURPOSE
from .levels import BLOCK, Level

_SAMPLED, _SIDE = 36, 32
"""Windows of an overlap from which its usual differences are taken, and their cells at most."""


@dataclass(frozen=True)
class Look:
    """Means and slopes [band, row, col] of a window of cells, where it is valid, and where `near`
    an invalid pixel."""

    means: Array
    slopes: Array
    valid: Mask
    near: Mask


@dataclass(frozen=True)
class Usual:
    """What is usual in an overlap: median and spread of the differences, median slope [band]."""

    middle: Array
    spread: Array
    slope: Array


@dataclass(frozen=True)
class CellsOf:
    """Means of cells: where they are stored, and the images of them, corrected or not.

    Cells within `border` pixels of invalid ones are near them.
    """

    store: CellSums
    views: Sequence[Image]
    border: int = 8

    def window(self, level: Level, image: int) -> Window:
        """Return the window of cells of a level that an image may lie in."""
        ratio = level.side // self.store.side
        area = self._areas[image].aligned(ratio, ratio)
        col, row, width, height = (
            v // ratio for v in (area.col, area.row, area.width, area.height)
        )
        return Window(col, row, width, height)

    def means(self, level: Level, image: int, window: Window) -> tuple[Array, Mask]:
        """Return means[band, row, col] and validity of a window of cells."""
        ratio, at = level.side // self.store.side, self._areas[image]
        col, row, width, height = (
            v * ratio for v in (window.col, window.row, window.width, window.height)
        )
        fine = Window(col - at.col, row - at.row, width, height)
        found = read_padded(self.views[image], fine, self.store.bands, rounded=False)
        valid = np.ascontiguousarray(found.valid)
        if ratio == 1:
            return found.values, valid
        count = reduced(valid.view(np.uint8), ratio)
        sums = reduced(np.where(valid, found.values, 0), ratio)
        return np.asarray(sums / np.maximum(count, 1)), 2 * count >= ratio * ratio

    def look(self, level: Level, image: int, window: Window) -> Look:
        """Return all about an image in a window of cells."""
        reach = -(-self.border // level.side)
        wide = window.padded(max(1, reach))
        values, valid = self.means(level, image, wide)
        slopes, near = _slopes(values, valid), ~valid
        if reach:
            grown = require("scipy.ndimage", PURPOSE).maximum_filter
            near = grown(near.view(np.uint8), 2 * reach + 1) > 0
        inner, bands = window.within(wide), window.banded(wide)
        return Look(values[bands], slopes[bands], valid[inner], near[inner])

    def usual(self, level: Level, pair: Pair) -> Usual | None:
        """Return what is usual in the overlap of two images; None when they have none."""
        common = self.window(level, pair[0]).clipped(self.window(level, pair[1]))
        found = []
        for block in _spread(common, min(_SIDE, max(1, BLOCK // level.side))):
            sides = [self.means(level, image, block) for image in pair]
            both = sides[0][1] & sides[1][1]
            if both.any():
                parts = [side[0] for side in sides] + [_slopes(*side) for side in sides]
                found.append(np.stack([part[:, both] for part in parts]))
        if not found:
            return None
        value_a, value_b, slope_a, slope_b = np.concatenate(found, 2)
        off = value_a - value_b
        middle = np.median(off, 1)
        spread = 1.4826 * np.median(np.abs(off - middle[:, None]), 1)
        slope = np.median((slope_a + slope_b) / 2, 1)
        least = _least(np.concatenate([value_a, value_b], 1))
        return Usual(middle, np.maximum(spread, least), np.maximum(slope, least))

    @cached_property
    def _areas(self) -> list[Window]:
        """Where each image lies among all cells of the store."""
        return [self.store.image(index).cells for index in range(len(self.views))]


def _least(values: Array) -> Array:
    """Return what is too little to be seen in each band of values[band, cell]."""
    low, high = np.percentile(values, (1, 99), axis=1)
    return np.asarray(np.maximum(1e-3 * (high - low), 1e-6 * np.ptp(values, 1)) + 1e-30)


def _spread(area: Window, per: int) -> list[Window]:
    """Return windows of per × per cells spread evenly over an area; a small area as one."""
    if area.empty:
        return []
    whole = area.aligned(per, per)
    cols, count = whole.width // per, whole.width // per * (whole.height // per)
    if count <= _SAMPLED:
        return [area]
    numbers = np.unique(np.rint(np.linspace(0, count - 1, _SAMPLED)).astype(int))
    found = (
        Window(whole.col + n % cols * per, whole.row + n // cols * per, per, per).clipped(area)
        for n in numbers.tolist()
    )
    return [window for window in found if not window.empty]


def _slopes(values: Array, valid: Mask) -> Array:
    """Return the lengths of the gradients between valid cells, 0 where there are none."""
    down = _steps(values, valid)
    right = _steps(values.transpose(0, 2, 1), valid.T).transpose(0, 2, 1)
    return np.asarray(np.hypot(down, right))


def _steps(values: Array, valid: Mask) -> Array:
    """Return the mean step to the next and from the last valid cell along rows."""
    known = valid[1:] & valid[:-1]
    step = np.where(known, values[:, 1:] - values[:, :-1], 0)
    sums, count = np.zeros_like(values), np.zeros(valid.shape, np.float32)
    sums[:, 1:] += step
    sums[:, :-1] += step
    count[1:] += known
    count[:-1] += known
    return np.asarray(sums / np.maximum(count, 1))
