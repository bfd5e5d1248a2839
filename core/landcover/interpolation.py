# SPDX-License-Identifier: GPL-2.0-or-later
"""Values on output dates out of clear ones: lines, nearest dates and yearly curves in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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

EXACT = 1 << 24
"""Whole numbers up to here are exact in float32."""


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
        # memory that is used for one date after the other is not asked of the system again
        marker = representable(self.nodata, out.dtype)
        found = np.empty(values.shape[1:], self._kind(values, days, out.dtype))
        for index in range(len(out)):
            span = self._places.span(index, days)
            self._between(index, rows, span, found)
            if smooth is not None:
                smooth.put(index, found, span)
            usable = self.filling.usable(span)
            kept = some if usable is None else some & usable
            self._store(found, kept, out[index], marker)
            seen |= kept
        return seen

    def _kind(self, values: Array, days: Carried, stored: np.dtype[Any]) -> type[np.floating[Any]]:
        """Return the type to compute in: float32 where it gives the whole numbers of float64."""
        whole = values.dtype.kind in "iu" and stored.kind in "iu"
        if not whole or not values.size or self.filling.method == "harmonic":
            return np.float64
        largest = max(abs(int(values.min())), abs(int(values.max())))
        longest = int(np.subtract(days.after, days.before).max())
        # products below 2^24 are exact; 3 rounding errors of the largest value stay below the
        # distance of a fraction from a half, 1 / (2 longest), so that all round the same way
        return np.float32 if 6 * largest * longest < EXACT else np.float64

    def _between(self, index: int, rows: Carried, span: Span, out: Array) -> None:
        """Write the interpolated out[band, pixel] of an output date."""
        kind = out.dtype
        a = rows.before[self._places.before[index]]
        b = rows.after[self._places.after[index]]
        np.subtract(b, a, out=out, dtype=kind)
        length = np.subtract(span.stop, span.start, dtype=kind)
        passed = span.day - span.start.astype(kind)
        if self.filling.method == "nearest":
            out *= 2 * passed > length
        else:
            # the product is exact, so that halves are halves and round as they should
            passed[length <= 0] = 0
            np.maximum(length, 1, out=length)
            out *= passed
            out /= length
        out += a

    def _store(self, found: Array, kept: Mask, out: Array, marker: Any) -> None:
        kind = out.dtype
        if kind.kind != "f":
            np.rint(found, out=found)
            if self.filling.method == "harmonic":
                limits = np.iinfo(kind)
                np.clip(found, limits.min, limits.max, out=found)
            out[...] = found
            _move(out, marker)
        else:
            _move(found, marker, kind)
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


def _move(found: Array, marker: Any, kind: np.dtype[Any] | None = None) -> None:
    """Move values of a type, else of their own, that would look like nodata to the one beside."""
    if marker is None or np.isnan(marker):
        return
    clash = found == marker
    if clash.any():
        found[clash] = beside(marker, kind or found.dtype)


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
