# SPDX-License-Identifier: GPL-2.0-or-later
"""How class maps and what belongs to them are seen in a mosaic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..image import Details, Pixels, View, constant
from ..windows import Window
from .classified import LabelBand
from .labeled import refuse_large
from .legend import Legend


@dataclass(frozen=True)
class Zeroed(View):
    """The image below with 0 where it is not valid; every pixel counts, no nodata is declared."""

    @property
    def nodata(self) -> float | None:
        """None: 0 is an answer too."""
        return None

    @property
    def details(self) -> Details:
        """Those of the image below; every pixel has a value."""
        return replace(self.source.details, validity="all")

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below."""
        found = self.source.read(window, bands, rounded)
        values = np.where(found.valid, found.values, found.values.dtype.type(0))
        return Pixels(values, constant(True, window.shape))


@dataclass(frozen=True)
class Percent(View):
    """Confidences as whole percent, rounded down; whole numbers below are percent already."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    @property
    def nodata(self) -> float | None:
        """None: 0 is a confidence too."""
        return None

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below and count in percent."""
        found = self.source.read(window, bands, rounded=self.source.dtype.kind in "ui")
        values = found.values
        if self.source.dtype.kind not in "ui":
            # 29 votes of 100 are .29 in float32, which is a little less
            values = np.floor(100 * np.nan_to_num(values) + 1e-4)
        return replace(found, values=np.clip(values, 0, 100).astype(np.uint8))


@dataclass(frozen=True)
class Labeled(LabelBand, View):
    """The class map below: 0 is no class, in the type that all its labels need."""

    largest: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """8 bits unless a label needs 16."""
        wide = self.largest > 255 or self.source.dtype.itemsize > 1
        return np.dtype(np.uint16 if wide else np.uint8)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the map below."""
        found = self.source.read(window, (1,))
        known = found.valid & (found.values[0] > 0)
        refuse_large(found.values[0][known], self.source.name)
        return Pixels(np.where(known, found.values, 0).astype(self.dtype), known)


@dataclass(frozen=True)
class Painted(View):
    """The class map below with a color table."""

    colors: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def details(self) -> Details:
        """Those of the map with its colors."""
        return replace(self.source.details, color_table=self.colors)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the map below."""
        return self.source.read(window, bands, rounded)


def color_table(legend: Legend, labels: Sequence[int]) -> tuple[tuple[int, int, int, int], ...]:
    """Return a color (red, green, blue, opacity) for each value up to the largest label."""
    known = {label: (*legend.color(label), 255) for label in labels}
    return tuple(known.get(value, (0, 0, 0, 0)) for value in range(max(labels, default=0) + 1))
