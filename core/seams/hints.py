# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known about the ground besides the images: masks, obstacles, further costs, ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..deps import require
from ..image import Array, Image, Mask, read_padded
from ..windows import Window
from .cellstore import reduced
from .levels import Level

PURPOSE = "Least-cost seamlines"

OBSTACLE = 20.0
"""Cost of a cell with an obstacle in it."""

_AROUND = 2
"""Cells round masked ones that are better not shown either."""

_Reader = Callable[[Level, Window], Array]


@dataclass(frozen=True)
class Hint:
    """Something else that is known about the ground: an image on the pixels of the canvas.

    `values` are those that count in a mask, all but 0 when there are none.
    """

    image: Image
    place: Window
    values: tuple[float, ...] = ()

    def touched(self, level: Level, cells: Window) -> Array:
        """Return [1, row, col]: 1 in cells that hold a pixel that counts, 0 in others."""
        values, valid = self._read(level.pixels(cells))
        hit = np.isin(values, self.values) if self.values else values != 0
        count = reduced((hit & valid).view(np.uint8), level.side)
        return np.asarray(count > 0, np.float32)[None]

    def mean(self, level: Level, cells: Window) -> Array:
        """Return [1, row, col]: the mean of what is valid, negative values as 0; 0 elsewhere."""
        values, valid = self._read(level.pixels(cells))
        usable = np.where(valid & (values > 0), values, 0).astype(np.float64)
        count = reduced(valid.view(np.uint8), level.side)
        means = reduced(usable, level.side) / np.maximum(count, 1)
        return np.asarray(means, np.float32)[None]

    def _read(self, window: Window) -> tuple[Array, Mask]:
        found = read_padded(self.image, window.shifted(-self.place.col, -self.place.row), (1,))
        return found.values[0], np.ascontiguousarray(found.valid)


@dataclass(frozen=True)
class Ground:
    """All that is known about the ground, besides the images.

    `masks` say where an image must not be seen, `extra` are further costs with weights, `yields`
    the images that each one leaves ground to. `ranks` (0 to 1) and `depths` (0 to 1 on cells of
    `base` pixels, with their window) are missing where nothing is preferred.
    """

    masks: tuple[Hint | None, ...] = ()
    obstacles: Hint | None = None
    extra: tuple[tuple[Hint, float], ...] = ()
    yields: Mapping[int, frozenset[int]] = field(default_factory=dict)
    ranks: tuple[float, ...] = ()
    depths: tuple[tuple[Window, Array], ...] = ()
    base: int = 1

    def masked(self, image: int, level: Level, ids: Array) -> Array:
        """Return 2 where pixels of cells are masked, 1 where some beside them are, else 0."""
        mask = self.masks[image] if self.masks else None
        if mask is None:
            return np.zeros(len(ids), np.float32)
        touched = mask.touched
        grown = require("scipy.ndimage", PURPOSE).maximum_filter

        def read(window: Window) -> Array:
            wide = window.padded(_AROUND)
            hit = touched(level, wide)[0]
            both: Array = hit + grown(hit, 2 * _AROUND + 1)
            return both[window.within(wide)][None]

        found: Array = level.gathered(ids, read, 1)[0]
        return found

    def costs(self, level: Level, ids: Array) -> Array:
        """Return the cost of cells whatever the images are."""
        found = np.zeros(len(ids), np.float32)
        for hint, weight in self.extra:
            found += np.float32(weight) * _over(level, ids, hint.mean)
        if self.obstacles is not None:
            found += np.float32(OBSTACLE) * _over(level, ids, self.obstacles.touched)
        return found

    def depth(self, image: int, level: Level, ids: Array) -> Array:
        """Return how deep in an image cells lie, 1 where it is deepest; 1 if nobody asked."""
        if not self.depths:
            return np.ones(len(ids), np.float32)
        window, depth = self.depths[image]
        rows, cols = level.places(ids)
        ratio = level.side / self.base
        row, col = (
            (places + 0.5) * ratio - 0.5 - start
            for places, start in ((rows, window.row), (cols, window.col))
        )
        mapped = require("scipy.ndimage", PURPOSE).map_coordinates
        return np.asarray(mapped(depth, [row, col], order=1, mode="nearest"))


def _over(level: Level, ids: Array, read: _Reader) -> Array:
    found: Array = level.gathered(ids, lambda window: read(level, window), 1)[0]
    return found
