# SPDX-License-Identifier: GPL-2.0-or-later
"""A land cover map as a view: labels, confidence and probabilities of windows of features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..errors import InvalidOption
from ..image import Array, Details, Image, Mask, Pixels, View, representable, uniform
from ..progress import SILENT, Progress
from ..windows import Window
from .models import Model
from .parts import in_parts

UNITS: dict[str, np.dtype[Any]] = {
    "percent": np.dtype(np.uint8),
    "fraction": np.dtype(np.float32),
}
"""Types of the confidence by its unit."""

PER_MILLE = 1000
LISTED = 5
"""Features named in messages."""


@dataclass(frozen=True)
class Judged(Pixels):
    """Labels of a window, and what else was computed with them.

    `layers` are confidence (in its unit), then per mille of each class if they are wanted; 0 where
    not valid.
    """

    layers: Array | None = None


class ClassMap(Image, Protocol):
    """A map of classes that is computed together with its confidence and probabilities."""

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels of all classes, ascending."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the labels."""

    @property
    def chance_names(self) -> tuple[str, ...]:
        """The names of the classes that have probabilities."""

    @property
    def unit(self) -> str:
        """Unit of the confidence."""

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Judged:
        """Return the labels of a window together with confidence and probabilities."""


class LabelBand:
    """What every map of classes declares: one band in which 0 is never a class."""

    @property
    def bands(self) -> int:
        """One band."""
        return 1

    @property
    def band_names(self) -> tuple[str, ...]:
        """What the band holds."""
        return ("class",)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the labels, where they are known."""
        return ()

    @property
    def chance_names(self) -> tuple[str, ...]:
        """All of them."""
        return self.names

    @property
    def nodata(self) -> float | None:
        """0 is never a class."""
        return 0.0

    @property
    def details(self) -> Details:
        """Nothing to declare beside nodata."""
        return Details()


@dataclass(frozen=True)
class Assigned:
    """A model, and the bands (1-based) of the image that are its features, in its order."""

    model: Model
    bands: tuple[int, ...]


@dataclass(frozen=True)
class Classified(LabelBand, View):
    """The class of each pixel of an image of features.

    Pixels are not valid where `mask` (an image on the same grid) has less than `min_clear`, where
    any feature is nodata or NaN, and where `regions`, an image of numbers 1, 2, … of `models`,
    names none; without regions the first model serves everywhere. Per mille of the classes are
    there only with `chances`: they take several times the memory of the rest.
    """

    models: tuple[Assigned, ...]
    mask: Image | None = None
    min_clear: int = 1
    regions: Image | None = None
    unit: str = "percent"
    largest: int = 0
    chances: bool = True

    @property
    def dtype(self) -> np.dtype[Any]:
        """8 bits unless a label, or `largest`, needs 16."""
        return label_type(max(self.largest, *self.labels))

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """The labels of all models, ascending."""
        return tuple(sorted({label for one in self.models for label in one.model.labels}))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the labels."""
        known = {a: b for one in self.models for a, b in zip(one.model.labels, one.model.names)}
        return tuple(known[label] for label in self.labels)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Judged:
        """Return the labels of a window together with confidence and probabilities."""
        # features as they are and as decimal numbers; chances, and what is kept of them
        held = 8 * self.source.bands + 32 * len(self.labels)
        found = in_parts(window, held, self._part)
        labels = found.values[:1]
        if rounded:
            labels = labels.astype(self.dtype)
        return Judged(labels, found.valid, layers=found.values[1:])

    def _part(self, window: Window) -> Pixels:
        """Return label, confidence, per mille of each class as float32, which holds them all."""
        pixels = self.source.read(window)
        valid = self._usable(pixels, window)
        values = np.zeros((self._layers, window.pixels), np.float32)
        flat = pixels.values.reshape(len(pixels.values), -1)
        for number, assigned in enumerate(self.models, 1):
            here = valid if self.regions is None else valid & (self._region(window) == number)
            if uniform(here) is not True and not here.any():
                continue
            whole = uniform(here) is True or bool(here.all())
            rows = [band - 1 for band in assigned.bands]
            if whole and rows == list(range(len(flat))):
                values[:] = self._judged(assigned.model, flat)
            else:
                at = np.flatnonzero(here)
                values[:, at] = self._judged(assigned.model, flat[np.array(rows)[:, None], at])
        if self.regions is not None:
            valid = valid & (values[0] > 0).reshape(window.shape)
        return Pixels(values.reshape(-1, *window.shape), valid)

    def _judged(self, model: Model, columns: Array) -> Array:
        chances = model.probabilities(columns.astype(np.float32, copy=False))
        if model.labels != self.labels:
            whole = np.zeros((len(self.labels), chances.shape[1]))
            whole[[self.labels.index(label) for label in model.labels]] = chances
            chances = whole
        winner = chances.argmax(0)
        out = np.empty((self._layers, chances.shape[1]), np.float32)
        out[0] = np.array(self.labels, np.float32)[winner]
        out[1] = in_unit(np.take_along_axis(chances, winner[None], 0)[0], self.unit)
        if self.chances:
            out[2:] = np.rint(chances * PER_MILLE)
        return out

    @property
    def _layers(self) -> int:
        """Label, confidence, and per mille of each class if they are wanted."""
        return 2 + len(self.labels) * self.chances

    def _usable(self, pixels: Pixels, window: Window) -> Mask:
        """Return where every feature is known and the mask allows a class."""
        valid = pixels.valid
        if self.mask is not None:
            clear = self.mask.read(window, (1,))
            valid = valid & clear.valid & (clear.values[0] >= self.min_clear)
        missing = missing_features(self.source, pixels.values)
        return valid if missing is None else valid & ~missing

    def _region(self, window: Window) -> Array:
        if self.regions is None:
            return np.zeros(window.shape)
        return np.asarray(self.regions.read(window, (1,)).values[0])


