# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pixels are looked at when statistics are made; what is written does not depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..image import Array, Mask, Pixels, constant, uniform
from ..windows import Window


class Labels(Protocol):
    """Polygons as labels of pixels; 0 lies in none."""

    def labels(self, window: Window) -> Array:
        """Return labels[row, col] of a window."""

    def only(self, window: Window) -> int | None:
        """Return the one label that fills a window, None when there may be several."""


@dataclass(frozen=True)
class Selection:
    """Polygons that limit the pixels of each image; None for an image that has no polygon."""

    polygons: tuple[Labels | None, ...]
    include: bool = True

    def chosen(self, index: int, window: Window) -> Mask | None:
        """Return which pixels of a window may be used, None for all.

        The pixels inside and those outside are exact complements.
        """
        polygons = self.polygons[index]
        alone = 0 if polygons is None else polygons.only(window)
        if alone is None and polygons is not None:
            return np.asarray((polygons.labels(window) > 0) == self.include)
        return None if bool(alone) == self.include else constant(False, window.shape)


def used_pixels(pixels: Pixels, chosen: Mask | None = None) -> Mask | None:
    """Return the pixels that statistics use, None for all.

    Not used are pixels that are not valid, not finite in a band, not chosen, or saturated in a
    band: at the largest value of uint8 or uint16.
    """
    found = None if uniform(pixels.valid) else pixels.valid
    bad = _unusable(pixels.values)
    for mask in (chosen, None if bad is None else ~bad):
        if mask is not None:
            found = mask if found is None else found & mask
    return None if found is not None and found.all() else found


def _unusable(values: Array) -> Mask | None:
    """Where any band is saturated or not finite; None when that is nowhere."""
    if not values.size:
        return None
    if values.dtype.kind == "f":
        # minimum and maximum of an array with NaN are NaN
        if np.isfinite(values.min()) and np.isfinite(values.max()):
            return None
        return np.asarray(~np.isfinite(values).all(0))
    if values.dtype in (np.uint8, np.uint16):
        top = np.iinfo(values.dtype).max
        if values.max() == top:
            return np.asarray((values == top).any(0))
    return None
