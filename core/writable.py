# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows of an image as a file takes them: put together, and nodata where not valid."""

from __future__ import annotations

from typing import Any

import numpy as np

from .image import Array, Image, Pixels, beside, constant, uniform
from .windows import Window, tiling


def assembled(image: Image, window: Window, size: int) -> Pixels:
    """Read a window in computing windows of the size the user asked for."""
    if size == 0:
        return image.read(window)
    values = np.empty((image.bands, *window.shape), image.dtype)
    valid = np.empty(window.shape, bool)
    alpha: Array | None = None
    known: set[bool | None] = set()
    clipped = moved = 0
    for part in tiling(window, size, size):
        pixels = image.read(part)
        clipped, moved = clipped + pixels.clipped, moved + pixels.moved
        known.add(uniform(pixels.valid))
        rows, cols = part.within(window)
        values[:, rows, cols], valid[rows, cols] = pixels.values, pixels.valid
        if pixels.alpha is not None:
            alpha = np.zeros(window.shape, pixels.alpha.dtype) if alpha is None else alpha
            alpha[rows, cols] = pixels.alpha
    everywhere = known.pop() if len(known) == 1 else None
    valid = valid if everywhere is None else constant(everywhere, window.shape)
    return Pixels(values, valid, alpha, clipped, moved)


def marked(pixels: Pixels, marker: Any) -> tuple[Pixels, int]:
    """Write nodata where not valid, and keep valid pixels from looking like nodata."""
    values, everywhere = pixels.values, uniform(pixels.valid)
    if marker is None or everywhere is False:
        return pixels, 0
    moved = 0
    if not np.isnan(marker):
        clash = _all_equal(values, marker)
        if clash is not None:
            clash &= pixels.valid
            moved = int(np.count_nonzero(clash))
        if moved:
            values = values.copy()
            values[:, clash] = beside(marker, values.dtype)
    if everywhere is None:
        values = np.where(pixels.valid, values, marker)
    return pixels.with_values(values), moved


def _all_equal(values: Array, marker: Any) -> Array | None:
    """Return where all bands equal a value, None as soon as that is nowhere."""
    found: Array | None = None
    for band in values:
        here = band == marker
        found = here if found is None else found & here
        if not found.any():
            return None
    return found
