# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes of a coarse grid as an image on the pixels of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Details, Mask, Pixels, View, calculation, constant, uniform
from ..windows import Window
from .usable import usable

NAMES = {0: "clear", 1: "thick cloud", 2: "thin cloud", 3: "cloud shadow"}
COLORS = {
    0: (166, 206, 160, 255),
    1: (255, 255, 255, 255),
    2: (158, 202, 225, 255),
    3: (64, 64, 64, 255),
}


@dataclass(frozen=True)
class CloudView(View):
    """Classes[row, col] of cells, `factor` pixels wide, on the pixels of the image below.

    Pixels that are not valid below are not valid. A pixel that is valid in a cell without class
    gets the class 0: nothing is known against it.
    """

    classes: Array
    factor: int
    bands_used: tuple[int, ...]

    @property
    def bands(self) -> int:
        """One band."""
        return 1

    @property
    def nodata(self) -> float | None:
        """255."""
        return 255.0

    @property
    def band_names(self) -> tuple[str, ...]:
        """What the band holds."""
        return ("clouds",)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    @property
    def details(self) -> Details:
        """A color for each class, and their names."""
        table = tuple(COLORS.get(value, (0, 0, 0, 0)) for value in range(256))
        names = tuple((f"class_{value}", name) for value, name in NAMES.items())
        return Details(colors=("palette",), color_table=table, metadata=names)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Look up the classes of a window."""
        valid = self._valid(window)
        rows = np.arange(window.row, window.bottom) // self.factor
        cols = np.arange(window.col, window.right) // self.factor
        found = self.classes[np.ix_(rows, cols)]
        found = np.where(found == 255, np.uint8(0), found)
        if uniform(valid) is not True:
            found = np.where(valid, found, np.uint8(255))
        return Pixels(found[None] if rounded else calculation(found[None]), valid)

    def _valid(self, window: Window) -> Mask:
        """Where the bands that clouds were looked for in are valid."""
        if getattr(self.source, "always_valid", False):
            return constant(True, window.shape)
        return usable(self.source, self.source.read(window), self.bands_used)


class ClassCounts:
    """Counts the pixels of each class, while they are written (an OwnCollector)."""

    def __init__(self) -> None:
        self.counts = np.zeros(256, np.int64)

    def feed(self, index: int, window: Window, pixels: Pixels) -> Array:
        """Return the counts of a window."""
        return np.bincount(pixels.values[0].ravel(), minlength=256)

    def merge(self, partial: Array) -> None:
        """Add the counts of a window."""
        self.counts += partial

    def fraction(self, *classes: int) -> float | None:
        """Return the share of classes among the valid pixels, None without any."""
        valid = int(self.counts[: len(NAMES)].sum())
        return int(self.counts[list(classes)].sum()) / valid if valid else None
