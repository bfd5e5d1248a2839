# SPDX-License-Identifier: GPL-2.0-or-later
"""Invariant pixels as images: masks and scores, computed as they are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import Array, Details, Image, Mask, Pixels, calculation, read_padded
from ..placement import onto
from ..radiometry.invariant import Way
from ..windows import Window
from .computed import Computed
from .invariants import Found
from .paired import Paired


@dataclass(frozen=True)
class Judged:
    """The common ground of a pair as an image: band 1 the score, band 2 one where invariant."""

    pair: Paired
    way: Way
    name: str = "judged"
    bands: int = 2
    nodata: float | None = math.nan
    band_names: tuple[str, ...] = ("score", "invariant")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Decimal numbers."""
        return np.dtype(np.float32)

    @property
    def details(self) -> Details:
        """What every computed image declares: nothing."""
        return Details()

    @property
    def grid(self) -> Grid:
        """The common ground."""
        return self.pair.grid

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Judge the pixels of a window."""
        seen = self.pair.seen(window, self.way.margin)
        x, r, used = (seen.inner(values) for values in (seen.x, seen.r, seen.used))
        score, chosen = self.way.decide(x, r, self.way.describe(seen))
        values = np.stack([score, chosen]).astype(np.float32)
        values = values if bands is None else values[[band - 1 for band in bands]]
        return Pixels(values, used)


@dataclass(frozen=True)
class Marking(Computed):
    """One band about an image's pixels, from the pairs that it is in and where they lie."""

    parts: tuple[tuple[Image, Window], ...]

    def judged(self, window: Window, band: int) -> list[tuple[Array, Mask]]:
        """Return values and validity of a band of each pair."""
        found = []
        for part, place in self.parts:
            pixels = read_padded(part, window.shifted(-place.col, -place.row), (band,))
            found.append((pixels.values[0], pixels.valid))
        return found


@dataclass(frozen=True)
class InvariantMask(Marking):
    """Where an image has invariant pixels in any pair (1), has none (0) or is not valid (255)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    @property
    def nodata(self) -> float | None:
        """255."""
        return 255.0

    @property
    def band_names(self) -> tuple[str, ...]:
        """What it says."""
        return ("pseudo-invariant",)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Judge the pixels of a window."""
        valid = self.source.read(window).valid
        found: Mask = np.zeros(window.shape, bool)
        for values, known in self.judged(window, 2):
            found |= known & (values > 0.5)
        marks = np.where(valid, found, 255).astype(np.uint8)[None]
        return Pixels(marks if rounded else calculation(marks), valid)


@dataclass(frozen=True)
class InvariantScore(Marking):
    """The best score of an image's pixels in any pair; not valid where there is none."""

    best: str = "high"

    @property
    def band_names(self) -> tuple[str, ...]:
        """What it says."""
        return ("score",)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Judge the pixels of a window."""
        choose = np.fmax if self.best == "high" else np.fmin
        found = np.full(window.shape, np.nan, np.float32)
        for values, known in self.judged(window, 1):
            found = choose(found, np.where(known, values, np.nan))
        valid = self.source.read(window).valid & np.isfinite(found)
        return Pixels(found[None], valid)


def mask_of(image: Image, number: int, found: Sequence[Found]) -> InvariantMask:
    """Return the mask of an image of the set."""
    return InvariantMask(image, _parts(image, number, found))


def score_of(image: Image, number: int, found: Sequence[Found]) -> InvariantScore:
    """Return the scores of an image of the set."""
    best = next((one.way.best for one in found if one.way is not None), "high")
    return InvariantScore(image, _parts(image, number, found), best)


def _parts(image: Image, number: int, found: Sequence[Found]) -> tuple[tuple[Image, Window], ...]:
    parts = []
    for one in found:
        if number in one.ends and one.way is not None:
            seen = onto(Judged(one.pair, one.way), image.grid, "nearest")
            parts.append((seen, image.grid.placed(seen.grid)))
    return tuple(parts)
