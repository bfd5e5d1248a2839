# SPDX-License-Identifier: GPL-2.0-or-later
"""Features of a series: bands, indices and expressions of each date, in one fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..errors import InvalidOption
from ..image import Array, Details, Image, Mask, Pixels, View, beside
from ..windows import Window
from .indices import BRIGHTNESS, INDICES, Ratios, brightness
from .parts import in_parts
from .sensors import roles_of
from .series import Layout, SensorBands, SeriesName, layout, missing, there
from .userfunctions import Functions, Given

NODATA = -10000.0
LIMIT = 32767


class Formula(Protocol):
    """Band maths that somebody has read; picklable."""

    def __call__(self, bands: Mapping[int, Array]) -> Array:
        """Return float64 values of numbered bands; NaN where they are not defined."""


@dataclass(frozen=True)
class Recipe:
    """What features are made: see the options of spectralfeatures.

    `roles` says which band is red, nir … where it is not what the sensor's table says.
    """

    indices: tuple[str, ...] = ("ndvi", "ndwi", BRIGHTNESS)
    formulas: tuple[Formula, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    keep_bands: bool = True
    relative: bool = False
    corrected: bool = False
    keep_duplicates: bool = True
    scale: float = 1000.0

    @property
    def ratios(self) -> Ratios:
        """How ratios are made."""
        return Ratios(self.scale, self.corrected)


@dataclass(frozen=True)
class Features(View):
    """Features of a series: of each sensor all bands by date, then each index by date, then the
    expressions; then user functions; undated bands last.

    `functions` of the user see the series, `raw` (the series before its gaps were filled) and
    `masks`.
    """

    recipe: Recipe = Recipe()
    functions: Functions | None = None
    raw: Image | None = None
    masks: Image | None = None

    @cached_property
    def parted(self) -> Layout:
        """Where sensors, dates and bands stand in the series."""
        return layout(self.source)

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        """What is computed of each sensor.

        Raises InvalidOption for indices whose bands no sensor has.
        """
        plans = tuple(Plan.of(sensor, self.recipe) for sensor in self.parted.sensors)
        wanted = {index: needed(index) for index in self.recipe.indices}
        if self.recipe.relative:
            wanted["RELATIVE"] = ("red",)
        _refuse_unable(wanted, plans)
        return plans

    @property
    def nodata(self) -> float | None:
        """Where a band is nodata on a date."""
        return NODATA

    @property
    def dtype(self) -> np.dtype[Any]:
        """16 bits for whole numbers, float32 for decimal ones."""
        return np.dtype(np.float32 if self.source.dtype.kind == "f" else np.int16)

    @property
    def details(self) -> Details:
        """Nothing but nodata."""
        return Details()

    @property
    def bands(self) -> int:
        """Number of features."""
        return len(self.band_names)

    @cached_property
    def band_names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        names = [name for plan in self.plans for name in plan.names]
        if self.functions:
            names += self.functions.outputs
        names += [self.source.band_names[number - 1] for number in self.parted.undated]
        return tuple(names)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Compute the features of a window."""
        held = self.source.bands * self.source.dtype.itemsize + self.bands * self.dtype.itemsize
        found = in_parts(window, held + 64, self._computed)
        return found if bands is None else found.with_values(found.values[[b - 1 for b in bands]])

    def _computed(self, window: Window) -> Pixels:
        found = self.source.read(window)
        out = _Target(np.empty((self.bands, *window.shape), self.dtype))
        for plan in self.plans:
            plan.fill(found.values, self.source.nodata, out)
        if self.functions:
            for values in self.functions.computed(window, self.given()):
                out.put(values, ~np.isfinite(values))
        for number in self.parted.undated:
            out.put_stored(found.values[number - 1], self.source.nodata)
        seen = there(self.source, found)
        if not seen.all():
            out.values[:, ~seen] = NODATA
        return Pixels(out.values, seen, None, out.clipped)

    def given(self) -> Given:
        """Return what user functions may look at."""
        return Given(self.source, self.parted, self._index, self.raw, self.masks)

    def _index(self, sensor: SensorBands, index: str, values: Array) -> Array:
        """Return an index[date, row, col] of float64 values[date, band, row, col]."""
        plan = Plan.of(sensor, self.recipe)
        return np.stack([plan.index(index, one) for one in values])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is only remembered."""
        kept = ("source", "recipe", "functions", "raw", "masks")
        return {name: self.__dict__[name] for name in kept}


@dataclass
class _Target:
    """Features that are being filled, in order, in their type."""

    values: Array
    at: int = 0
    clipped: int = 0

    def put(self, found: Array, gone: Mask | None) -> None:
        """Store the next feature: rounded half to even, limited, nodata where it is gone."""
        out = self.values[self.at]
        self.at += 1
        if gone is not None and gone.any():
            found = np.where(gone, 0.0, found)
        else:
            gone = None
        if out.dtype.kind != "f":
            found = np.rint(found)
            if found.size and (found.max() > LIMIT or found.min() < -LIMIT):
                self.clipped += int(np.count_nonzero(np.abs(found) > LIMIT))
                found = np.clip(found, -LIMIT, LIMIT)
        out[...] = found
        out[out == NODATA] = beside(out.dtype.type(NODATA), out.dtype)
        if gone is not None:
            out[gone] = NODATA

    def put_stored(self, band: Array, nodata: float | None) -> None:
        """Store a band of the series as the next feature."""
        if band.dtype.kind != "f" and band.dtype == self.values.dtype and nodata in (None, NODATA):
            self.values[self.at] = band
            self.at += 1
            return
        self.put(band.astype(np.float64), missing(band, nodata))


@dataclass(frozen=True)
class Plan:
    """What is computed of one sensor."""

    sensor: SensorBands
    recipe: Recipe
    roles: Mapping[str, int]
    indices: tuple[str, ...]

    @classmethod
    def of(cls, sensor: SensorBands, recipe: Recipe) -> Plan:
        """Plan the indices whose bands the sensor has, without a duplicate that is not kept.

        Raises InvalidOption when a band that the user named is not there.
        """
        named = {**roles_of(sensor.sensor), **{r: b.lower() for r, b in recipe.roles if b}}
        for role, band in recipe.roles:
            if band and band.lower() not in sensor.bands:
                raise InvalidOption(
                    f"{role.upper()}: {sensor.sensor} has no band {band!r}; it has "
                    f"{', '.join(sensor.bands)}."
                )
        roles = {
            role: sensor.bands.index(band) for role, band in named.items() if band in sensor.bands
        }
        held = recipe.relative and recipe.keep_bands and not recipe.keep_duplicates
        indices = tuple(
            index
            for index in recipe.indices
            if all(role in roles for role in needed(index)) and not (held and index == "ndvi")
        )
        return cls(sensor, recipe, roles, indices)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        sensor, dates = self.sensor, self.sensor.dates
        names = list(sensor.names(dates)) if self.recipe.keep_bands else []
        made = [*self.indices, *(f"expr{k}" for k in range(1, len(self.recipe.formulas) + 1))]
        names += [SeriesName(sensor.sensor, one, date).text for one in made for date in dates]
        return tuple(names)

    def fill(self, values: Array, nodata: float | None, out: _Target) -> None:
        """Compute all features from stored values[band, row, col] and put them in order."""
        gone = [missing(values[rows], nodata) for rows in self.sensor.rows]
        if self.recipe.keep_bands:
            for rows in self.sensor.rows:
                self._bands(values[rows], nodata, out)
        any_gone = [None if one is None else one.any(0) for one in gone]
        start = out.at
        for date, rows in enumerate(self.sensor.rows):
            bands = values[rows].astype(np.float64)
            for place, found in enumerate(self._made(bands)):
                out.at = start + place * len(self.sensor.rows) + date
                out.put(found, _either(any_gone[date], found))
        out.at = start + (len(self.indices) + len(self.recipe.formulas)) * len(self.sensor.rows)

    def _made(self, bands: Array) -> Iterator[Array]:
        for index in self.indices:
            yield self.index(index, bands)
        for formula in self.recipe.formulas:
            numbered = dict(enumerate(bands, 1))
            yield np.broadcast_to(formula(numbered), bands.shape[1:])

    def _bands(self, values: Array, nodata: float | None, out: _Target) -> None:
        """Put the bands of a date, or their ratios to the red one."""
        red = self.roles.get("red")
        if not self.recipe.relative or red is None:
            for band in values:
                out.put_stored(band, nodata)
            return
        base, base_gone = values[red].astype(np.float64), missing(values[red], nodata)
        for number, band in enumerate(values):
            if number == red:
                out.put_stored(band, nodata)
                continue
            gone = missing(band, nodata)
            if gone is not None and base_gone is not None:
                gone = gone | base_gone
            out.put(self.recipe.ratios.normalized(band.astype(np.float64), base), gone)

    def index(self, index: str, bands: Array) -> Array:
        """Return an index of float64 bands[band, row, col] of one date."""
        if index == BRIGHTNESS:
            return brightness(bands)
        roles = {role: bands[number] for role, number in self.roles.items()}
        return INDICES[index][1](roles, self.recipe.ratios)


def needed(index: str) -> tuple[str, ...]:
    """Return the roles of the bands that an index needs."""
    return () if index == BRIGHTNESS else INDICES[index][0]


def _either(gone: Mask | None, found: Array) -> Mask | None:
    """Where a feature has no value: a band is gone, or it is not a number."""
    strange = ~np.isfinite(found)
    if not strange.any():
        return gone
    return strange if gone is None else gone | strange


def _refuse_unable(wanted: Mapping[str, Sequence[str]], plans: Sequence[Plan]) -> None:
    """Raise InvalidOption that names all bands which are missing, and for what."""
    first = plans[0]
    lacking = {
        what: [role.upper() for role in roles if role not in first.roles]
        for what, roles in wanted.items()
        if not any(all(role in plan.roles for role in roles) for plan in plans)
    }
    if lacking:
        needs = ", ".join(f"{what} needs {' and '.join(lacking[what])}" for what in lacking)
        options = dict.fromkeys(role for roles in lacking.values() for role in roles)
        raise InvalidOption(
            f"{needs}. Give {', '.join(options)}, each the name of a band of {first.sensor.sensor} "
            f"({', '.join(first.sensor.bands)}), or leave out {', '.join(lacking)}."
        )
