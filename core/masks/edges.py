# SPDX-License-Identifier: GPL-2.0-or-later
"""Images without the rim round what is not valid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..alike import band_count, file_name
from ..errors import InvalidOption
from ..image import Array, Details, Image, Mask, Pixels, View, constant, representable
from ..windows import Window, tiling
from .spared import Spared
from .usable import usable

NEAR = 1e-6
"""Relative difference from nodata at which a decimal number still means nodata."""

PIECE = 32 << 20
"""Bytes of pixels in which the surroundings of a window are read at once."""


@dataclass(frozen=True)
class Rim:
    """How far a rim reaches, px, and what counts as not valid besides what the image declares.

    `band` is the one that is looked at, 0 for all; its values up to `below` and from `above` are
    not valid. `outside`: what lies beyond the image is not valid.
    """

    depth: int = 8
    band: int = 1
    below: float | None = None
    above: float | None = None
    outside: bool = False

    @property
    def idle(self) -> bool:
        """True when nothing is cut."""
        return self.depth == 0 and self.below is None and self.above is None


@dataclass(frozen=True)
class Detection:
    """Finds the pixels round which a rim is cut; `nodata_values` are those of the bands."""

    rim: Rim
    nodata_values: tuple[float | None, ...]

    def found(self, pixels: Pixels) -> Mask:
        """Return which pixels are not valid: declared, or in the band that is looked at."""
        invalid = ~pixels.valid
        chosen = slice(None) if self.rim.band == 0 else slice(self.rim.band - 1, self.rim.band)
        for values, nodata in zip(pixels.values[chosen], self.nodata_values[chosen]):
            for here in self._invalid(values, nodata):
                invalid |= here
        return invalid

    def _invalid(self, values: Array, nodata: float | None) -> Iterator[Mask]:
        marker = representable(nodata, values.dtype)
        if marker is not None:
            yield _close(values, marker)
        if values.dtype.kind == "f":
            yield np.isnan(values)
        if self.rim.below is not None:
            yield values <= self.rim.below
        if self.rim.above is not None:
            yield values >= self.rim.above


@dataclass(frozen=True)
class Eroded(View):
    """The image below without the pixels at most `depth` px, along rows and columns, from a rim.

    Regions that are `spared` have no rim. Looks `depth` px beyond a window.
    """

    detection: Detection
    spared: Spared | None = None

    @property
    def details(self) -> Details:
        """Those of the image below, with some pixels not valid."""
        below = self.source.details
        return replace(below, validity="mask") if below.validity == "all" else below

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below and drop the rim."""
        outer = window.padded(self.detection.rim.depth)
        inside = outer.clipped(self.source.grid.window)
        if inside.pixels * self.source.bands * self.source.dtype.itemsize > PIECE:
            found = self.source.read(window, bands, rounded)
            return _without(found, self._rim_in_strips(outer))
        around = self.source.read(inside, None, rounded)
        rim = self._rim(outer, self._seeds(outer, inside, around))
        if around.clipped or around.moved:  # counted in the surroundings too
            return _without(self.source.read(window, bands, rounded), rim)
        found = around.cropped(*window.within(inside))
        found = found if bands is None else found.with_values(found.values[[b - 1 for b in bands]])
        return _without(found, rim)

    def _seeds(self, outer: Window, inside: Window, around: Pixels) -> Mask | None:
        """Where the rim begins in a window and its surroundings; None where it does nowhere."""
        found = self.detection.found(around)
        if self.spared is not None:
            found &= ~self.spared.within(inside)
        beyond = self.detection.rim.outside and inside != outer
        if not beyond and not found.any():
            return None
        seeds = np.full(outer.shape, beyond)
        seeds[inside.within(outer)] = found
        return seeds

    def _rim(self, outer: Window, seeds: Mask | None) -> Mask | None:
        if seeds is None:
            return None
        depth = self.detection.rim.depth
        return spread(spread(seeds, depth, 1), depth, 0)

    def _rim_in_strips(self, outer: Window) -> Mask | None:
        """The rim where the surroundings are too large for one read."""
        rim, frame = self.detection.rim, self.source.grid.window
        height = max(1, PIECE // (outer.width * self.source.bands * self.source.dtype.itemsize))
        width = outer.width - 2 * rim.depth
        rows = []
        for strip in tiling(outer, outer.width, height):
            inside, seeds = strip.clipped(frame), None
            if not inside.empty:
                seeds = self._seeds(strip, inside, self.source.read(inside))
            elif rim.outside:
                seeds = np.ones(strip.shape, bool)
            nothing = constant(False, (strip.height, width))
            rows.append(nothing if seeds is None else spread(seeds, rim.depth, 1))
        return spread(np.concatenate(rows), rim.depth, 0)


def eroded(image: Image, rim: Rim, spared: Spared | None = None, name: str = "BAND") -> Image:
    """Return the image without its rim, as a view; itself when nothing is cut.

    Raises InvalidOption, naming the option, when the image lacks the band that is looked at.
    """
    found = detection(image, rim, name)
    return image if rim.idle else Eroded(image, found, spared)


def detection(image: Image, rim: Rim, name: str = "BAND") -> Detection:
    """Return what finds where the rim of an image begins.

    Raises InvalidOption, naming the option, when the image lacks the band that is looked at.
    """
    if rim.band > image.bands:
        raise InvalidOption(f"{name} is {rim.band} but {file_name(image)} has {band_count(image)}.")
    return Detection(rim, getattr(image, "nodata_values", (image.nodata,) * image.bands))


def spread(mask: Mask, reach: int, axis: int) -> Mask:
    """Return where a mask is set at most `reach` px away along an axis, which it shortens.

    The result lacks `reach` px at both ends of the axis.
    """
    span, wanted = 1, 2 * reach + 1
    found = np.moveaxis(mask, axis, 0)
    while span < wanted:
        step = min(span, wanted - span)
        found = found[: len(found) - step] | found[step:]
        span += step
    return np.asarray(np.moveaxis(found, 0, axis))


class Trimmed:
    """Counts the pixels that became invalid, while the view is written (an OwnCollector).

    With `bands`, pixels of the image below are valid where these bands are.
    """

    def __init__(self, source: Image, bands: Sequence[int] = ()) -> None:
        self._source, self._bands = source, tuple(bands)
        self.found = 0

    def feed(self, index: int, window: Window, pixels: Pixels) -> int:
        """Return how many pixels of a window are valid below and not in the view."""
        if pixels.all_valid:
            return 0
        if getattr(self._source, "always_valid", False):
            return int(np.count_nonzero(~pixels.valid))
        below = self._source.read(window)
        valid = usable(self._source, below, self._bands) if self._bands else below.valid
        return int(np.count_nonzero(valid & ~pixels.valid))

    def merge(self, partial: int) -> None:
        """Add the pixels of a window."""
        self.found += partial


def _without(found: Pixels, rim: Mask | None) -> Pixels:
    return found if rim is None else replace(found, valid=found.valid & ~rim)


def _close(values: Array, marker: Any) -> Mask:
    """Where values are nodata; decimal numbers may differ in the last digits."""
    if values.dtype.kind != "f" or not np.isfinite(marker):
        return np.asarray(values == marker)
    room, limit = abs(float(marker)) * NEAR, float(np.finfo(values.dtype).max)
    low, high = (min(max(float(marker) + side, -limit), limit) for side in (-room, room))
    return np.asarray((values >= low) & (values <= high))