@dataclass(frozen=True)
class Layer(View):
    """The confidence of a classified image, or its probabilities."""

    source: ClassMap
    probability: bool = False

    @property
    def details(self) -> Details:
        """Every pixel has a value."""
        return Details(validity="all")

    @property
    def bands(self) -> int:
        """One band, or one for each class."""
        return len(self.source.chance_names) if self.probability else 1

    @property
    def nodata(self) -> float | None:
        """None: 0 is a confidence too."""
        return None

    @property
    def band_names(self) -> tuple[str, ...]:
        """The names of the classes, or what the band holds."""
        return self.source.chance_names if self.probability else ("confidence",)

    @property
    def dtype(self) -> np.dtype[Any]:
        """16 bits for per mille; the confidence's by its unit."""
        return np.dtype(np.uint16) if self.probability else UNITS[self.source.unit]

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Classify a window and return this of it."""
        found = self.of(self.source.read(window))
        if bands is not None:
            found = found.with_values(found.values[[band - 1 for band in bands]])
        return found

    def of(self, judged: Judged) -> Pixels:
        """Return this part of what was computed for a window."""
        layers = judged.layers if judged.layers is not None else np.empty((0, 0, 0))
        values = layers[1:] if self.probability else layers[:1]
        return Pixels(values.astype(self.dtype), judged.valid)


def in_unit(chance: Array, unit: str) -> Array:
    """Return chances as whole percent, rounded down, or as they are."""
    return np.floor(100 * chance + 1e-9) if unit == "percent" else chance


def label_type(largest: int) -> np.dtype[Any]:
    """Return the type that holds labels up to the largest; raises InvalidOption above 65535."""
    if largest > 65535:
        raise InvalidOption(f"Label {largest} is above 65535, the largest that a map can hold.")
    return np.dtype(np.uint8 if largest <= 255 else np.uint16)


def assigned(model: Model, image: Image, progress: Progress = SILENT) -> Assigned:
    """Find the features of a model among the bands of an image, by name or else by number.

    Raises InvalidOption when they are not all there.
    """
    names = image.band_names
    if not all(model.features) or not any(names):
        return _by_number(model, image, progress)
    places = {name.lower(): number for number, name in reversed(list(enumerate(names, 1)))}
    missing = [name for name in model.features if name.lower() not in places]
    if missing:
        wanted = {name.lower() for name in model.features}
        extra = [name for name in names if name.lower() not in wanted]
        raise InvalidOption(
            f"{image.name} lacks {_listed(missing)}, which the model needs"
            + (f"; it has {_listed(extra)} instead" if extra else "")
            + ". Make the features as those of the samples were made."
        )
    bands = tuple(places[name.lower()] for name in model.features)
    if bands != tuple(range(1, len(names) + 1)):
        progress.info(
            f"{len(bands)} of the {len(names)} bands of {image.name} are used, by their names."
        )
    return Assigned(model, bands)


def _by_number(model: Model, image: Image, progress: Progress) -> Assigned:
    if image.bands != len(model.features):
        raise InvalidOption(
            f"The model needs {len(model.features)} features; {image.name} has {image.bands}."
        )
    progress.info("Features are matched by number, because their names are not known.")
    return Assigned(model, tuple(range(1, image.bands + 1)))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def missing_features(image: Image, values: Array) -> Mask | None:
    """Return where any band is nodata or NaN; None when nothing is."""
    declared = getattr(image, "nodata_values", (image.nodata,) * len(values))
    found: Mask | None = None
    for band, nodata in zip(values, declared):
        marker = representable(nodata, band.dtype)
        if marker is not None and not np.isnan(marker):
            here = band == marker
            found = here if found is None else found | here
        if band.dtype.kind == "f":
            here = ~np.isfinite(band)
            found = here if found is None else found | here
    return found


def complete(image: Image, found: Pixels) -> Mask:
    """Return where every band of an image holds a number."""
    gone = missing_features(image, found.values)
    return found.valid if gone is None else np.asarray(found.valid & ~gone)
