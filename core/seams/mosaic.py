# SPDX-License-Identifier: GPL-2.0-or-later
"""Several images seen as one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import (
    Array,
    Cast,
    Details,
    Image,
    Mask,
    Pixels,
    calculation,
    constant,
    read_padded,
    representable,
    settled,
)
from ..windows import Window, tiling
from .feather import Blend, edge_weight, seam_weight
from .rules import RULES, covers

TILE = 256
"""Side of the tiles in which seams are blended; they lie at multiples of it."""


@dataclass(frozen=True)
class Seams:
    """Which image each pixel belongs to.

    `labels` is an image of the number (from 1) of the seam cell's image at each pixel, 0 = no cell.
    `complete` cells hold every valid pixel, so that there is nothing to fill outside of them.
    """

    labels: Image
    complete: bool = False


@dataclass(frozen=True)
class Overlap:
    """What becomes of ground that several images see.

    With `fill`, where the cell's image is not valid the next valid one in the order of the rule is
    taken. `width` is the blend width in pixels.
    """

    rule: str = "last"
    seams: Seams | None = None
    width: int = 32
    fill: bool = True


@dataclass(frozen=True)
class Mosaic:
    """Images on the pixels of one grid, put together by an overlap rule or along seam cells."""

    images: tuple[Image, ...]
    places: tuple[Window, ...]
    grid: Grid
    type_name: str
    nodata: float | None
    details: Details
    overlap: Overlap
    name: str = "mosaic"

    @property
    def bands(self) -> int:
        """Bands of the images."""
        return self.images[0].bands

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the written values."""
        return np.dtype(self.type_name)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Band names of the first image."""
        return self.images[0].band_names

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the mosaic; a window that one valid image fills costs no more than that image."""
        order = list(self._under(window))
        outer = window.padded(self._margin)
        labels = self._labels(outer)
        blends = self._blends(window, labels, order, bands)
        if labels is None:
            found = self._ruled(window, order, bands)
        else:
            found = self._cut(window, labels[window.within(outer)], order, bands)
        if blends:
            found = found.with_values(found.values.copy()) if covers(found) else found
            for blend in blends:
                blend.into(found.values, window)
        return found if rounded else found.with_values(calculation(found.values))

    def _under(self, window: Window) -> Iterator[int]:
        """Images that reach the window, in the order in which the rule takes them."""
        numbers = range(len(self.images))
        for index in reversed(numbers) if self.overlap.rule == "last" else numbers:
            if not self.places[index].clipped(window).empty:
                yield index

    def _part(
        self, index: int, window: Window, bands: Sequence[int] | None, rounded: bool = True
    ) -> Pixels:
        """Read what an image has of a window; the window may reach beyond it."""
        local = window.shifted(-self.places[index].col, -self.places[index].row)
        return read_padded(self.images[index], local, bands, rounded)

    def _ruled(self, window: Window, order: list[int], bands: Sequence[int] | None) -> Pixels:
        """Feed the images one after the other to the rule."""
        count = self.bands if bands is None else len(bands)
        if not order and self.overlap.rule != "count":
            return self._nothing(window, bands)
        rule = RULES[self.overlap.rule](count, window.shape, self.dtype)
        hard = isinstance(rule, RULES["first"])
        for index in order:
            inside = self.places[index].clipped(window)
            pixels = self._part(index, inside, bands, self.overlap.rule != "mean")
            if index == order[0] and hard and inside == window and covers(pixels):
                return self._typed(pixels)
            rule.feed(inside.within(window), pixels)
            if rule.enough:
                break
        found: Pixels = rule.result()
        return found

    def _nothing(self, window: Window, bands: Sequence[int] | None) -> Pixels:
        count = self.bands if bands is None else len(bands)
        values = np.broadcast_to(self.dtype.type(0), (count, *window.shape))
        return Pixels(values, constant(False, window.shape))

    def _typed(self, pixels: Pixels) -> Pixels:
        return Pixels(pixels.values.astype(self.dtype, copy=False), pixels.valid)

    @property
    def _margin(self) -> int:
        """Pixels beyond a window that decide how images mix in it."""
        if self.overlap.rule != "feather":
            return 0
        width = self.overlap.width
        return width + 1 if self.overlap.seams is None else math.ceil(width / 2) + 2

    def _labels(self, window: Window) -> Array | None:
        seams = self.overlap.seams
        return None if seams is None else read_padded(seams.labels, window).values[0]

    def _cut(
        self, window: Window, labels: Array, order: list[int], bands: Sequence[int] | None
    ) -> Pixels:
        """Give each pixel to its cell's image and fill what that leaves."""
        count = self.bands if bands is None else len(bands)
        rule = RULES["first"](count, window.shape, self.dtype)
        present, held = _present(labels), dict[int, Pixels]()
        outside = not labels.all()
        for index in present:
            owned = labels == index + 1
            inside = self.places[index].clipped(window)
            if not outside:
                inside = _moved(_box(owned), window).clipped(inside)
            if inside.empty:
                continue
            pixels = held[index] = self._part(index, inside, bands)
            if len(present) == 1 and inside == window and owned.all() and covers(pixels):
                return self._typed(pixels)
            place = inside.within(window)
            rule.feed(place, Pixels(pixels.values, pixels.valid & owned[place]))
        complete = self.overlap.seams is not None and self.overlap.seams.complete
        wanted = labels > 0 if complete else constant(True, window.shape)
        for index in order if self.overlap.fill else ():
            if not rule.lacks(wanted):
                break
            inside = self.places[index].clipped(window)
            place = inside.within(window)
            known = held[index] if outside and index in held else None
            pixels = known or self._part(index, inside, bands)
            rule.feed(place, Pixels(pixels.values, pixels.valid & wanted[place]))
        found: Pixels = rule.result()
        return found

    def _blends(
        self,
        window: Window,
        labels: Array | None,
        order: list[int],
        bands: Sequence[int] | None,
    ) -> list[_Mixed]:
        """Mix images tile by tile, near the seams or, without seams, wherever images overlap.

        `labels` cover the window and its margin.
        """
        margin = self._margin
        several = len(order) > 1 if labels is None else len(_present(labels)) > 1
        if self.overlap.rule != "feather" or not several:
            return []
        outer, side = window.padded(margin), TILE * max(1, math.ceil(2 * margin / TILE))
        found = []
        for block in tiling(window.aligned(side, side), side, side):
            tile = block.clipped(window)
            near = tile.padded(margin)
            around = None if labels is None else labels[near.within(outer)]
            blend = self._blend(tile, near, around, bands)
            found += [] if blend is None else [blend]
        return found

    def _blend(
        self, tile: Window, near: Window, labels: Array | None, bands: Sequence[int] | None
    ) -> _Mixed | None:
        """Mix the images of a tile; None where there is nothing to mix."""
        present = list(self._under(tile)) if labels is None else _present(labels)
        if len(present) < 2:
            return None
        center, width = tile.within(near), self.overlap.width
        # image by image, so that many on one place need no more memory than two
        blend = Blend(self.bands if bands is None else len(bands), tile.shape)
        for index in present:
            pixels = self._part(index, near, bands, rounded=False)
            if labels is None:
                weight = edge_weight(pixels.valid, width)
            else:
                weight = seam_weight(labels == index + 1, pixels.valid, width)
            blend.add(pixels.cropped(*center).values, weight[center])
        several = blend.several
        if not several.any():
            return None
        marker = representable(self.nodata, self.dtype)
        nodata = None if marker is None else self.nodata
        return _Mixed(tile, settled(blend.mean, self.dtype, nodata), several)


