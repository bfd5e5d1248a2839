# SPDX-License-Identifier: GPL-2.0-or-later
"""Dated images of one grid seen as one series, their masks as a mask series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import (
    Array,
    Details,
    Image,
    Mask,
    Pixels,
    constant,
    read_padded,
    representable,
    settled,
)
from ..windows import Window
from .sensors import Rule
from .series import MASK, UNSEEN, SeriesName, missing

VALID, CLOUDED, ABSENT = 0, 1, 2
"""What a mask series holds."""


@dataclass(frozen=True)
class Flag:
    """A mask on the grid of the stack, or a part of it, and what its values mean."""

    image: Image
    rule: Rule

    def bad(self, window: Window, grid: Grid) -> Mask:
        """Return where the mask says that a pixel is bad; beyond the mask its value is 0."""
        values = _read(self.image, window, grid).values[0]
        kind = self.rule.kind
        if kind == "nonzero":
            hit = values != 0
        elif kind == "values":
            hit = np.isin(values, self.rule.values)
        else:
            bits = sum(1 << bit for bit in self.rule.values)
            hit = (values.astype(np.int64) & bits) != 0
        return np.asarray(hit)


@dataclass(frozen=True)
class Take:
    """One acquisition: images whose bands make it up, in order, and the masks about it."""

    images: tuple[Image, ...]
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True)
class Acquired:
    """What there is of a date: one take, or several of one day; the first clear one counts."""

    date: str
    takes: tuple[Take, ...]


@dataclass(frozen=True)
class Stacked:
    """A series: images of many dates on one grid; what is not there on a date is nodata."""

    name: str
    grid: Grid
    sensor: str
    titles: tuple[str, ...]
    acquired: tuple[Acquired, ...]
    dtype_name: str
    nodata: float | None

    @property
    def bands(self) -> int:
        """Bands of all dates."""
        return len(self.titles) * len(self.acquired)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that holds all images."""
        return np.dtype(self.dtype_name)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the series, one date after the other."""
        dates = (one.date for one in self.acquired)
        return tuple(SeriesName(self.sensor, b, date).text for date in dates for b in self.titles)

    @property
    def details(self) -> Details:
        """Nothing but nodata."""
        return Details(validity="all" if self.nodata is None else "nodata")

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read every image of the dates that are asked for; decimal numbers are never returned."""
        per_date = len(self.titles)
        wanted = range(1, self.bands + 1) if bands is None else bands
        needed = sorted({(band - 1) // per_date for band in wanted})
        values = np.empty((len(needed) * per_date, *window.shape), self.dtype)
        seen = np.zeros(window.shape, bool)
        for place, date in enumerate(needed):
            rows = slice(place * per_date, (place + 1) * per_date)
            seen |= self.date(date, window, values[rows])
        if bands is not None:
            at = {date: place * per_date for place, date in enumerate(needed)}
            order = [at[(band - 1) // per_date] + (band - 1) % per_date for band in bands]
            values = values[order]
        return Pixels(values, constant(True, window.shape) if seen.all() else seen)

    def date(self, index: int, window: Window, out: Array) -> Mask:
        """Write the bands[band, row, col] of a date; return where it is there."""
        takes = self.acquired[index].takes
        first = self._take(takes[0], window, out)
        if len(takes) == 1:
            return first
        found = first
        open_pixels = self._code(takes[0], window, first) != VALID
        for take in takes[1:]:
            if not open_pixels.any():
                break
            other = np.empty_like(out)
            seen = self._take(take, window, other)
            clear = self._code(take, window, seen) == VALID
            better = open_pixels & (clear | (seen & ~found))
            out[:, better] = other[:, better]
            found = found | seen
            open_pixels &= ~clear
        return found

    def dated(self, index: int, window: Window, out: Array) -> tuple[Mask, Array]:
        """Do the same, and return what the mask series says of the date too."""
        takes = self.acquired[index].takes
        if len(takes) > 1:
            return self.date(index, window, out), self.code(index, window)
        seen = self._take(takes[0], window, out)
        return seen, self._code(takes[0], window, seen)

    def code(self, index: int, window: Window) -> Array:
        """Return what the mask series says of a date; of several takes the best one counts."""
        found: Array | None = None
        for take in self.acquired[index].takes:
            values = np.empty((len(self.titles), *window.shape), self.dtype)
            code = self._code(take, window, self._take(take, window, values))
            found = code if found is None else np.minimum(found, code)
        return found if found is not None else np.zeros(window.shape, np.uint8)

    def _take(self, take: Take, window: Window, out: Array) -> Mask:
        """Write the bands of a take; return where all of them are there."""
        at, seen = 0, np.ones(window.shape, bool)
        for image in take.images:
            found = _read(image, window, self.grid)
            rows = slice(at, at + len(found.values))
            at = rows.stop
            out[rows] = (
                settled(found.values, self.dtype, None)
                if found.values.dtype != self.dtype
                else found.values
            )
            valid = found.valid
            if self.nodata is not None and not found.all_valid:
                out[rows, ~valid] = self.nodata
            seen &= valid
        gone = missing(out, self.nodata)
        return seen if gone is None else np.asarray(seen & ~gone.any(0))

    def _code(self, take: Take, window: Window, seen: Mask) -> Array:
        code = np.where(seen, np.uint8(VALID), np.uint8(ABSENT))
        for flag in take.flags:
            bad = flag.bad(window, self.grid)
            np.maximum(code, np.where(bad, np.uint8(flag.rule.code), np.uint8(0)), out=code)
        return code


class MaskBands:
    """What every mask series of a `source` declares: bytes of which all are valid."""

    source: Any

    @property
    def name(self) -> str:
        """Name of the images, with the word mask."""
        return f"{self.source.name}_{MASK}"

    @property
    def grid(self) -> Grid:
        """Grid of the images."""
        found: Grid = self.source.grid
        return found

    @property
    def details(self) -> Details:
        """All pixels are valid."""
        return Details(validity="all")

    @property
    def nodata(self) -> float | None:
        """None: 0 is what says that a pixel is valid."""
        return None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)


@dataclass(frozen=True)
class MaskSeries(MaskBands):
    """What is clear of a stack: one band for each date, 0 valid, 1 clouded, 2 not acquired."""

    source: Stacked

    @property
    def bands(self) -> int:
        """One for each date."""
        return len(self.source.acquired)

    @property
    def band_names(self) -> tuple[str, ...]:
        """mask_<date>."""
        return tuple(f"{MASK}_{one.date}" for one in self.source.acquired)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the masks of a window, and the images where their nodata counts."""
        wanted = range(1, self.bands + 1) if bands is None else bands
        codes = [self.source.code(band - 1, window) for band in wanted]
        return Pixels(np.stack(codes), constant(True, window.shape))


@dataclass(frozen=True)
class Joined:
    """Bands of images on one grid, one image after the other; nodata is that of the first one."""

    name: str
    images: tuple[Image, ...]
    target: Grid | None = None

    @property
    def grid(self) -> Grid:
        """The grid given, else that of the first image."""
        return self.images[0].grid if self.target is None else self.target

    @property
    def details(self) -> Details:
        """Nothing but nodata."""
        return Details()

    @property
    def bands(self) -> int:
        """Bands of all."""
        return sum(image.bands for image in self.images)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that holds all."""
        return np.dtype(np.result_type(*(image.dtype for image in self.images)))

    @property
    def nodata(self) -> float | None:
        """That of the first image that has one; else one where some pixels are not there."""
        declared = next((i.nodata for i in self.images if i.nodata is not None), None)
        if declared is not None or all(i.details.validity == "all" for i in self.images):
            return declared
        return UNSEEN if representable(UNSEEN, self.dtype) is not None else 0.0

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of all."""
        return tuple(name for image in self.images for name in image.band_names)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read all images of a window."""
        out = np.empty((self.bands, *window.shape), self.dtype)
        seen = np.zeros(window.shape, bool)
        at = 0
        for image in self.images:
            found = _read(image, window, self.grid)
            rows = slice(at, at + image.bands)
            at = rows.stop
            out[rows] = found.values
            gone = missing(found.values, image.nodata)
            if self.nodata is not None and gone is not None and image.nodata != self.nodata:
                out[rows][gone] = self.nodata
            if self.nodata is not None and not found.all_valid:
                out[rows, ~found.valid] = self.nodata
            seen |= found.valid
        out = out if bands is None else out[[band - 1 for band in bands]]
        return Pixels(out, constant(True, window.shape) if seen.all() else seen)


def spread_over(grid: Grid, image: Image) -> Joined:
    """Return an image whose pixels lie on those of a grid as one on all of it.

    Pixels that the image does not reach are not valid.
    """
    return Joined(image.name, (image,), grid)


def _read(image: Image, window: Window, grid: Grid) -> Pixels:
    """Read a window of the grid from an image that may cover a part of it."""
    place = image.grid.placed(grid)
    return read_padded(image, window.shifted(place.col, place.row))


def common_type(images: Sequence[Image], nodata: float | None) -> np.dtype[Any]:
    """Return Int16 if all images and nodata fit, else the smallest type that holds them."""
    kind = np.dtype(np.result_type(*(image.dtype for image in images)))
    if np.can_cast(kind, np.int16):
        kind = np.dtype(np.int16)
    if nodata is not None and representable(nodata, kind) is None:
        whole = float(nodata).is_integer()
        kind = np.dtype(np.result_type(kind, np.min_scalar_type(int(nodata)) if whole else "f4"))
    return np.dtype(np.float64) if kind.kind in "iu" and kind.itemsize > 4 else kind
