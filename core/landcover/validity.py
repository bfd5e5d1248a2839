# SPDX-License-Identifier: GPL-2.0-or-later
"""How often each pixel is clear, and where every sensor has seen the ground."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import Array, Details, Image, Pixels, constant
from ..windows import Window
from .parts import in_parts
from .stacking import ABSENT, VALID


@dataclass(frozen=True)
class _Counted:
    """One band computed from mask series on one grid; every pixel is valid."""

    masks: tuple[Image, ...]

    @property
    def grid(self) -> Grid:
        """Grid of the masks."""
        return self.masks[0].grid

    @property
    def details(self) -> Details:
        """All pixels are valid."""
        return Details(validity="all")

    @property
    def bands(self) -> int:
        """One."""
        return 1

    @property
    def nodata(self) -> float | None:
        """None: 0 means something."""
        return None

    def _read(self, window: Window, compute: Callable[[Window], Array]) -> Pixels:
        held = max(mask.bands * mask.dtype.itemsize for mask in self.masks) + 8
        return in_parts(
            window, held, lambda part: Pixels(compute(part)[None], constant(True, part.shape))
        )


@dataclass(frozen=True)
class ClearCount(_Counted):
    """Number of clear dates of each pixel: bytes below 255 dates, else 16 bits."""

    @property
    def name(self) -> str:
        """What iota2 calls it."""
        return "nbView"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest type that holds the number of dates."""
        dates = sum(mask.bands for mask in self.masks)
        return np.dtype(np.uint8 if dates < 255 else np.uint16)

    @property
    def band_names(self) -> tuple[str, ...]:
        """What is counted."""
        return ("clear dates",)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Count the clear dates of a window."""
        return self._read(window, self._count)

    def _count(self, window: Window) -> Array:
        found = np.zeros(window.shape, self.dtype)
        for mask in self.masks:
            found += (mask.read(window).values == VALID).sum(0, dtype=self.dtype)
        return found


@dataclass(frozen=True)
class Common(_Counted):
    """1 where every mask series has data on one date or more, else 0."""

    @property
    def name(self) -> str:
        """What iota2 calls it."""
        return "MaskCommunSL"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    @property
    def band_names(self) -> tuple[str, ...]:
        """What it says."""
        return ("seen by every sensor",)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Compare the masks of a window."""
        return self._read(window, self._seen)

    def _seen(self, window: Window) -> Array:
        found = [(mask.read(window).values != ABSENT).any(0) for mask in self.masks]
        return np.asarray(np.all(found, 0), np.uint8)
