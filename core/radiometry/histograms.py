# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact histograms of images, counted in one pass whatever the range of their values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Image, Mask, Pixels, read_padded
from ..windows import Window
from .kernels import band_sums
from .selection import Selection, used_pixels
from .statistics import ImageSums, OwnSums

BINS = 1 << 17
"""Most bins. Their width is a power of two, so that at least half of them lie between the smallest
and the largest value, and histograms of parts of an image add up exactly."""

DIGITS = 45
"""Binary digits that tell a bin from its neighbor."""

SMALLEST = -900
"""Power of two of the narrowest bins."""


@dataclass(frozen=True)
class Histogram:
    """Counts of values in bins of width 2 ** power; bin 0 of `counts` is number `first`.

    A bin of a decimal type begins at its number times its width. Bins of whole numbers are moved
    by a half, so that with power 0 each lies around its own number.
    """

    power: int
    first: int
    counts: Array
    low: float
    high: float
    whole: bool

    @property
    def total(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    @property
    def width(self) -> float:
        """Width of a bin."""
        return math.ldexp(1.0, self.power)

    @property
    def edges(self) -> Array:
        """Edges of the bins, one more than there are counts."""
        numbers = np.arange(self.first, self.first + len(self.counts) + 1, dtype=np.float64)
        return np.asarray(numbers * self.width - 0.5 * self.whole)

    @property
    def middles(self) -> Array:
        """Values that stand for the bins."""
        return np.asarray(self.edges[:-1] + 0.5 * self.width)

    @property
    def mean(self) -> float:
        """Mean, as far as the bins tell."""
        return float((self.counts * self.middles).sum() / self.total)

    def plus(self, other: Histogram) -> Histogram:
        """Return the histogram of both; it does not depend on the order."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        power = _power(low, high, self.whole)
        parts = [one.coarser(power) for one in (self, other)]
        first = min(one.first for one in parts)
        counts = np.zeros(max(o.first + len(o.counts) for o in parts) - first, np.int64)
        for one in parts:
            counts[one.first - first :][: len(one.counts)] += one.counts
        return Histogram(power, first, counts, low, high, self.whole)

    def coarser(self, power: int) -> Histogram:
        """Return the same counts in wider bins."""
        steps = power - self.power
        if steps == 0:
            return self
        numbers = (self.first + np.arange(len(self.counts))) >> min(steps, 62)
        counts = np.bincount(numbers - numbers[0], self.counts).astype(np.int64)
        return Histogram(power, int(numbers[0]), counts, self.low, self.high, self.whole)

    def quantiles(self, shares: Array) -> Array:
        """Return the values below which shares (0-1) of all lie, on straight lines inside bins.

        Where a share falls between two bins with a gap, the middle of the gap is taken. Bins of
        decimal numbers are narrow and stand for their middle: values that come from whole numbers
        all lie in few of them, where a line would pretend to a steep curve.
        """
        filled = np.flatnonzero(self.counts)
        edges, after = self.edges, np.cumsum(self.counts[filled])
        wanted = np.asarray(shares, np.float64) * after[-1]
        at = np.minimum(np.searchsorted(after, wanted), len(filled) - 1)
        counts = self.counts[filled[at]]
        part = np.clip((wanted - (after[at] - counts)) / counts, 0.0, 1.0)
        found = edges[filled[at]] + (part if self.whole else 0.5) * self.width
        following = np.minimum(at + 1, len(filled) - 1)
        gap = (part == 1.0) & (following > at)
        ends = edges[filled[at] + 1], edges[filled[following]]
        found = np.where(gap, 0.5 * (ends[0] + ends[1]), found)
        low, high = self.low - 0.5 * self.whole, self.high + 0.5 * self.whole
        found = np.where(wanted > 0, np.where(wanted < after[-1], found, high), low)
        return np.asarray(np.clip(found, low, high))

    def below(self, values: Array) -> Array:
        """Return how many of all lie below each of some values."""
        reached = np.concatenate([[0], np.cumsum(self.counts)])
        return np.asarray(np.interp(values, self.edges, reached))

    def between(self, low: float, high: float) -> Histogram | None:
        """Return the bins whose middle lies from low to below high; None when they are empty."""
        start, stop = np.searchsorted(self.middles, (low, high))
        counts = self.counts[start:stop]
        filled = np.flatnonzero(counts)
        if not len(filled):
            return None
        counts = counts[filled[0] : filled[-1] + 1]
        first = self.first + int(start + filled[0])
        ends = first * self.width, (first + len(counts)) * self.width - self.whole
        low, high = max(self.low, ends[0]), min(self.high, ends[1])
        return Histogram(self.power, first, counts, low, high, self.whole)


def histogram_of(values: Array, low: float, high: float) -> Histogram:
    """Count values, at least one, whose smallest and largest are known."""
    whole = values.dtype.kind in "iu"
    power = _power(low, high, whole)
    if whole and power == 0:
        first = int(low)
        numbers = values.astype(np.int64) - first
    else:
        scaled = np.floor(np.ldexp(values.astype(np.float64), -power))
        first = int(np.floor(math.ldexp(low, -power)))
        numbers = scaled.astype(np.int64) - first
    counts = np.bincount(numbers)
    return Histogram(power, first, counts, low, high, whole)


def _power(low: float, high: float, whole: bool) -> int:
    """The narrowest width, as a power of two, at which the bins suffice."""
    largest = max(abs(low), abs(high))
    digits = math.frexp(largest)[1] - DIGITS if largest else SMALLEST
    least = 0 if whole else max(SMALLEST, digits)
    power = max(least, math.frexp(high - low)[1] - BINS.bit_length() + 1) if high > low else least
    while math.floor(math.ldexp(high, -power)) - math.floor(math.ldexp(low, -power)) >= BINS:
        power += 1
    return power


@dataclass(frozen=True)
class Partner:
    """Another image seen on the grid of the one that is counted, and where; and its selection."""

    seen: Image
    place: Window
    selection: Selection | None

    def read(self, window: Window) -> tuple[Pixels, Mask | None]:
        """Return the pixels of a window and which of them are used, None for all."""
        local = window.shifted(-self.place.col, -self.place.row)
        pixels = read_padded(self.seen, local)
        if self.selection:
            return pixels, self.selection.used(0, window, pixels)
        return pixels, used_pixels(pixels)


Side = tuple[ImageSums, tuple[Histogram, ...]]


class Distributions:
    """Collects sums and histograms of the used pixels of one image (an OwnCollector).

    `own` are the sums of the image; `sides` holds its sums and histograms. With a partner these
    are of the pixels used in both, and the partner's follow.
    """

    def __init__(
        self,
        image: Image,
        centers: tuple[Array, ...],
        selection: Selection | None,
        partner: Partner | None = None,
    ) -> None:
        self.own = OwnSums([image], centers[0], selection)
        self.sides: tuple[Side, ...] = ()
        self._centers, self._selection, self._partner = centers, selection, partner

    def feed(self, index: int, window: Window, pixels: Pixels) -> tuple[Any, tuple[Side, ...]]:
        """Return the sums of a window, and what `sides` holds unless no pixel is used."""
        own = self.own.feed(index, window, pixels)
        if not own[1].used:
            return own, ()
        limits = self._selection
        mask = limits.used(index, window, pixels) if limits else used_pixels(pixels)
        if self._partner is None:
            return own, ((own[1], _histograms(pixels.values, mask, own[1])),)
        other, theirs = self._partner.read(window)
        mask = theirs if mask is None else mask if theirs is None else mask & theirs
        if mask is not None and not mask.any():
            return own, ()
        values = (pixels.values, other.values)
        return own, tuple(_side(one, mask, at) for one, at in zip(values, self._centers))

    def merge(self, partial: tuple[Any, tuple[Side, ...]]) -> None:
        """Add what a window gave."""
        own, sides = partial
        self.own.merge(own)
        if not self.sides or not sides:
            self.sides = self.sides or sides
            return
        self.sides = tuple(
            (a.plus(b), tuple(one.plus(other) for one, other in zip(mine, theirs)))
            for (a, mine), (b, theirs) in zip(self.sides, sides)
        )


def _side(values: Array, mask: Mask | None, center: Array) -> Side:
    count = values[0].size if mask is None else int(np.count_nonzero(mask))
    found = [band_sums(band, mask, shift) for band, shift in zip(values, center)]
    total, square, low, high = zip(*found)
    sums = ImageSums(count, count, total, square, low, high)
    return sums, _histograms(values, mask, sums)


def _histograms(values: Array, mask: Mask | None, sums: ImageSums) -> tuple[Histogram, ...]:
    return tuple(
        histogram_of(band.ravel() if mask is None else band[mask], low, high)
        for band, low, high in zip(values, sums.low, sums.high)
    )
