# SPDX-License-Identifier: GPL-2.0-or-later
"""Overlap rules: what becomes of a pixel that several images see.

The idea of small classes that are fed one image after the other and say when they have enough is
rio-tiler's (cogeotiff/rio-tiler, mosaic methods).
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..image import Array, Mask, Pixels, calculation_type, settled, uniform

Place = tuple[slice, slice]
"""(rows, columns) of a part in the window."""


class Rule(Protocol):
    """Takes the images of a window one by one, then gives the pixels."""

    @property
    def enough(self) -> bool:
        """True when no further image can change the result."""

    def feed(self, place: Place, pixels: Pixels) -> None:
        """Take an image's pixels that fill a part of the window."""

    def result(self) -> Pixels:
        """Return the pixels of the window."""


class First:
    """The first valid image; images are fed in the order of priority.

    When `tracked`, `sources` holds the number that came with the image of each pixel, else 0.
    """

    def __init__(
        self,
        bands: int,
        shape: tuple[int, int],
        dtype: np.dtype[Any],
        tracked: bool = False,
    ) -> None:
        self._values = np.zeros((bands, *shape), dtype)
        self._valid = np.zeros(shape, bool)
        self.sources: Array | None = np.zeros(shape, np.int32) if tracked else None

    @property
    def enough(self) -> bool:
        """True when every pixel is valid."""
        return bool(self._valid.all())

    def lacks(self, wanted: Mask) -> bool:
        """Return True when a wanted pixel is not valid yet."""
        return bool((wanted & ~self._valid).any())

    def full(self, place: Place) -> bool:
        """Return True when every pixel of a part is valid."""
        return bool(self._valid[place].all())

    def feed(self, place: Place, pixels: Pixels, number: int = 0) -> None:
        """Paint where nothing is yet."""
        new = pixels.valid & ~self._valid[place]
        rows, cols = np.flatnonzero(new.any(1)), np.flatnonzero(new.any(0))
        if not len(rows):
            return
        # what is new is mostly a rectangle, which is copied faster than marked pixels
        box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        new, values = new[box], pixels.values[:, box[0], box[1]]
        target = self._values[:, place[0], place[1]][:, box[0], box[1]]
        if new.all():
            target[...] = values
        else:
            np.copyto(target, values, where=new, casting="unsafe")
        if self.sources is not None:
            self.sources[place][box][new] = number
        self._valid[place][box] |= new

    def result(self) -> Pixels:
        """Return what was painted."""
        return Pixels(self._values, self._valid)


class _Folded:
    """Folds the values of all valid images, band by band."""

    def __init__(self, bands: int, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._count = np.zeros(shape, np.uint16)
        self._values = np.zeros((bands, *shape), self._working(dtype))

    enough = False

    def _working(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return dtype

    def _fold(self, target: Array, values: Array, valid: Mask, seen: Mask) -> None:
        raise NotImplementedError

    def feed(self, place: Place, pixels: Pixels) -> None:
        """Fold an image in."""
        count = self._count[place]
        self._fold(self._values[:, place[0], place[1]], pixels.values, pixels.valid, count > 0)
        count += pixels.valid

    def result(self) -> Pixels:
        """Return the folded values."""
        return Pixels(self._values.astype(self._dtype, copy=False), self._count > 0)


class Minimum(_Folded):
    """The smallest value of each band."""

    def _fold(self, target: Array, values: Array, valid: Mask, seen: Mask) -> None:
        np.copyto(target, np.minimum(target, values), where=valid & seen)
        np.copyto(target, values, where=valid & ~seen)


class Maximum(_Folded):
    """The largest value of each band."""

    def _fold(self, target: Array, values: Array, valid: Mask, seen: Mask) -> None:
        np.copyto(target, np.maximum(target, values), where=valid & seen)
        np.copyto(target, values, where=valid & ~seen)


class Mean(_Folded):
    """The mean of each band, summed in float64."""

    def _working(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return np.dtype(np.float64)

    def _fold(self, target: Array, values: Array, valid: Mask, seen: Mask) -> None:
        np.add(target, values, out=target, where=valid)

    def result(self) -> Pixels:
        """Return the rounded means."""
        mean = self._values / np.maximum(self._count, 1)
        return Pixels(settled(mean, self._dtype, None), self._count > 0)


class Count(_Folded):
    """The number of valid images; 0 is data."""

    def _working(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return np.dtype(np.uint16)

    def _fold(self, target: Array, values: Array, valid: Mask, seen: Mask) -> None:
        target += valid

    def result(self) -> Pixels:
        """Return the counts, valid everywhere."""
        return Pixels(self._values, np.broadcast_to(np.True_, self._count.shape))


class Median:
    """The median of each band; of an even number the mean of the middle two.

    Holds every image, so that windows must be small where images are many.
    """

    enough = False

    def __init__(self, bands: int, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._shape = (bands, *shape)
        self._count = np.zeros(shape, np.intp)
        self._held: list[Array] = []

    def feed(self, place: Place, pixels: Pixels) -> None:
        """Keep an image; what is not valid lies above everything."""
        values = np.full(self._shape, np.inf, calculation_type(self._dtype))
        target = values[:, place[0], place[1]]
        np.copyto(target, pixels.values, where=pixels.valid, casting="unsafe")
        self._held.append(values)
        self._count[place] += pixels.valid

    def result(self) -> Pixels:
        """Return the rounded medians."""
        valid = self._count > 0
        if not self._held:
            return Pixels(np.zeros(self._shape, self._dtype), valid)
        stack = np.sort(np.stack(self._held), axis=0)
        last = np.maximum(self._count - 1, 0)
        low, high = (self._at(stack, rank) for rank in (last // 2, self._count // 2))
        # halves first: the sum of two large numbers may overflow
        middle = np.where(low == high, low, low * 0.5 + high * 0.5)
        return Pixels(settled(np.where(valid, middle, 0), self._dtype, None), valid)

    def _at(self, stack: Array, rank: Array) -> Array:
        """Values of one rank, in double precision."""
        at = np.minimum(rank, len(stack) - 1)[None, None]
        return np.asarray(np.take_along_axis(stack, at, axis=0)[0], np.float64)


RULES: dict[str, type[Any]] = {
    "first": First,
    "last": First,
    "minimum": Minimum,
    "maximum": Maximum,
    "mean": Mean,
    "median": Median,
    "count": Count,
    "feather": First,
    "multiband": First,
}
"""Rule by name; "last" is fed in reverse order, feather and multiband blend what first cuts."""

SEAM_RULES = ("first", "last", "feather", "multiband")
"""Rules that can follow seam cells."""


MIXING = ("mean", "median", "feather", "multiband")
"""Rules that compute values which no image has."""


def covers(pixels: Pixels) -> bool:
    """Return True for pixels known to be valid everywhere without looking."""
    return uniform(pixels.valid) is True
