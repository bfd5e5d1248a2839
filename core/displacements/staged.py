# SPDX-License-Identifier: GPL-2.0-or-later
"""Features of the whole working grid, kept in nameless temporary files while a run lasts.

Without it every image would be filtered once more for each pass. Each holds 2 bytes for each
pixel, whatever the images are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..image import Array, Mask
from ..windows import Window
from .spooled import Tiles, nameless, no_room

FINENESS = 1024
"""Steps of a feature of 1."""

LIMIT = 32767 // FINENESS
"""Largest feature that is kept, about 30 standard deviations of its surroundings."""

MISSING = -32768


class Plane:
    """A feature of every pixel of a grid; windows are written and read by any thread."""

    def __init__(self, tiles: Tiles) -> None:
        self._tiles = tiles

    def write(self, window: Window, f: Array, valid: Mask) -> None:
        """Keep features[row, col] of a window of whole tiles, 0 where not valid."""
        kept = _steps(f)
        if not valid.all():
            kept[~valid] = MISSING
        try:
            self._tiles.write(window, kept)
        except OSError as error:
            raise no_room(error) from error

    def read(self, window: Window) -> tuple[Array, Mask]:
        """Return the features[row, col] of a window as float32, and where they are valid."""
        kept = self._tiles.read(window)
        f = np.multiply(kept, np.float32(1 / FINENESS), dtype=np.float32)
        valid = kept != MISSING
        if not valid.all():
            f[~valid] = 0
        return f, valid


def _steps(f: Array) -> Array:
    """Return a feature in whole steps."""
    steps = f * np.float32(FINENESS)
    np.rint(steps, out=steps)
    np.maximum(steps, np.float32(-LIMIT * FINENESS), out=steps)
    np.minimum(steps, np.float32(LIMIT * FINENESS), out=steps)
    return steps.astype(np.int16)


@contextmanager
def staged_planes(width: int) -> Iterator[tuple[Plane, Plane]]:
    """Give a plane for the reference and one for the moving image.

    Raises ImageIOError when the folder for temporary files has no room.
    """
    kind = np.dtype(np.int16)
    with nameless() as reference, nameless() as moving:
        yield Plane(Tiles(reference, width, kind)), Plane(Tiles(moving, width, kind))
