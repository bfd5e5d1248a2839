# SPDX-License-Identifier: GPL-2.0-or-later
"""Time series: images whose bands are named <sensor>_<band>_<YYYYMMDD>."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import IncompatibleImages
from ..image import Array, Image, Mask, Pixels, representable
from .dates import day

MASK = "mask"
UNDATED = "userfeatures"
"""How the names of bands without date begin."""

UNSEEN = -10000.0
"""Nodata of what is computed of images that declare none, where the type holds it; else 0."""

_NAME = re.compile(r"(?P<sensor>[a-z0-9]+)_(?P<band>.+)_(?P<date>\d{8}(?:\.\d+)?)")
_MASK_NAME = re.compile(MASK + r"_(\d{8}(?:\.\d+)?)")


@dataclass(frozen=True)
class SeriesName:
    """What the name of a band says; `date` is YYYYMMDD, a second one of a day ends in ".1"."""

    sensor: str
    band: str
    date: str

    @property
    def text(self) -> str:
        """The name."""
        return f"{self.sensor}_{self.band}_{self.date}"


@dataclass(frozen=True)
class SensorBands:
    """The bands of one sensor: their names, the dates, and numbers[date][band] in the image."""

    sensor: str
    bands: tuple[str, ...]
    dates: tuple[str, ...]
    numbers: tuple[tuple[int, ...], ...]

    @property
    def days(self) -> tuple[int, ...]:
        """The number of each date's day."""
        return tuple(day(text) for text in self.dates)

    @property
    def rows(self) -> Array:
        """Indices[date, band] of the bands in an array of all of them."""
        return np.array(self.numbers, np.intp) - 1

    def names(self, dates: Sequence[str]) -> tuple[str, ...]:
        """Return the names of all bands on other dates, one date after the other."""
        return tuple(SeriesName(self.sensor, b, date).text for date in dates for b in self.bands)


@dataclass(frozen=True)
class Layout:
    """Where sensors, dates and bands stand in a series; `undated` are numbers of other bands."""

    sensors: tuple[SensorBands, ...]
    undated: tuple[int, ...] = ()

    @property
    def dates(self) -> tuple[str, ...]:
        """All dates of all sensors, in ascending order."""
        return tuple(sorted({date for one in self.sensors for date in one.dates}, key=date_order))


def date_order(text: str) -> tuple[str, int]:
    """Return what dates are sorted by: the day, then the number of the image on that day."""
    head, _, again = text.partition(".")
    return head, int(again or 0)


def parsed(name: str) -> SeriesName | None:
    """Return what a band's name says, None when it has no date."""
    found = _NAME.fullmatch(name.lower())
    if not found or found["sensor"] in (MASK, UNDATED) or not _is_day(found["date"]):
        return None
    return SeriesName(found["sensor"], found["band"], found["date"])


def layout(image: Image) -> Layout:
    """Return where sensors, dates and bands stand in an image.

    Raises IncompatibleImages when it is no series or a sensor lacks a band on some date.
    """
    found: dict[str, dict[str, dict[str, int]]] = {}
    undated = []
    for number, name in enumerate(image.band_names, 1):
        said = parsed(name)
        if said:
            bands = found.setdefault(said.sensor, {}).setdefault(said.date, {})
            if said.band in bands:
                raise _twice(image.name, name)
            bands[said.band] = number
        elif name.lower().startswith(UNDATED + "_"):
            undated.append(number)
        else:
            raise IncompatibleImages(
                f"{image.name} is no series: band {number} is called {name!r}. Bands of a series "
                "are called <sensor>_<band>_<YYYYMMDD>; stack the images first."
            )
    if not found:
        raise IncompatibleImages(f"{image.name} is no series: none of its bands has a date.")
    sensors = tuple(_sensor(image.name, sensor, dates) for sensor, dates in found.items())
    return Layout(sensors, tuple(undated))


def mask_dates(image: Image) -> tuple[str, ...]:
    """Return the date of each band of a mask series.

    Raises IncompatibleImages when a band is not named mask_<YYYYMMDD>.
    """
    found = [_MASK_NAME.fullmatch(name.lower()) for name in image.band_names]
    if not found or not all(found):
        number = found.index(None) + 1 if found else 1
        name = image.band_names[number - 1] if image.band_names else ""
        raise IncompatibleImages(
            f"{image.name} is no mask series: band {number} is called {name!r}. Its bands are "
            "called mask_<YYYYMMDD>, as stacktimeseries writes them."
        )
    dates = tuple(one[1] for one in found if one)
    again = next((date for date in dates if dates.count(date) > 1), "")
    if again:
        raise _twice(image.name, f"{MASK}_{again}")
    return dates


def _twice(title: str, name: str) -> IncompatibleImages:
    date = name.rpartition("_")[2]
    return IncompatibleImages(
        f"{title} has two bands called {name}. A second image of a day has the date {date}.1."
    )


def missing(values: Array, nodata: float | None) -> Mask | None:
    """Return where samples hold nodata or NaN; None where that cannot be."""
    marker = representable(nodata, values.dtype)
    found: Mask | None = None
    if marker is not None and not np.isnan(marker):
        found = values == marker
    if values.dtype.kind == "f":
        holes = np.isnan(values)
        found = holes if found is None else found | holes
    return found


def there(image: Image, found: Pixels) -> Mask:
    """Return where a series holds anything: files of decimal numbers call a pixel invalid that is
    missing on one date.
    """
    gone = (
        None if image.details.validity in ("alpha", "mask") else missing(found.values, image.nodata)
    )
    return found.valid if gone is None else np.asarray(~gone.all(0))


def dates_without(dates: Iterable[str], masks: Iterable[str]) -> tuple[str, ...]:
    """Return the dates that have no mask."""
    known = set(masks)
    return tuple(date for date in dates if date not in known)


def _is_day(text: str) -> bool:
    try:
        return bool(day(text))
    except ValueError:
        return False


def _sensor(title: str, sensor: str, dates: dict[str, dict[str, int]]) -> SensorBands:
    ordered = sorted(dates, key=date_order)
    bands = tuple(dates[ordered[0]])
    for date in ordered:
        lacking = [band for band in bands if band not in dates[date]]
        extra = [band for band in dates[date] if band not in bands]
        if lacking or extra:
            where = (lacking or extra)[0]
            raise IncompatibleImages(
                f"{title}: band {where} of {sensor} stands on {date if extra else ordered[0]} and "
                f"not on {ordered[0] if extra else date}. Every date needs the same bands."
            )
    numbers = tuple(tuple(dates[date][band] for band in bands) for date in ordered)
    return SensorBands(sensor, bands, tuple(ordered), numbers)
