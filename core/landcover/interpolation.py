# SPDX-License-Identifier: GPL-2.0-or-later
"""Values on output dates out of clear ones: lines, nearest dates and yearly curves in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..image import Array, Mask, beside, representable
from .carrying import Carried, Places, Span, carried, carried_days, selectors
from .dates import day
from .harmonics import curve, fitted, waves
from .series import SensorBands, missing

NO_GAP = 65535
"""Written where no date could be used."""

HELD = 12 << 20
"""Bytes of carried values held at once: about what a processor's cache holds."""


@dataclass(frozen=True)
class Filling:
    """The output dates and how pixels are interpolated on them.

    `max_gap` is the longest gap, days, that is filled; 0 fills all. `extrapolate` says what
    happens before the first and after the last clear date: "nearest" or "nodata".
    """

    dates: tuple[str, ...]
    method: str = "linear"
    harmonics: int = 2
    extrapolate: str = "nearest"
    max_gap: int = 0

    def usable(self, span: Span) -> Mask | None:
        """Return where an output day may be filled; None for everywhere."""
        found: Mask | None = None
        if self.extrapolate == "nodata":
            found = ~span.outside
        if self.max_gap:
            short = span.gap <= self.max_gap
            found = short if found is None else found & short
        return found


@dataclass(frozen=True)
class Seen:
    """Values[date, band, pixel] of a sensor in a window, flags[date, pixel] and nodata.

    `shown` says which pixels hold anything, None for all.
    """

    sensor: SensorBands
    values: Array
    flags: Array | None
    nodata: float | None
    shown: Mask | None

    def clear(self, part: slice) -> Mask:
        """Return clear[date, pixel] of some pixels."""
        values = self.values[..., part]
        shape = (len(values), values.shape[2])
        found = np.ones(shape, bool) if self.flags is None else self.flags[:, part] == 0
        if self.shown is not None:
            found &= self.shown[part]
        gone = missing(values, self.nodata)
        return found if gone is None else np.asarray(found & ~gone.any(1))

    def parts(self) -> Iterator[slice]:
        """Yield pixels few enough for the cache."""
        dates, bands, pixels = self.values.shape
        held = 2 * dates * bands * max(2, self.values.dtype.itemsize)
        step = max(256, HELD // held)
        return (slice(at, min(at + step, pixels)) for at in range(0, pixels, step))


@dataclass(frozen=True)
class Filler:
    """Fills the pixels of one sensor."""

    seen: Seen
    filling: Filling
    nodata: float | None

    @cached_property
    def _first(self) -> int:
        return min(*self.seen.sensor.days, *map(day, self.filling.dates))

    @cached_property
    def _dates(self) -> Array:
        return np.array(self.seen.sensor.days) - self._first

    @cached_property
    def _places(self) -> Places:
        return Places.of(self._dates, np.array([day(d) for d in self.filling.dates]) - self._first)

    def measure(self, part: slice, out: Array) -> None:
        """Write the gaps[output date, pixel] of some pixels."""
        clear = self.seen.clear(part)
        days = carried_days(self._dates, selectors(clear, 2))
        never = ~clear.any(0)
        for index in range(len(out)):
            span = self._places.span(index, days)
            usable = self.filling.usable(span)
            none = never if usable is None else never | ~usable
            out[index] = np.where(none, NO_GAP, span.gap)

    def fill(self, part: slice, out: Array) -> Mask:
        """Write out[output date, band, pixel] of some pixels; return which have a value."""
        values, clear = self.seen.values[..., part], self.seen.clear(part)
        select = selectors(clear, 2)
        days = carried_days(self._dates, select)
        size = values.dtype.itemsize
        # an axis for the bands, which share the dates
        rows = carried(values, (select if size == 2 else selectors(clear, size))[:, None])
        some = clear.any(0)
        smooth = self._curves(values, clear)
        seen = np.zeros(some.shape, bool)
        for index in range(len(out)):
            span = self._places.span(index, days)
            found = self._between(index, rows, span)
            if smooth is not None:
                smooth.put(index, found, span)
            usable = self.filling.usable(span)
            kept = some if usable is None else some & usable
            self._store(found, kept, out[index])
            seen |= kept
        return seen

    def _between(self, index: int, rows: Carried, span: Span) -> Array:
        """Return the interpolated values[band, pixel] of an output date as float64."""
        a = rows.before[self._places.before[index]]
        b = rows.after[self._places.after[index]]
        whole = np.subtract(b, a, dtype=np.float64)
        length = np.subtract(span.stop, span.start, dtype=np.float64)
        passed = span.day - span.start.astype(np.float64)
        if self.filling.method == "nearest":
            whole *= 2 * passed > length
        else:
            # the product is exact, so that halves are halves and round as they should
            passed[length <= 0] = 0
            np.maximum(length, 1, out=length)
            whole *= passed
            whole /= length
        whole += a
        return np.asarray(whole)

    def _store(self, found: Array, kept: Mask, out: Array) -> None:
        kind = out.dtype
        if kind.kind != "f":
            np.rint(found, out=found)
            if self.filling.method == "harmonic":
                limits = np.iinfo(kind)
                np.clip(found, limits.min, limits.max, out=found)
        marker = representable(self.nodata, kind)
        if marker is not None and not np.isnan(marker):
            clash = found == marker
            if clash.any():
                found[clash] = beside(marker, kind)
        with np.errstate(invalid="ignore"):
            out[...] = found
        if not kept.all():
            out[:, ~kept] = self.nodata if marker is None else marker

    def _curves(self, values: Array, clear: Mask) -> Curves | None:
        if self.filling.method != "harmonic":
            return None
        number = self.filling.harmonics
        enough = clear.sum(0) >= 2 * number + 2
        basis = waves(list(self._dates), number)
        chosen = np.flatnonzero(enough)
        found = fitted(values[..., chosen], clear[:, chosen], basis)
        return Curves(found, chosen, waves(self._places.days, number))


@dataclass(frozen=True)
class Curves:
    """Curves of those pixels that have enough clear dates."""

    coefficients: Array
    chosen: Array
    terms: Array

    def put(self, index: int, found: Array, span: Span) -> None:
        """Replace values[band, pixel] between the first and the last clear date by the curves."""
        values = curve(self.coefficients, self.terms[index])
        inside = ~span.outside[self.chosen]
        found[:, self.chosen[inside]] = values[:, inside]
