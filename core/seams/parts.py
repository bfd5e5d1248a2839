# SPDX-License-Identifier: GPL-2.0-or-later
"""Images on the pixels of one grid: which ones a window reaches, and what they have of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..image import Array, Image, Mask, Pixels, calculation_type, constant, read_padded
from ..windows import Window


@dataclass(frozen=True)
class Parts:
    """Images and the windows of the grid that they fill; `kind` is the type of their mosaic."""

    images: tuple[Image, ...]
    places: tuple[Window, ...]
    kind: np.dtype[Any]

    def under(self, window: Window, *, backward: bool = False) -> list[int]:
        """Return the images that reach a window, in their order or from the last to the first."""
        left, top, right, bottom = self._edges
        touching = (left < window.right) & (right > window.col)
        touching &= (top < window.bottom) & (bottom > window.row)
        found: list[int] = np.flatnonzero(touching).tolist()
        return found[::-1] if backward else found

    def read(
        self,
        index: int,
        window: Window,
        bands: Sequence[int] | None = None,
        rounded: bool = True,
    ) -> Pixels:
        """Read what an image has of a window; the window may reach beyond it."""
        place = self.places[index]
        return read_padded(
            self.images[index], window.shifted(-place.col, -place.row), bands, rounded
        )

    def type_of(self, *, rounded: bool) -> np.dtype[Any]:
        """Return the type of the values that are put together."""
        return self.kind if rounded else calculation_type(self.kind)

    def count(self, bands: Sequence[int] | None) -> int:
        """Return how many bands are read."""
        return self.images[0].bands if bands is None else len(bands)

    def nothing(self, window: Window, bands: Sequence[int] | None) -> Pixels:
        """Return a window without valid pixels, which takes no memory."""
        values = np.broadcast_to(self.kind.type(0), (self.count(bands), *window.shape))
        return Pixels(values, constant(False, window.shape))

    def typed(self, pixels: Pixels) -> Pixels:
        """Return pixels of an image in the type of the mosaic."""
        return Pixels(pixels.values.astype(self.kind, copy=False), pixels.valid)

    @cached_property
    def area(self) -> Window:
        """The box round all images."""
        left, top = min(p.col for p in self.places), min(p.row for p in self.places)
        right, bottom = max(p.right for p in self.places), max(p.bottom for p in self.places)
        return Window(left, top, right - left, bottom - top)

    @cached_property
    def _edges(self) -> Array:
        sides = np.array([(p.col, p.row, p.right, p.bottom) for p in self.places]).reshape(-1, 4).T
        # an image beside the grid touches nothing
        sides[2, [place.empty for place in self.places]] = np.iinfo(sides.dtype).min
        return np.asarray(sides)


def box_of(mask: Mask, window: Window) -> Window:
    """Return the window round the true pixels of a window."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    col, row = int(cols[0]), int(rows[0])
    return Window(
        window.col + col,
        window.row + row,
        int(cols[-1]) + 1 - col,
        int(rows[-1]) + 1 - row,
    )
