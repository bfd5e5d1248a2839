# SPDX-License-Identifier: GPL-2.0-or-later
"""What classes a map has around a pixel: their shares in its superpixel and in those it touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..image import Array, Image, Pixels, View, representable
from ..windows import Window
from .merging import Ids

PER_MILLE = 1000
PREFIX = "context_"


Part = tuple[int, Ids, Ids, Ids]
"""Of a window: the largest number, places of counts, counts, pairs of superpixels that touch."""


def looked_at(numbers: Array, classes: Array, labels: Sequence[int]) -> Part:
    """Count the classes in the superpixels of a window, and find which of these touch.

    `classes` lack the row below and the column to the right, which `numbers` have unless the image
    ends there.
    """
    height, width = classes.shape
    mine = numbers[:height, :width]
    counted = (mine > 0) & (classes > 0)
    place = np.searchsorted(labels, classes[counted])
    keys = mine[counted].astype(np.int64) * len(labels) + place
    places, counts = np.unique(keys, return_counts=True)
    right = _touching(numbers[:height, :-1], numbers[:height, 1:])
    below = _touching(numbers[:-1, :width], numbers[1:, :width])
    return int(numbers.max()), places, counts, np.unique(np.concatenate([right, below]))


@dataclass
class Surroundings:
    """The classes of a map in superpixels 1, 2, … and around them; windows come in any order."""

    labels: tuple[int, ...]
    count: int = 0
    _places: list[Ids] = field(default_factory=list)
    _counts: list[Ids] = field(default_factory=list)
    _pairs: list[Ids] = field(default_factory=list)

    def merge(self, partial: Part) -> None:
        """Add a window."""
        largest, places, counts, pairs = partial
        self.count = max(self.count, largest)
        self._places.append(places)
        self._counts.append(counts)
        self._pairs.append(pairs)

    def touching(self) -> tuple[Ids, Ids]:
        """Return the superpixels that touch, each pair in both orders."""
        pairs = np.unique(np.concatenate([np.empty(0, np.int64), *self._pairs]))
        low, high = np.divmod(pairs, _AT)
        return np.concatenate([low, high]), np.concatenate([high, low])

    def shares(self) -> Array:
        """Return shares[superpixel, class], per mille; 0 where nothing is mapped all around.

        The first row, which belongs to no superpixel, holds the labels.
        """
        rows, none = self.count + 1, np.empty(0, np.int64)
        places, held = (np.concatenate([none, *some]) for some in (self._places, self._counts))
        counts = np.bincount(places, held, rows * len(self.labels)).reshape(rows, -1)
        one, other = self.touching()
        around = counts.astype(np.float64)
        for column, own in enumerate(counts.T):
            around[:, column] += np.bincount(one, own[other], rows)
        around *= PER_MILLE / np.maximum(around.sum(1, keepdims=True), 1)
        found = np.rint(around).astype(np.uint16)
        found[0] = self.labels
        return np.asarray(found)


_AT = 1 << 32


def _touching(one: Array, other: Array) -> Ids:
    """Return pairs of superpixels side by side, each as one number."""
    apart = (one != other) & (one > 0) & (other > 0)
    first, second = one[apart].astype(np.int64), other[apart].astype(np.int64)
    return np.asarray(np.unique(np.minimum(first, second) * _AT + np.maximum(first, second)))


def names_of(shares: Array) -> tuple[str, ...]:
    """Return the names of features that are shares of classes."""
    return tuple(f"{PREFIX}{label}" for label in shares[0].tolist())


@dataclass(frozen=True)
class InContext(View):
    """Features followed by the shares of classes around each pixel, per mille.

    `segments` are the superpixels' numbers on the same grid; pixels without one are not valid.
    """

    segments: Image
    shares: Array

    @property
    def bands(self) -> int:
        """The features, and one band for each class."""
        return self.source.bands + self.shares.shape[1]

    @property
    def band_names(self) -> tuple[str, ...]:
        """Those of the features, then context_<label>."""
        return (*self.source.band_names, *names_of(self.shares))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The features' own where it can hold a share."""
        kind = self.source.dtype
        fits = representable(PER_MILLE, kind) is not None
        return kind if fits else np.dtype(np.result_type(kind, np.int16))

    @property
    def nodata_values(self) -> tuple[float | None, ...]:
        """Those of the features; a share of 0 is none."""
        own = getattr(self.source, "nodata_values", (self.source.nodata,) * self.source.bands)
        return (*own, *(None,) * self.shares.shape[1])

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the features and look the shares up."""
        found = self.source.read(window, None, rounded)
        numbers = self.segments.read(window).values[0]
        values = np.empty((self.bands, *window.shape), np.result_type(found.values, self.dtype))
        values[: self.source.bands] = found.values
        values[self.source.bands :] = np.moveaxis(self.shares[numbers], -1, 0)
        if bands is not None:
            values = values[[band - 1 for band in bands]]
        return Pixels(values, found.valid & (numbers > 0))
