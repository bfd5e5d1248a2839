# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact sums over the pixels of each image and over the pixels that two images share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from ..grid import Grid, hull
from ..image import Array, Image, Mask, Pixels
from ..windows import Window
from .cells import Cells, block_counts, blocks_of, cells_of, runs
from .kernels import COARSE, Lines, band_sums, cell_sums, coarse_means
from .selection import Selection, used_pixels

MOST_PARTNERS = 12
"""Where more images meet, each keeps the partners it shares most with."""

PROBE = 256


class Part(Protocol):
    """The pixels of an image in a window of the canvas."""

    @property
    def window(self) -> Window:
        """The window of the canvas."""

    @property
    def pixels(self) -> Pixels:
        """Its pixels."""


@dataclass(frozen=True)
class ImageSums:
    """Sums of an image's own pixels; `total` and `square` (one per band) are about the center."""

    valid: int
    used: int
    total: tuple[Any, ...]
    square: tuple[Any, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    border: int = 0
    black_border: int = 0

    def plus(self, other: ImageSums) -> ImageSums:
        """Return the sums of both."""
        return ImageSums(
            self.valid + other.valid,
            self.used + other.used,
            _added(self.total, other.total),
            _added(self.square, other.square),
            tuple(map(min, self.low, other.low)),
            tuple(map(max, self.high, other.high)),
            self.border + other.border,
            self.black_border + other.black_border,
        )


class OwnSums:
    """Collects the sums of each image over its own pixels, whatever its grid."""

    def __init__(self, images: Sequence[Image], center: Array, selection: Selection | None) -> None:
        self._images, self._center, self._selection = tuple(images), center, selection
        self.images = [_no_sums(0, len(center))] * len(images)

    def feed(self, index: int, window: Window, pixels: Pixels) -> tuple[int, ImageSums]:
        """Return the sums of a window on the image's own grid."""
        limits = self._selection
        mask = limits.used(index, window, pixels) if limits else used_pixels(pixels)
        valid = window.pixels if pixels.all_valid else int(np.count_nonzero(pixels.valid))
        used = window.pixels if mask is None else int(np.count_nonzero(mask))
        border = _border(self._images[index], window, pixels)
        if used == 0:
            return index, _no_sums(valid, len(self._center), border)
        sums = [band_sums(band, mask, shift) for band, shift in zip(pixels.values, self._center)]
        total, square, low, high = zip(*sums)
        return index, ImageSums(valid, used, total, square, low, high, *border)

    def merge(self, partial: tuple[int, ImageSums]) -> None:
        """Add the sums of a window."""
        index, sums = partial
        self.images[index] = self.images[index].plus(sums)


@dataclass
class PairSums:
    """Sums over the pixels used in both images of a pair, per cell of the canvas.

    `fine[0]` counts pixels; then come, per band, Σx and Σx² of the first image, Σx and Σx² of the
    second. `coarse` is the same over means of 4 × 4 pixels. `product` is Σx·y per band.
    """

    cells: Window
    fine: Array
    product: Array
    coarse: Array | None = None


PairPart = tuple[tuple[int, int], PairSums]


@dataclass
class JointSums:
    """Collects the sums of every pair of images over the pixels that both can use.

    Sums are kept per cell of the `blocks`: about a hundred for each image when none are given.
    """

    canvas: Grid
    grids: tuple[Grid, ...]
    exact: bool
    center: Array
    selection: Selection | None = None
    blocks: Grid | None = None
    cells: Cells = field(init=False)
    pairs: dict[tuple[int, int], PairSums] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Lay out the cells."""
        self._boxes = [canvas_box(self.canvas, grid) for grid in self.grids]
        counts = block_counts(self.canvas.window, self._boxes)
        self.cells = cells_of(self.canvas, self.blocks or blocks_of(self.canvas, *counts))
        self._direct = [self.canvas.matches(grid) for grid in self.grids]

    def feed(self, window: Window, parts: Mapping[int, Part]) -> tuple[PairPart, ...]:
        """Return the sums of a canvas window, for every pair of the images in it."""
        masks = {index: self._used(index, part) for index, part in parts.items()}
        found = (self._pair(pair, parts, masks) for pair in self._pairs(sorted(parts)))
        return tuple(part for part in found if part is not None)

    def merge(self, partial: tuple[PairPart, ...]) -> None:
        """Add the sums of a canvas window."""
        for pair, sums in partial:
            if pair not in self.pairs:
                self.pairs[pair] = self._empty(pair, sums)
            _add(self.pairs[pair], sums)

    def _used(self, index: int, part: Part) -> Mask | None:
        if self.selection:
            return self.selection.used(index, part.window, part.pixels)
        return used_pixels(part.pixels)

    def _pairs(self, indices: list[int]) -> Iterator[tuple[int, int]]:
        if len(indices) <= MOST_PARTNERS + 1:
            yield from combinations(indices, 2)
            return
        kept = {index: set(self._partners(index, indices)) for index in indices}
        for first, second in combinations(indices, 2):
            if first in kept[second] or second in kept[first]:
                yield first, second

    def _partners(self, index: int, others: list[int]) -> list[int]:
        def shared(other: int) -> tuple[int, Window]:
            box = self._boxes[other]
            return -self._boxes[index].clipped(box).pixels, box

        return sorted((other for other in others if other != index), key=shared)[:MOST_PARTNERS]

    def _pair(
        self,
        pair: tuple[int, int],
        parts: Mapping[int, Part],
        masks: Mapping[int, Mask | None],
    ) -> PairPart | None:
        first, second = (parts[index] for index in pair)
        common = first.window.clipped(second.window)
        mask = _both(masks[pair[0]], masks[pair[1]], first.window, second.window)
        if common.empty or (mask is not None and not mask.any()):
            return None
        values = [_within(part, common) for part in (first, second)]
        mask = None if mask is None or mask.all() else mask
        coarse = None
        fine, product = cell_sums(values, mask, self._lines(common, 1), self.center)
        if not self.grids[pair[0]].matches(self.grids[pair[1]]):
            means, enough = coarse_means(values, mask, common, self.center)
            coarse, _ = cell_sums(means, enough, self._lines(common, COARSE), 0 * self.center)
        return pair, PairSums(self.cells.touched(common), fine, product, coarse)

    def _lines(self, common: Window, step: int) -> Lines:
        """How the rows and columns of a window (in steps of some pixels) fall into its cells."""
        touched = self.cells.touched(common)
        rows = np.arange(common.row // step * step, common.bottom, step)
        cols = np.arange(common.col // step * step, common.right, step)
        row_cells, row_starts = runs(self.cells.rows, np.maximum(rows, common.row))
        col_cells, col_starts = runs(self.cells.cols, np.maximum(cols, common.col))
        places = np.ix_(row_cells - touched.row, col_cells - touched.col)
        return Lines(touched.shape, places, row_starts, col_starts)

    def _empty(self, pair: tuple[int, int], like: PairSums) -> PairSums:
        """Room for the whole overlap of a pair."""
        # resampled images may reach a pixel or two beyond the box of their corners
        boxes = [self._boxes[index].padded(2 * COARSE) for index in pair]
        overlap = boxes[0].clipped(boxes[1]).clipped(self.canvas.window)
        touched = hull(self.cells.touched(overlap), like.cells)
        whole = self.exact and all(self._direct[index] for index in pair)
        shape = (len(like.fine), *touched.shape)
        dtype = np.int64 if whole else np.float64
        coarse = None if like.coarse is None else np.zeros(shape)
        product = np.zeros(like.product.shape, dtype)
        return PairSums(touched, np.zeros(shape, dtype), product, coarse)


def used_in(selection: Selection | None, index: int, window: Window, pixels: Pixels) -> Mask | None:
    """Return the pixels of image number `index` that statistics use, None for all."""
    return selection.used(index, window, pixels) if selection else used_pixels(pixels)


def canvas_box(canvas: Grid, grid: Grid) -> Window:
    """Return the window of the canvas that holds an image's box."""
    box = canvas.placed(grid) if canvas.matches(grid) else canvas.window_of(grid.bounds)
    return box.clipped(canvas.window)


def summed_exactly(images: Sequence[Image]) -> bool:
    """Return True when all values are whole numbers of at most 16 bits: sums need no center."""
    return all(image.dtype.kind in "iu" and image.dtype.itemsize <= 2 for image in images)


def fixed_center(images: Sequence[Image]) -> Array:
    """Return the value per band about which decimal numbers are summed; 0 for exact sums.

    It is the mean of the middle of the first image by name that has valid pixels there.
    """
    nothing = np.zeros(images[0].bands)
    if summed_exactly(images):
        return nothing
    for image in sorted(images, key=lambda image: image.name):
        area = image.grid.window
        col, row = (area.width - PROBE) // 2, (area.height - PROBE) // 2
        pixels = image.read(Window(col, row, PROBE, PROBE).clipped(area))
        mask = used_pixels(pixels)
        values = pixels.values.reshape(image.bands, -1).astype(np.float64)
        values = values if mask is None else values[:, mask.ravel()]
        if values.size:
            return np.asarray(values.mean(1))
    return nothing


def _both(a: Mask | None, b: Mask | None, at_a: Window, at_b: Window) -> Mask | None:
    common = at_a.clipped(at_b)
    first = None if a is None else a[common.within(at_a)]
    second = None if b is None else b[common.within(at_b)]
    if first is None or second is None:
        return second if first is None else first
    return first & second


def _within(part: Part, common: Window) -> Array:
    rows, cols = common.within(part.window)
    return part.pixels.values[:, rows, cols]


def _add(whole: PairSums, part: PairSums) -> None:
    place = (slice(None), *part.cells.within(whole.cells))
    whole.fine[place] += part.fine.astype(whole.fine.dtype)
    whole.product += part.product.astype(whole.product.dtype)
    if whole.coarse is not None and part.coarse is not None:
        whole.coarse[place] += part.coarse


def _border(image: Image, window: Window, pixels: Pixels) -> tuple[int, int]:
    """Pixels on the rim of an image that declares no nodata, and how many of them are 0."""
    if image.details.validity != "all" or image.nodata is not None:
        return 0, 0
    area = image.grid.window
    values = pixels.values
    rims = [
        values[:, 0] if window.row == 0 else None,
        values[:, -1] if window.bottom == area.height else None,
        values[:, :, 0] if window.col == 0 else None,
        values[:, :, -1] if window.right == area.width else None,
    ]
    found = [rim for rim in rims if rim is not None]
    return (
        sum(rim.shape[1] for rim in found),
        sum(int(np.count_nonzero(~rim.any(0))) for rim in found),
    )


def _added(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one + other for one, other in zip(a, b))


def _no_sums(valid: int, bands: int, border: tuple[int, int] = (0, 0)) -> ImageSums:
    zeros = (0,) * bands
    return ImageSums(valid, 0, zeros, zeros, (np.inf,) * bands, (-np.inf,) * bands, *border)