@dataclass(frozen=True)
class _Mixed:
    """Mixed values[band, row, col] of a tile, and where they count."""

    tile: Window
    values: Array
    several: Mask

    def into(self, values: Array, window: Window) -> None:
        """Replace the values of a window that holds the tile."""
        np.copyto(values[self.tile.banded(window)], self.values, where=self.several)


def _present(labels: Array) -> list[int]:
    """Numbers (from 0) of the images that have a label."""
    return [int(label) - 1 for label in np.unique(labels) if label]


def _box(mask: Mask) -> tuple[slice, slice]:
    """Return (rows, columns) of the box round the true pixels."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)


def _moved(place: tuple[slice, slice], window: Window) -> Window:
    """Return the window of a part of a window."""
    rows, cols = place
    width, height = cols.stop - cols.start, rows.stop - rows.start
    return Window(window.col + cols.start, window.row + rows.start, width, height)


def mosaic(
    images: Sequence[Image],
    grid: Grid,
    overlap: Overlap,
    *,
    dtype: np.dtype[Any] | None = None,
    nodata: float | None = None,
) -> Mosaic:
    """Return the mosaic of images that lie on the pixels of the grid.

    `dtype` defaults to the type that holds all; without nodata the mosaic is fully valid, or has
    alpha (as its images) or a mask.
    """
    places = tuple(grid.placed(image.grid) for image in images)
    kind = np.dtype(dtype or np.result_type(*[image.dtype for image in images]))
    held = tuple(_held(image, kind) for image in images)
    details = replace(images[0].details, validity=_validity(images, places, grid))
    if overlap.rule == "count":
        kind, nodata, held = np.dtype(np.uint16), None, tuple(images)
        details = Details(metadata=details.metadata, validity="all")
    return Mosaic(held, places, grid, kind.name, nodata, details, overlap)


def _held(image: Image, kind: np.dtype[Any]) -> Image:
    """Return the image in a type whose values the mosaic can take over."""
    return image if np.can_cast(image.dtype, kind) else Cast(image, kind.name)


def _validity(images: Sequence[Image], places: Sequence[Window], grid: Grid) -> str:
    """How the mosaic says what is not valid when it has no nodata value."""
    kinds = [image.details.validity for image in images]
    if "alpha" in kinds:
        return "alpha"
    whole = all(kind == "all" for kind in kinds) and _filled(places, grid)
    return "all" if whole else "mask"


def _filled(places: Sequence[Window], grid: Grid) -> bool:
    """Return True when the windows leave no pixel of the grid uncovered."""
    cols = np.unique([edge for p in places for edge in (p.col, p.right)] + [0, grid.width])
    rows = np.unique([edge for p in places for edge in (p.row, p.bottom)] + [0, grid.height])
    covered = np.zeros((len(rows) - 1, len(cols) - 1), bool)
    for place in places:
        c, r = (
            np.searchsorted(cols, (place.col, place.right)),
            np.searchsorted(rows, (place.row, place.bottom)),
        )
        covered[r[0] : r[1], c[0] : c[1]] = True
    inside_c = (cols[:-1] >= 0) & (cols[1:] <= grid.width)
    inside_r = (rows[:-1] >= 0) & (rows[1:] <= grid.height)
    return bool(covered[np.ix_(inside_r, inside_c)].all())
