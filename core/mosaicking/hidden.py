# SPDX-License-Identifier: GPL-2.0-or-later
"""Clouds and other parts that must not be seen where another image is clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import numpy as np

from ..grid import Grid
from ..image import Image, Mask, Pixels, View, read_padded
from ..seams.hints import Hint
from ..survey import JointCollector, OwnCollector, Part
from ..windows import Window

Hints = Sequence[Optional[Hint]]


def hidden_in(hint: Hint, window: Window) -> Mask:
    """Return which pixels of a window of the hint's grid are masked."""
    place = window.shifted(-hint.place.col, -hint.place.row)
    found = read_padded(hint.image, place, (1,))
    values = found.values[0]
    hit = np.isin(values, hint.values) if hint.values else values != 0
    return np.asarray(hit & found.valid)


def _clear(pixels: Pixels, hint: Hint | None, window: Window) -> Pixels:
    if hint is None:
        return pixels
    hit = hidden_in(hint, window)
    return replace(pixels, valid=pixels.valid & ~hit) if hit.any() else pixels


@dataclass(frozen=True)
class ClearOwn:
    """Feeds a collector with each image's own pixels that are not masked (an OwnCollector).

    `masks` lie on the grids of the images.
    """

    inner: OwnCollector
    masks: Hints

    def feed(self, index: int, window: Window, pixels: Pixels) -> Any:
        """Feed what is clear."""
        return self.inner.feed(index, window, _clear(pixels, self.masks[index], window))

    def merge(self, partial: Any) -> None:
        """Pass a partial sum on."""
        self.inner.merge(partial)


@dataclass(frozen=True)
class ClearJoint:
    """Feeds a collector with common ground that is not masked (a JointCollector).

    `masks` lie on the canvas.
    """

    inner: JointCollector
    masks: Hints

    def feed(self, window: Window, parts: Mapping[int, Part]) -> Any:
        """Feed what is clear."""
        clear = {
            index: replace(part, pixels=_clear(part.pixels, self.masks[index], part.window))
            for index, part in parts.items()
        }
        return self.inner.feed(window, clear)

    def merge(self, partial: Any) -> None:
        """Pass a partial sum on."""
        self.inner.merge(partial)


@dataclass(frozen=True)
class Cover:
    """The images of a mosaic on the pixels of its grid, their places, and what is masked in them.

    The masks lie on the grid.
    """

    images: tuple[Image, ...]
    places: tuple[Window, ...]
    masks: tuple[Hint | None, ...]

    def clear(self, index: int, window: Window) -> Mask:
        """Return where another image than this one is valid and not masked."""
        found = np.zeros(window.shape, bool)
        for other, place in enumerate(self.places):
            inside = place.clipped(window)
            if other == index or inside.empty:
                continue
            local = inside.shifted(-place.col, -place.row)
            pixels = self.images[other].read(local, (1,))
            found[inside.within(window)] |= _clear(pixels, self.masks[other], inside).valid
        return found


@dataclass(frozen=True)
class Hidden(View):
    """An image without the masked pixels that another image of the mosaic shows clearly."""

    index: int
    cover: Cover

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below; the others are read only where it is masked."""
        found = self.source.read(window, bands, rounded)
        hint, place = self.cover.masks[self.index], self.cover.places[self.index]
        if hint is None:
            return found
        seen = window.shifted(place.col, place.row)
        hit = hidden_in(hint, seen) & found.valid
        rows, cols = np.flatnonzero(hit.any(1)), np.flatnonzero(hit.any(0))
        if not len(rows):
            return found
        box = Window(
            seen.col + int(cols[0]),
            seen.row + int(rows[0]),
            int(cols[-1] - cols[0]) + 1,
            int(rows[-1] - rows[0]) + 1,
        )
        at = box.within(seen)
        hit[at] &= self.cover.clear(self.index, box)
        return replace(found, valid=found.valid & ~hit)


def without_hidden(
    images: Sequence[Image],
    seen: Sequence[Image],
    grid: Grid,
    masks: Sequence[Hint | None],
) -> list[Image]:
    """Return images of a mosaic (on the pixels of its grid) without what is masked in them.

    `seen` are the same before corrections: whether they are valid is cheaper to tell.
    """
    cover = Cover(tuple(seen), tuple(grid.placed(image.grid) for image in seen), tuple(masks))
    return [
        image if hint is None else Hidden(image, index, cover)
        for index, (image, hint) in enumerate(zip(images, masks))
    ]
