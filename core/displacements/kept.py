# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that are decoded once, however often a run looks at them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..image import Array, Image, Mask, Pixels, View, calculation, constant
from ..raster import RasterImage
from ..windows import Window, tiling
from .pair import Pair, averaging
from .spooled import TILE, Tiles, nameless

PIECE = 8 * TILE
"""Side of what is decoded at once, px."""

LOCKS = 64
"""Pieces that can be told apart while they are decoded; others wait for each other in vain."""

UNKNOWN, PARTLY, WHOLLY = range(3)
"""What is known of a piece: nothing yet, or whether all of its pixels are valid."""


class _Store:
    """The pixels of a one-band image that were decoded so far, and where they are valid."""

    def __init__(self, source: Image, tiles: Tiles, masks: Tiles) -> None:
        self._source, self._tiles, self._masks = source, tiles, masks
        # all memory is taken now: a little of it between large arrays would keep them apart
        self._locks = [threading.Lock() for _ in range(LOCKS)]
        self._states = np.zeros([-(-size // PIECE) for size in source.grid.window.shape], np.uint8)

    def read(self, window: Window) -> tuple[Array, Mask]:
        """Return values[row, col] and valid; what is not there yet is decoded first."""
        pieces = tiling(window.aligned(PIECE, PIECE), PIECE, PIECE)
        partial = [piece.clipped(window) for piece in pieces if self._state(piece) != WHOLLY]
        values = self._tiles.read(window)
        if not partial:
            return values, constant(True, window.shape)
        valid = np.ones(window.shape, bool)
        for part in partial:
            valid[part.within(window)] = self._masks.read(part)
        return values, valid

    def _state(self, piece: Window) -> int:
        """Decode a piece unless it is there; return what is known of it."""
        row, col = piece.row // PIECE, piece.col // PIECE
        with self._locks[(row * self._states.shape[1] + col) % LOCKS]:
            if self._states[row, col] == UNKNOWN:
                here = piece.clipped(self._source.grid.window)
                found = self._source.read(here, (1,))
                self._tiles.write(here, found.values[0])
                whole = found.all_valid
                if not whole:
                    self._masks.write(here, found.valid)
                self._states[row, col] = WHOLLY if whole else PARTLY
            return int(self._states[row, col])


@dataclass(frozen=True)
class Kept(View):
    """A one-band image whose decoded pixels stay in temporary files."""

    store: _Store = field(compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the files behind: another process reads the image itself."""
        return _itself, (self.source,)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Return a window; the image itself is asked where the disk is full."""
        try:
            values, valid = self.store.read(window)
        except OSError:
            return self.source.read(window, bands, rounded)
        return Pixels((values if rounded else calculation(values))[None], valid)


def _itself(image: Image) -> Image:
    return image


@contextmanager
def kept(pair: Pair) -> Iterator[Pair]:
    """Give the same pair with images that are decoded once.

    Images that are seen as averages of their pixels stay as they are: they would need much more
    space than what is seen of them.
    """
    plain = averaging(pair.grid, pair.moving.grid) == 1
    with _kept(pair.reference, pair.factor == 1) as still, _kept(pair.moving, plain) as moved:
        yield replace(pair, reference=still, moving=moved)


@contextmanager
def _kept(image: Image, wanted: bool) -> Iterator[Image]:
    if not wanted:
        yield image
        return
    with nameless() as pixels, nameless() as masks:
        width = image.grid.width
        image = _once(image)
        tiles = Tiles(pixels, width, image.dtype), Tiles(masks, width, np.dtype(bool))
        yield Kept(image, _Store(image, *tiles))


def _once(image: Image) -> Image:
    """Return an image whose file is not asked to remember what it decoded: nobody asks twice."""
    if isinstance(image, RasterImage):
        return replace(image, revisited=False)
    return replace(image, source=_once(image.source)) if isinstance(image, View) else image
