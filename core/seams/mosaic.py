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
    constant,
    read_padded,
    representable,
    settled,
)
from ..windows import Window, tiling
from .feather import blended, edge_weight, seam_weight
from .rules import RULES, covers

TILE = 256
"""Side of the tiles in which seams are blended; they lie at multiples of it."""


@dataclass(frozen=True)
class Overlap:
    """What becomes of ground that several images see.

    `labels` is an image of the number (from 1) of the seam cell's image at each pixel, 0 = no cell.
    With `fill`, where the cell's image is not valid the next valid one in the order of the rule is
    taken. `width` is the blend width in pixels.
    """

    rule: str = "last"
    labels: Image | None = None
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
        if self.overlap.rule == "feather" and self.overlap.labels is None:
            return self._feathered(window, order, bands)
        if self.overlap.labels is None:
            return self._ruled(window, order, bands)
        return self._cut(window, order, bands)

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

    def _cut(self, window: Window, order: list[int], bands: Sequence[int] | None) -> Pixels:
        """Follow the seam cells; blend near seams when the rule is feather."""
        blending = self.overlap.rule == "feather"
        margin = math.ceil(self.overlap.width / 2) + 2 if blending else 0
        outer = window.padded(margin)
        labels = self._labels(outer)
        present = [int(n) - 1 for n in np.unique(labels) if n]
        if not blending or len(present) < 2:
            rows, cols = window.within(outer)
            return self._hard(window, labels[rows, cols], order, bands, {})
        read = {i: self._part(i, outer, bands, rounded=False) for i in present}
        return self._blended(window, outer, labels, order, bands, read)

    def _labels(self, window: Window) -> Array:
        if self.overlap.labels is None:
            raise ValueError("there are no seam cells")
        labels: Array = read_padded(self.overlap.labels, window).values[0]
        return labels

    def _hard(
        self,
        window: Window,
        labels: Array,
        order: list[int],
        bands: Sequence[int] | None,
        read: dict[int, Pixels],
    ) -> Pixels:
        """Give each pixel to its cell's image and fill what that leaves."""
        count = self.bands if bands is None else len(bands)
        rule = RULES["first"](count, window.shape, self.dtype)
        present = [int(n) - 1 for n in np.unique(labels) if n]
        every = (slice(None), slice(None))
        for index in present:
            pixels = read.get(index) or self._part(index, window, bands)
            owned = labels == index + 1
            if len(present) == 1 and covers(pixels) and owned.all():
                return self._typed(pixels)
            rule.feed(every, Pixels(pixels.values, pixels.valid & owned))
        for index in order if self.overlap.fill else ():
            if rule.enough:
                break
            pixels = read.get(index) or self._part(index, window, bands)
            rule.feed(every, pixels)
        found: Pixels = rule.result()
        return found

    def _blended(
        self,
        window: Window,
        outer: Window,
        labels: Array,
        order: list[int],
        bands: Sequence[int] | None,
        read: dict[int, Pixels],
    ) -> Pixels:
        """Cut hard, then mix the images in the tiles that hold a seam."""
        center = window.within(outer)
        rounded = {i: self._rounded(i, pixels.cropped(*center)) for i, pixels in read.items()}
        hard = self._hard(window, labels[center], order, bands, rounded)
        values = hard.values.copy() if covers(hard) else hard.values
        for tile in tiling(window.aligned(TILE, TILE), TILE, TILE):
            tile = tile.clipped(window)
            near = tile.padded((outer.width - window.width) // 2)
            around = near.within(outer)
            present = [int(n) - 1 for n in np.unique(labels[around]) if n]
            if len(present) > 1:
                inner = tile.within(near)
                weights = [
                    seam_weight(
                        labels[around] == i + 1, _valid(read[i], around), self.overlap.width
                    )[inner]
                    for i in present
                ]
                inputs = [read[i].cropped(*tile.within(outer)).values for i in present]
                self._mix(values[tile.banded(window)], inputs, weights)
        return Pixels(values, hard.valid)

    def _rounded(self, index: int, pixels: Pixels) -> Pixels:
        image = self.images[index]
        exact = settled(pixels.values, image.dtype, None)
        return pixels.with_values(exact)

    def _mix(self, target: Array, inputs: list[Array], weights: list[Array]) -> None:
        """Replace the values of a tile where several images have a weight."""
        mixed, several = blended(inputs, weights, target)
        if several.any():
            marker = representable(self.nodata, self.dtype)
            nodata = None if marker is None else self.nodata
            np.copyto(target, settled(mixed, self.dtype, nodata), where=several)

    def _feathered(self, window: Window, order: list[int], bands: Sequence[int] | None) -> Pixels:
        """Weigh every image by the distance to its nearest invalid pixel."""
        if len(order) < 2:
            return self._ruled(window, order, bands)
        outer = window.padded(self.overlap.width + 1)
        read = {i: self._part(i, outer, bands, rounded=False) for i in order}
        center = window.within(outer)
        rule = RULES["first"](self._count(bands), window.shape, self.dtype)
        for i in order:
            rule.feed((slice(None), slice(None)), self._rounded(i, read[i].cropped(*center)))
        hard: Pixels = rule.result()
        weights = [edge_weight(read[i].valid, self.overlap.width)[center] for i in order]
        inputs = [read[i].cropped(*center).values for i in order]
        self._mix(hard.values, inputs, weights)
        return hard

    def _count(self, bands: Sequence[int] | None) -> int:
        return self.bands if bands is None else len(bands)


def _valid(pixels: Pixels, around: tuple[slice, slice]) -> Mask:
    return pixels.valid[around]


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
    if overlap.rule == "count":
        kind, nodata, held = np.dtype(np.uint16), None, tuple(images)
    details = replace(images[0].details, validity=_validity(images, places, grid, overlap.rule))
    return Mosaic(held, places, grid, kind.name, nodata, details, overlap)


def _held(image: Image, kind: np.dtype[Any]) -> Image:
    """Return the image in a type whose values the mosaic can take over."""
    return image if np.can_cast(image.dtype, kind) else Cast(image, kind.name)


def _validity(images: Sequence[Image], places: Sequence[Window], grid: Grid, rule: str) -> str:
    """How the mosaic says what is not valid when it has no nodata value."""
    if rule == "count":
        return "all"
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
