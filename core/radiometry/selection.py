# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pixels are looked at when statistics are made; what is written does not depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..image import Array, Mask, Pixels, constant, uniform
from ..windows import Window

SATURATED = {1: 255, 2: 65280}
"""First value of the top 1/256 of the range, by bytes: saturated ones, and those that wrapped round
because they were a little below 0."""


class Labels(Protocol):
    """Polygons as labels of pixels; 0 lies in none."""

    def labels(self, window: Window) -> Array:
        """Return labels[row, col] of a window."""

    def only(self, window: Window) -> int | None:
        """Return the one label that fills a window, None when there may be several."""


class Mark(Protocol):
    """A raster that marks pixels."""

    def marked(self, window: Window) -> Mask:
        """Return where a window of the image (or of the canvas) is marked."""


@dataclass(frozen=True)
class Selection:
    """What limits the pixels of each image; None for an image that has no polygon or mask.

    `saturated` pixels are used too when it is True.
    """

    polygons: tuple[Labels | None, ...] = ()
    include: bool = True
    masks: tuple[Mark | None, ...] = ()
    saturated: bool = False

    def chosen(self, index: int, window: Window) -> Mask | None:
        """Return which pixels of a window may be used, None for all.

        The pixels inside polygons and those outside are exact complements.
        """
        inside = self._by_polygons(index, window)
        mark = self.masks[index] if self.masks else None
        if mark is None or (inside is not None and uniform(inside) is False):
            return inside
        marked = mark.marked(window)
        return marked if inside is None else inside & marked

    def used(self, index: int, window: Window, pixels: Pixels) -> Mask | None:
        """Return the pixels of a window that statistics use, None for all."""
        return used_pixels(pixels, self.chosen(index, window), saturated=self.saturated)

    def _by_polygons(self, index: int, window: Window) -> Mask | None:
        if not self.polygons:
            return None
        polygons = self.polygons[index]
        alone = 0 if polygons is None else polygons.only(window)
        if alone is None and polygons is not None:
            return np.asarray((polygons.labels(window) > 0) == self.include)
        return None if bool(alone) == self.include else constant(False, window.shape)


def used_pixels(
    pixels: Pixels, chosen: Mask | None = None, *, saturated: bool = False
) -> Mask | None:
    """Return the pixels that statistics use, None for all.

    Not used are pixels that are not valid, not finite in a band, not chosen, or (unless
    `saturated` ones count) in the top 1/256 of the range of uint8 or uint16 in a band.
    """
    found = None if uniform(pixels.valid) else pixels.valid
    bad = _unusable(pixels.values, saturated)
    for mask in (chosen, None if bad is None else ~bad):
        if mask is not None:
            found = mask if found is None else found & mask
    return None if found is not None and found.all() else found


def _unusable(values: Array, saturated: bool) -> Mask | None:
    """Where any band is saturated or not finite; None when that is nowhere."""
    if not values.size:
        return None
    if values.dtype.kind == "f":
        # minimum and maximum of an array with NaN are NaN
        if np.isfinite(values.min()) and np.isfinite(values.max()):
            return None
        return np.asarray(~np.isfinite(values).all(0))
    if not saturated and values.dtype in (np.uint8, np.uint16):
        first = SATURATED[values.dtype.itemsize]
        if values.max() >= first:
            return np.asarray((values >= first).any(0))
    return None
