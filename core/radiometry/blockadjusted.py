# SPDX-License-Identifier: GPL-2.0-or-later
"""An image corrected by block maps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..image import Array, calculation_type
from ..windows import Window
from .blockmaps import EDGE, Correction
from .corrected import Corrected
from .interpolation import Surface

NEUTRAL = {"linear": 1.0, "offset": 0.0, "gamma": 1.0}
"""What a correction is where nothing is known: no change."""


@dataclass(frozen=True)
class BlockAdjusted(Corrected):
    """y = q · x, x + q or a gamma curve, q interpolated between the centers of blocks.

    `alpha` blends: 0 is the input, 1 the whole correction. `output_type` is the type of the
    rounded values, "same" for that of the source. Validity does not change.
    """

    correction: Correction
    alpha: float = 1.0
    output_type: str = "same"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rounded values."""
        return self.source.dtype if self.output_type == "same" else np.dtype(self.output_type)

    @cached_property
    def identity(self) -> bool:
        """True when no block changes anything."""
        neutral = [NEUTRAL[method] for method in self.correction.methods]
        known = np.isfinite(self.correction.factor)
        same = self.correction.factor == np.array(neutral)[:, None, None]
        return self.alpha == 0 or bool((same | ~known).all())

    def calculated(self, values: Array, band: int, window: Window, kind: np.dtype[Any]) -> Array:
        """Return a band's corrected values."""
        method = self.correction.methods[band]
        factor = self._factor.at(band, window, NEUTRAL[method])
        if method == "linear":
            return np.multiply(values, factor, out=factor)
        if method == "offset":
            return np.add(values, factor, out=factor)
        bent = self._bent(values.astype(kind, copy=False), band, window, factor)
        bent -= values
        bent *= kind.type(self.alpha)
        bent += values
        return bent

    def _bent(self, values: Array, band: int, window: Window, exponent: Array) -> Array:
        """Gamma between its limits, a shift beyond."""
        low, high = self.correction.low[band], self.correction.high[band]
        kind, edge = values.dtype.type, EDGE * (high - low)
        out = gamma_curve(values, exponent, low, high)
        beyond = (values < kind(low + edge)) | (values > kind(high - edge))
        if beyond.any():
            np.copyto(out, values + self._shift.at(band, window, 0.0), where=beyond)
        return np.where(exponent == 1, values, out)

    @cached_property
    def _factor(self) -> Surface:
        factor = self.correction.factor.astype(np.float64)
        for band, method in enumerate(self.correction.methods):
            if method == "linear":
                factor[band] = 1.0 + self.alpha * (factor[band] - 1.0)
            elif method == "offset":
                factor[band] *= self.alpha
        return self._surface(factor)

    @cached_property
    def _shift(self) -> Surface:
        return self._surface(self.correction.shift)

    def _surface(self, values: Array) -> Surface:
        grids = (self.source.grid, self.correction.grid)
        kind = calculation_type(self.source.dtype)
        return Surface.of(values, self.correction.window, grids, kind)


def gamma_curve(values: Array, exponent: Array, low: float, high: float) -> Array:
    """Return values bent between two limits, which stay where they are."""
    kind = values.dtype.type
    unit = np.clip((values - kind(low)) / kind(high - low), EDGE, 1 - EDGE)
    return np.asarray(kind(low) + kind(high - low) * unit**exponent)
