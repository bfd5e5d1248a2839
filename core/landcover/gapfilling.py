# SPDX-License-Identifier: GPL-2.0-or-later
"""Series without gaps: every pixel interpolated in time between its clear dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import IncompatibleImages
from ..image import (
    Array,
    Details,
    Image,
    Mask,
    Pixels,
    View,
    calculation_type,
    constant,
    representable,
)
from ..windows import Window
from .carrying import LONGEST
from .interpolation import NO_GAP, Filler, Filling, Seen
from .parts import in_parts
from .series import UNSEEN, Layout, SensorBands, dates_without, layout, mask_dates, missing, there


@dataclass(frozen=True)
class _Timed(View):
    """A series with its masks and output dates."""

    masks: Image | None
    filling: Filling

    def __post_init__(self) -> None:
        """Raise IncompatibleImages where masks and series do not belong together."""
        if self.masks is None:
            return
        lacking = dates_without(self.parted.dates, mask_dates(self.masks))
        if lacking:
            raise IncompatibleImages(
                f"{self.masks.name} has no mask for {', '.join(lacking[:5])}"
                f"{f' and {len(lacking) - 5} more dates' if len(lacking) > 5 else ''} of "
                f"{self.source.name}."
            )
        grids = self.source.grid, self.masks.grid
        sizes = [(grid.width, grid.height) for grid in grids]
        if grids[0].offset(grids[1]) != (0, 0) or sizes[0] != sizes[1]:
            raise IncompatibleImages(
                f"{self.source.name} and {self.masks.name} lie on different grids. Give the mask "
                "series that was stacked together with the series."
            )

    @cached_property
    def parted(self) -> Layout:
        """Where sensors, dates and bands stand in the series."""
        return layout(self.source)

    @cached_property
    def _mask_rows(self) -> dict[str, int]:
        dates = mask_dates(self.masks) if self.masks is not None else ()
        return {date: row for row, date in enumerate(dates)}

    @property
    def _pixel_bytes(self) -> int:
        """Bytes of a pixel while a window is filled."""
        per_band = self.source.dtype.itemsize
        masks = 0 if self.masks is None else self.masks.bands
        return (self.source.bands + self.bands) * per_band + masks

    def _read(self, window: Window) -> tuple[Array, Array | None, Mask | None]:
        """Return values[band, pixel], masks[date, pixel], and where the series holds anything."""
        found = self.source.read(window)
        masks = None if self.masks is None else self.masks.read(window).values
        seen = there(self.source, found)
        return (
            found.values.reshape(self.source.bands, -1),
            None if masks is None else masks.reshape(len(masks), -1),
            None if seen.all() else seen.ravel(),
        )

    def _sensors(self, values: Array, masks: Array | None, shown: Mask | None) -> Iterator[Seen]:
        for sensor in self.parted.sensors:
            rows = sensor.rows
            found = values[rows.min() : rows.max() + 1]
            if not np.array_equal(rows.ravel(), np.arange(rows.min(), rows.max() + 1)):
                found = values[rows.ravel()]
            flags = None
            if masks is not None:
                flags = masks[[self._mask_rows[date] for date in sensor.dates]]
            shape = (len(sensor.dates), len(sensor.bands), values.shape[1])
            yield Seen(sensor, found.reshape(shape), flags, self.source.nodata, shown)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is only remembered."""
        kept = ("source", "masks", "filling")
        return {name: self.__dict__[name] for name in kept}


@dataclass(frozen=True)
class GapFilled(_Timed):
    """A series on other dates, without gaps; what has no clear date is nodata on all of them."""

    @property
    def nodata(self) -> float | None:
        """That of the series, else one that the type can hold."""
        if self.source.nodata is not None:
            return self.source.nodata
        return UNSEEN if representable(UNSEEN, self.dtype) is not None else 0.0

    @property
    def details(self) -> Details:
        """Nothing but nodata: bands are other ones."""
        return Details()

    @property
    def bands(self) -> int:
        """Bands of the sensors on each output date, then the undated ones."""
        dated = sum(len(sensor.bands) for sensor in self.parted.sensors)
        return dated * len(self.filling.dates) + len(self.parted.undated)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names with the output dates."""
        names = [n for one in self.parted.sensors for n in one.names(self.filling.dates)]
        return (*names, *(self.source.band_names[n - 1] for n in self.parted.undated))

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Fill a window; all its bands are computed, since they share the dates."""
        found = in_parts(window, self._pixel_bytes, lambda part: self._filled(part, rounded))
        return found if bands is None else found.with_values(found.values[[b - 1 for b in bands]])

    def _filled(self, window: Window, rounded: bool) -> Pixels:
        values, masks, shown = self._read(window)
        kind = self.dtype if rounded else calculation_type(self.dtype)
        out = np.empty((self.bands, window.pixels), kind)
        seen = np.zeros(window.pixels, bool)
        at = 0
        for one in self._sensors(values, masks, shown):
            until = at + len(one.sensor.bands) * len(self.filling.dates)
            shape = (len(self.filling.dates), len(one.sensor.bands), window.pixels)
            filler = Filler(one, self.filling, self.nodata)
            for part in one.parts():
                seen[part] |= filler.fill(part, out[at:until].reshape(shape)[..., part])
            at = until
        if self.parted.undated:
            out[at:] = values[np.array(self.parted.undated) - 1]
            gone = missing(out[at:], self.nodata)
            seen |= True if gone is None else ~gone.all(0)
        valid = constant(True, window.shape) if seen.all() else seen.reshape(window.shape)
        return Pixels(out.reshape(-1, *window.shape), valid)


@dataclass(frozen=True)
class Gaps(_Timed):
    """Days between the two dates used, for each sensor and output date; 65535 where none is.

    Before the first and after the last clear date: days to that date.
    """

    @property
    def dtype(self) -> np.dtype[Any]:
        """Short whole numbers."""
        return np.dtype(np.uint16)

    @property
    def nodata(self) -> float | None:
        """Where no date could be used."""
        return float(NO_GAP)

    @property
    def details(self) -> Details:
        """Nothing but nodata."""
        return Details()

    @property
    def bands(self) -> int:
        """One for each sensor and output date."""
        return len(self.parted.sensors) * len(self.filling.dates)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names with the word gap."""
        every = self.parted.sensors
        return tuple(n for one in every for n in _only_gap(one).names(self.filling.dates))

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Measure the gaps of a window."""
        found = in_parts(window, self._pixel_bytes, self._measured)
        return found if bands is None else found.with_values(found.values[[b - 1 for b in bands]])

    def _measured(self, window: Window) -> Pixels:
        values, masks, shown = self._read(window)
        rows = []
        for one in self._sensors(values, masks, shown):
            filler = Filler(one, self.filling, None)
            out = np.empty((len(self.filling.dates), window.pixels), np.uint16)
            for part in one.parts():
                filler.measure(part, out[:, part])
            rows.append(out)
        found = np.concatenate(rows).reshape(-1, *window.shape)
        return Pixels(found, np.asarray((found != NO_GAP).any(0)))


def _only_gap(sensor: SensorBands) -> SensorBands:
    return replace(sensor, bands=("gap",))


def refuse_long(dates: Sequence[int]) -> None:
    """Raise IncompatibleImages when days lie more than 179 years apart."""
    if dates and max(dates) - min(dates) > LONGEST:
        raise IncompatibleImages(
            f"The dates span {max(dates) - min(dates)} days; at most {LONGEST} can be filled."
        )
