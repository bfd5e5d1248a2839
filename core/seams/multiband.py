# SPDX-License-Identifier: GPL-2.0-or-later
"""Mix images beside seams band by band of spatial frequency (Burt and Adelson's splines).

Fine detail changes over at the seam, brightness gradually, so that neither shows. With images I,
their masks M (1 where the cut shows the image) and the cut H, the pyramids are those of I - H
instead of I, which is the same by linearity and leaves equal images alone to the last bit: where
an image is not valid the cut stands for it, and the difference is 0 (doi:10.1145/245.247).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Mask, Pixels, settled
from ..windows import Window, tiling
from .borders import borders, within
from .cutting import Bands, Cut, tracked
from .mixing import Mixed
from .overlap import Overlap, labels_in, present
from .parts import Parts, box_of
from .pyramid import doubled, halved

TILE = 512
"""Side of the tiles in which images are mixed."""

DIRECT = 5
"""Levels that are computed from all pixels at once; beyond, coarse pixels are gathered first."""

Place = tuple[slice, slice]
"""(rows, columns) of a part of an array."""

Planes = Mapping[int, Array]
"""An array for each image by its number."""


@dataclass(frozen=True)
class Multiband:
    """Images mixed within three blend widths of the seams; everything else stays as it is."""

    parts: Parts
    overlap: Overlap
    nodata: float | None

    @property
    def reach(self) -> int:
        """Pixels on both sides of a seam that may change."""
        return 3 << self.overlap.levels

    def mixed(self, window: Window, bands: Bands | None) -> Iterator[Mixed]:
        """Yield the mixed pixels of the tiles of a window that have a seam near."""
        for tile in tiling(window, TILE, TILE):
            near = tile.padded(self.reach)
            if len(self.parts.under(near)) > 1:
                rows, cols = tile.within(near)
                active = within(borders(self._sources(near)), self.reach - 1, rows)[:, cols]
                if active.any():
                    box = box_of(active, tile)
                    yield self._mixed(box, active[box.within(tile)], bands)

    def _labels(self, window: Window) -> Array | None:
        seams = self.overlap.seams
        return None if seams is None else labels_in(seams.labels, window)

    def _sources(self, window: Window) -> Array:
        """Return the numbers of the images that the cut shows, put together from tiles."""
        if max(window.shape) <= 2 * TILE:
            return self._shown(window)
        found = np.empty(window.shape, np.int32)
        for tile in tiling(window, TILE, TILE):
            found[tile.within(window)] = self._shown(tile)
        return found

    def _shown(self, window: Window) -> Array:
        """Return the numbers of the images that the cut shows, reading no more than it must."""
        labels = self._labels(window)
        if labels is not None and all(self._covers(i, window) for i in present(labels)):
            inside = window.clipped(self.parts.area)
            if labels[inside.within(window)].all():
                return labels
        return self._cut(window, (1,), rounded=True).sources

    def _covers(self, index: int, window: Window) -> bool:
        image = self.parts.images[index]
        always = image.details.validity == "all" and image.dtype.kind != "f"
        return always and self.parts.places[index].contains(window)

    def _cut(self, window: Window, bands: Bands | None, *, rounded: bool) -> Cut:
        labels = self._labels(window)
        return tracked(self.parts, self.overlap, window, labels, bands=bands, rounded=rounded)

    def _mixed(self, box: Window, active: Mask, bands: Bands | None) -> Mixed:
        """Mix a box whose active pixels lie near a seam."""
        levels = self.overlap.levels
        skipped = max(0, levels - DIRECT)
        near = skipped or levels
        region = box.padded(4 << near).aligned(1 << near, 1 << near)
        cut = self._cut(region, bands, rounded=False)
        top = self._top(box, region, skipped, bands) if skipped else None
        change = blended(*self._planes(cut, present(cut.sources), region, bands), near, top)
        here = box.within(region)
        change, pixels = change[:, here[0], here[1]], cut.pixels.cropped(*here)
        values = settled(pixels.values + change, self.parts.kind, self.nodata)
        return Mixed(box, values, (change != 0) & (active & pixels.valid))

    def _planes(
        self, cut: Cut, shown: Iterable[int], window: Window, bands: Bands | None
    ) -> tuple[Planes, Planes]:
        """Return how each image that is shown differs from the cut, and where it is shown."""
        wanted = self.overlap.precision
        kind = cut.pixels.values.dtype if wanted == "auto" else np.dtype(wanted)
        differences, masks = dict[int, Array](), dict[int, Array]()
        for index in shown:
            known = cut.members.get(index)
            pixels = known or self.parts.read(index, window, bands, rounded=False)
            differences[index] = _difference(pixels, cut.pixels).astype(kind, copy=False)
            masks[index] = (cut.sources == index + 1).astype(kind)
        return differences, masks

    def _top(self, box: Window, region: Window, skipped: int, bands: Bands | None) -> Array:
        """Return the coarse levels of the change, gathered tile by tile, for a region."""
        step = 1 << self.overlap.levels
        whole = box.padded(4 * step).aligned(step, step)
        shape = (whole.height >> skipped, whole.width >> skipped)
        margin = 2 << skipped
        tiles = [
            tile for tile in tiling(whole, TILE, TILE) if self.parts.under(tile.padded(margin))
        ]
        shown = sorted({index for tile in tiles for index in present(self._sources(tile))})
        found = _Gathered(shown, (self.parts.count(bands), *shape), skipped)
        for tile in tiles:
            around = tile.padded(margin)
            cut = self._cut(around, bands, rounded=False)
            found.add(_coarse(tile, whole, skipped), *self._planes(cut, shown, around, bands))
        top = blended(found.differences, found.masks, self.overlap.levels - skipped)
        return top[_coarse(region, whole, skipped)]


class _Gathered:
    """Coarse pixels of differences and masks, put together from tiles."""

    def __init__(self, shown: Iterable[int], shape: tuple[int, int, int], times: int) -> None:
        self.differences = {index: np.zeros(shape) for index in shown}
        self.masks = {index: np.zeros(shape[1:]) for index in shown}
        self._times = times

    def add(self, place: tuple[slice, slice, slice], differences: Planes, masks: Planes) -> None:
        """Halve the planes of a tile, cut their margin off and keep them."""
        for index, mask in masks.items():
            difference = differences[index]
            for _ in range(self._times):
                difference, mask = halved(difference), halved(mask)
            self.differences[index] = _kept(self.differences[index], difference.dtype)
            self.masks[index] = _kept(self.masks[index], mask.dtype)
            self.differences[index][place] = difference[:, 2:-2, 2:-2]
            self.masks[index][place[1:]] = mask[2:-2, 2:-2]


def _kept(plane: Array, kind: np.dtype[Any]) -> Array:
    """Return an array in the type of what is put into it."""
    return plane.astype(kind, copy=False)


def _coarse(inner: Window, outer: Window, times: int) -> tuple[slice, slice, slice]:
    """Return where a window lies in an array of coarse pixels of another one."""
    rows, cols = inner.within(outer)
    return (
        slice(None),
        slice(rows.start >> times, rows.stop >> times),
        slice(cols.start >> times, cols.stop >> times),
    )


def _difference(pixels: Pixels, cut: Pixels) -> Array:
    """What an image shows beyond the cut; 0 where either is not valid or a value is infinite."""
    with np.errstate(invalid="ignore"):
        values = pixels.values - cut.values
    both = pixels.valid & cut.valid
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return np.where(both & np.isfinite(values), values, values.dtype.type(0))
    if not both.all():
        np.copyto(values, values.dtype.type(0), where=~both)
    return values


def blended(differences: Planes, masks: Planes, levels: int, top: Array | None = None) -> Array:
    """Return the sum of the mixed levels[band, row, col] of differences from the cut.

    `masks` tell where each image is shown; where none is, differences are 0 and the rest is
    smoothed without them (normalized convolution). `top` stands for the mixed coarsest level when
    that is known already. All sides are multiples of 2^levels.
    """
    shares, places = _shares(masks, levels), _places(differences, masks, levels)
    count = len(next(iter(differences.values())))
    bands = []
    for band in range(count):
        planes = {index: planes[band] for index, planes in differences.items()}
        bands.append(_mixed_band(planes, places, shares, None if top is None else top[band]))
    return np.stack(bands)


@dataclass(frozen=True)
class _Level:
    """Shares[image] of a level, and its valid fraction; None where everything is valid.

    `own` and `spread` are 1 / the fraction of its pixels and of those doubled to the level below,
    0 where there is none.
    """

    shares: Planes
    fraction: Array | None = None
    own: Array | None = None
    spread: Array | None = None

    def lifted(self, plane: Array) -> Array:
        """Double a plane of the level, whose pixels count as much as they are valid."""
        if self.fraction is None or self.spread is None:
            return doubled(plane)
        found = doubled(plane * self.fraction)
        found *= self.spread
        return found


def _shares(masks: Planes, levels: int) -> list[_Level]:
    """Return the levels, finest first, with the share of each image."""
    current, found = dict(masks), list[_Level]()
    fraction = _sum(mask.copy() for mask in masks.values())
    everywhere = bool((fraction == 1).all())
    for level in range(levels + 1):
        if level:
            current = {index: halved(mask) for index, mask in current.items()}
            fraction = halved(fraction)
        if everywhere:
            found.append(_Level(current))
            continue
        own = _inverse(fraction)
        spread = _inverse(doubled(fraction)) if level else None
        shares = {index: mask * own for index, mask in current.items()}
        found.append(_Level(shares, fraction, own, spread))
    return found


def _inverse(fraction: Array) -> Array:
    there = fraction > 0
    return np.asarray(np.where(there, 1 / np.where(there, fraction, 1), 0), fraction.dtype)


def _mixed_band(
    planes: Planes, places: Mapping[int, Place], levels: list[_Level], top: Array | None
) -> Array:
    """Return the sum of the mixed levels of one band."""
    first = next(iter(planes.values()))
    rows, cols = first.shape
    mixed = [np.zeros((rows >> n, cols >> n), first.dtype) for n in range(len(levels))]
    for index, plane in planes.items():
        current = plane[places[index]]
        for number, (fine, coarse) in enumerate(zip(levels, levels[1:])):
            lower, here = halved(current), _coarser(places[index], number)
            detail = _detail(current, lower, fine.own, coarse.spread, here)
            mixed[number][here] += detail * fine.shares[index][here]
            current = lower
        if top is None:
            here = _coarser(places[index], len(levels) - 1)
            last = levels[-1]
            smooth = current if last.own is None else current * last.own[here]
            mixed[-1][here] += smooth * last.shares[index][here]
    whole = mixed[-1] if top is None else top
    for detail, coarse in zip(reversed(mixed[:-1]), reversed(levels)):
        whole = coarse.lifted(whole)
        whole += detail
    return whole


def _detail(
    plane: Array, lower: Array, own: Array | None, spread: Array | None, here: Place
) -> Array:
    """What a level of a plane holds beyond the coarser one."""
    smooth = doubled(lower)
    if spread is not None:
        smooth *= spread[here]
    return np.asarray((plane if own is None else plane * own[here]) - smooth)


def _places(differences: Planes, masks: Planes, levels: int) -> dict[int, Place]:
    """Return where each image matters: its pixels and two coarsest ones round them."""
    step = 1 << levels
    found = {}
    for index, mask in masks.items():
        used = (mask > 0) | (differences[index] != 0).any(0)
        area = Window(0, 0, mask.shape[1], mask.shape[0])
        box = box_of(used, area) if used.any() else Window(0, 0, 0, 0)
        found[index] = box.padded(2 * step).aligned(step, step).clipped(area).slices
    return found


def _coarser(place: Place, times: int) -> Place:
    """Return a part of an array in one whose sides were halved so many times."""
    rows, cols = (slice(side.start >> times, side.stop >> times) for side in place)
    return rows, cols


def _sum(arrays: Iterator[Array]) -> Array:
    total = next(arrays)
    for array in arrays:
        total += array
    return total
