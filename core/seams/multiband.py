# SPDX-License-Identifier: GPL-2.0-or-later
"""Mix images beside seams band by band of spatial frequency (Burt and Adelson's splines).

Fine detail changes over at the seam, brightness gradually, so that neither shows. With images I,
their masks M (1 where the cut shows the image) and the cut H, the pyramids are those of I - H
instead of I, which is the same by linearity and leaves equal images alone to the last bit: where
an image is not valid the cut stands for it, and the difference is 0 (doi:10.1145/245.247).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Mask, Pixels, settled
from ..windows import Window, tiling
from .blending import Member, Members, array, blended, coarser, summed
from .borders import borders, within
from .cutting import Bands, Cut, tracked
from .mixing import Mixed
from .overlap import Overlap, Seams, labels_in, present
from .parts import Parts, box_of
from .pyramid import halved

TILE = 512
"""Side of the tiles in which images are mixed."""

LOW, FEW = 128, 3
"""Height of the lowest tiles, and most bands with which they are as high as wide: a tile is read
with its surroundings from several images at once, so that more bands take lower ones."""

DIRECT = 5
"""Levels that are computed from all pixels at once; beyond, coarse pixels are gathered first."""

Known = tuple[Window, Array]
"""A window and the labels there."""


@dataclass(frozen=True)
class Multiband:
    """Images mixed within three blend widths of the seams; everything else stays as it is."""

    parts: Parts
    overlap: Overlap
    seams: Seams
    nodata: float | None

    @property
    def reach(self) -> int:
        """Pixels on both sides of a seam that may change."""
        return 3 << self.overlap.levels

    @property
    def margin(self) -> int:
        """Pixels beyond a window that decide how images mix in it, unless levels are gathered."""
        return max(self.reach, 5 << self._direct)

    def mixed(self, window: Window, labels: Array | None, bands: Bands | None) -> Iterator[Mixed]:
        """Yield the mixed pixels of the tiles of a window that have a seam near.

        `labels` cover the window and its margin.
        """
        if labels is None:
            return
        known = window.padded(self.margin), labels
        for tile in tiling(window, 2 * TILE, self._height(bands)):
            if len(self.parts.under(tile.padded(self.reach))) > 1:
                yield from self._near(tile, known, bands)

    def _height(self, bands: Bands | None) -> int:
        height, count = TILE, self.parts.count(bands)
        while height > LOW and height * count > TILE * FEW:
            height //= 2
        return height

    def _near(self, tile: Window, known: Known, bands: Bands | None) -> Iterator[Mixed]:
        """Mix the pixels of a tile near a seam; there may be none."""
        step, near = 1 << self._direct, tile.padded(self.reach)
        outer = tile.padded(4 * step).aligned(step, step)
        sources, whole = self._look(near, outer, known, bands)
        rows, cols = tile.within(near)
        active = within(borders(sources), self.reach - 1, rows)[:, cols]
        if active.any():
            box = box_of(active, tile)
            region = box.padded(4 * step).aligned(step, step)
            if whole is None:
                cut = self._cut(region, bands, rounded=False, known=known)
            else:
                cut = whole.cropped(outer, region, self.parts.places)
            # with wide blending the seam may lie beyond the region, and nothing else in it
            if cut.sources.any():
                yield self._mixed(box, region, cut, active[box.within(tile)], bands)

    def _look(
        self, near: Window, outer: Window, known: Known, bands: Bands | None
    ) -> tuple[Array, Cut | None]:
        """Return which images the cut shows near a tile, and the outer cut if that was read."""
        if not outer.contains(near):
            return self._sources(near, known), None
        labels = self._labels(near, known)
        if self._complete(labels, near):
            return labels, None
        if len(present(labels)) < 2:
            return self._cut(near, (1,), rounded=True, known=known).sources, None
        # what is read to find the seams is mixed too
        whole = self._cut(outer, bands, rounded=False, known=known)
        return whole.sources[near.within(outer)], whole

    @property
    def _direct(self) -> int:
        """Levels that are computed from all pixels."""
        return max(0, self.overlap.levels - DIRECT) or self.overlap.levels

    def _labels(self, window: Window, known: Known | None = None) -> Array:
        if known is not None:
            return known[1][window.within(known[0])]
        return labels_in(self.seams.labels, window)

    def _sources(self, window: Window, known: Known | None = None) -> Array:
        """Return the numbers of the images that the cut shows, put together from tiles."""
        found = np.empty(window.shape, np.int32)
        for tile in tiling(window, TILE, TILE):
            labels = self._labels(tile, known)
            if not self._complete(labels, tile):
                labels = self._cut(tile, (1,), rounded=True, known=known).sources
            found[tile.within(window)] = labels
        return found

    def _complete(self, labels: Array, window: Window) -> bool:
        """Return True when every pixel surely is of the image of its label."""
        inside = window.clipped(self.parts.area)
        if not labels[inside.within(window)].all():
            return False
        several = present(labels)
        boxes = ((i, box_of(labels == i + 1, window) if several[1:] else inside) for i in several)
        return all(self._covers(index, box) for index, box in boxes)

    def _covers(self, index: int, window: Window) -> bool:
        image = self.parts.images[index]
        always = image.details.validity == "all" and image.dtype.kind != "f"
        return always and self.parts.places[index].contains(window)

    def _cut(
        self, window: Window, bands: Bands | None, *, rounded: bool, known: Known | None = None
    ) -> Cut:
        labels = self._labels(window, known)
        return tracked(self.parts, self.overlap, window, labels, bands=bands, rounded=rounded)

    def _mixed(
        self, box: Window, region: Window, cut: Cut, active: Mask, bands: Bands | None
    ) -> Mixed:
        """Mix a box whose active pixels lie near a seam, given the cut of a region round it."""
        near = self._direct
        skipped = near if near < self.overlap.levels else 0
        top = self._top(box, region, skipped, bands) if skipped else None
        members = self._members(cut, present(cut.sources), region, bands, 2)
        change = blended(members, region.shape, near, box.shifted(-region.col, -region.row), top)
        pixels = cut.pixels.cropped(*box.within(region))
        values = settled(pixels.values + change, self.parts.kind, self.nodata)
        return Mixed(box, values, (change != 0) & (active & pixels.valid))

    def _members(
        self, cut: Cut, shown: Iterable[int], window: Window, bands: Bands | None, step: int
    ) -> Members:
        """Return the images that a window has a part of; parts are whole steps."""
        found = dict[int, Member]()
        for index in shown:
            inside = self.parts.places[index].clipped(window)
            if not inside.empty:
                # halving reaches two pixels farther each time
                near = inside.padded(2 * step - 2).shifted(-window.col, -window.row)
                part = near.aligned(step, step).clipped(array(window.shape))
                found[index] = self._member(index, cut, window, part, bands)
        return found

    def _member(
        self, index: int, cut: Cut, window: Window, part: Window, bands: Bands | None
    ) -> Member:
        """Return how an image differs from the cut in a part of a window."""
        wanted = self.overlap.precision
        kind = cut.pixels.values.dtype if wanted == "auto" else np.dtype(wanted)
        inside = self.parts.places[index].clipped(window)
        known = cut.members.get(index) or self.parts.read(index, inside, bands, rounded=False)
        here = inside.shifted(-window.col, -window.row)
        difference = _Difference(known, cut.pixels.cropped(*here.slices), here, part, kind)
        return Member(part, difference, (cut.sources[part.slices] == index + 1).astype(kind))

    def _top(self, box: Window, region: Window, skipped: int, bands: Bands | None) -> Array:
        """Return the coarse levels of the change, gathered tile by tile, for a region."""
        step = 1 << self.overlap.levels
        whole = box.padded(4 * step).aligned(step, step)
        margin = 2 << skipped
        tiles = [
            tile for tile in tiling(whole, TILE, TILE) if self.parts.under(tile.padded(margin))
        ]
        shown = sorted({index for tile in tiles for index in present(self._sources(tile))})
        place = coarser(whole, skipped)
        found = _Gathered((self.parts.count(bands), *place.shape), skipped)
        for tile in tiles:
            around = tile.padded(margin)
            cut = self._cut(around, bands, rounded=False)
            corner = around.shifted(-whole.col, -whole.row)
            found.add(corner, self._members(cut, shown, around, bands, 1 << skipped))
        part = coarser(region, skipped).shifted(-place.col, -place.row)
        top = summed(found.members, place.shape, self.overlap.levels - skipped)
        return top[part.banded(array(place.shape))]


class _Gathered:
    """Coarse pixels of differences and masks, put together from tiles."""

    def __init__(self, shape: tuple[int, int, int], times: int) -> None:
        self.members = dict[int, Member]()
        self._shape, self._times = shape, times

    def add(self, around: Window, members: Members) -> None:
        """Halve what a tile with its margin has of each image, and keep it without the margin."""
        inner = coarser(around, self._times).padded(-2)
        for index, member in members.items():
            part = coarser(member.part.shifted(around.col, around.row), self._times)
            common, kept = part.clipped(inner), self._kept(index, member.mask.dtype)
            for band in range(len(member.difference)):
                coarse = self._coarse(member.difference[band])
                kept.difference[band][common.slices] = coarse[common.within(part)]
            kept.mask[common.slices] = self._coarse(member.mask)[common.within(part)]

    def _coarse(self, plane: Array) -> Array:
        for _ in range(self._times):
            plane = halved(plane)
        return plane

    def _kept(self, index: int, kind: np.dtype[Any]) -> Member:
        if index not in self.members:
            planes = np.zeros(self._shape, kind), np.zeros(self._shape[1:], kind)
            self.members[index] = Member(array(self._shape[1:]), *planes)
        return self.members[index]


class _Difference:
    """What an image shows beyond the cut in a part of a window, band by band.

    0 where either is not valid or a value is infinite; `here` is where the image has pixels.
    """

    def __init__(
        self, pixels: Pixels, cut: Pixels, here: Window, part: Window, kind: np.dtype[Any]
    ) -> None:
        self._pixels, self._cut = pixels, cut
        self._both = pixels.valid & cut.valid
        self._all = bool(self._both.all())
        self._place, self._shape, self._kind = here.within(part), part.shape, kind

    def __len__(self) -> int:
        return len(self._pixels.values)

    def __getitem__(self, band: int) -> Array:
        found = np.zeros(self._shape, self._kind)
        values = found[self._place]
        with np.errstate(invalid="ignore"):
            np.subtract(self._pixels.values[band], self._cut.values[band], out=values)
        if not self._all:
            values[~self._both] = 0
        # a sum is the cheapest look at all of them
        if not np.isfinite(values.sum()):
            values[~np.isfinite(values)] = 0
        return found
