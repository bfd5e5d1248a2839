# SPDX-License-Identifier: GPL-2.0-or-later
"""An image whose values are looked up on a curve per band."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..image import Array, calculation_type
from ..windows import Window
from .corrected import Corrected


@dataclass(frozen=True)
class Curve:
    """Straight lines between the points (x, y), x rising; beyond its ends the `gain` goes on."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    gain: float = 1.0

    @property
    def identity(self) -> bool:
        """True when nothing changes."""
        return self.x == self.y and self.gain == 1.0

    def at(self, values: Array) -> Array:
        """Return the curve at values, float64."""
        values = np.asarray(values, np.float64)
        found = np.interp(values, self._x, self._y)
        for end, beyond in ((0, values < self.x[0]), (-1, values > self.x[-1])):
            if beyond.any():
                found[beyond] = self.y[end] + self.gain * (values[beyond] - self.x[end])
        return np.asarray(found)

    @cached_property
    def _x(self) -> Array:
        return np.array(self.x)

    @cached_property
    def _y(self) -> Array:
        return np.array(self.y)


@dataclass(frozen=True)
class LookedUp(Corrected):
    """The image below with each band's values looked up on its curve.

    `output_type` is the type of the rounded values, "same" for that of the source.
    """

    curves: tuple[Curve, ...]
    output_type: str = "same"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type asked for."""
        asked = self.output_type
        return self.source.dtype if asked == "same" else np.dtype(asked)

    @property
    def identity(self) -> bool:
        """True when no curve changes anything."""
        return all(curve.identity for curve in self.curves)

    def calculated(self, values: Array, band: int, window: Window, kind: np.dtype[Any]) -> Array:
        """Return a band's values on its curve; whole numbers of 16 bits come from a table."""
        if values.dtype == self.source.dtype and self._tables:
            unsigned = values.view(np.dtype(f"u{values.dtype.itemsize}"))
            return np.asarray(np.take(self._tables[band], unsigned))
        return self.curves[band].at(values).astype(kind)

    @cached_property
    def _tables(self) -> tuple[Array, ...]:
        """The curves at every value the source can have; empty when these are too many."""
        dtype = self.source.dtype
        if dtype.kind not in "iu" or dtype.itemsize > 2:
            return ()
        everything = np.arange(1 << 8 * dtype.itemsize).astype(f"u{dtype.itemsize}").view(dtype)
        kind = calculation_type(dtype)
        return tuple(curve.at(everything).astype(kind) for curve in self.curves)
