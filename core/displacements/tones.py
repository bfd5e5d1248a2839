# SPDX-License-Identifier: GPL-2.0-or-later
"""How values of an image are brought near 0 before they lose digits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, calculation_type


@dataclass(frozen=True)
class Tone:
    """How values of an image are brought near 0 before they lose digits: (v - center) * scale."""

    center: float = 0.0
    scale: float = 1.0

    def of(self, values: Array) -> Array:
        """Return values as float32. Exact for small integers, where there is nothing to do."""
        if self.center == 0.0 and self.scale == 1.0:
            return values.astype(np.float32, copy=False)
        return np.asarray((values - self.center) * self.scale, np.float32)


def tone_of(values: Array, dtype: np.dtype[Any]) -> Tone:
    """Return the tone that suits some valid values of an image of a type."""
    if not values.size:
        return Tone()
    low, middle, high = (float(v) for v in np.percentile(values, (2, 50, 98)))
    spread = high - low
    usual = spread == 0 or not math.isfinite(spread) or 1e-3 < spread < 1e6
    # a power of two, so that no digit changes
    scale = 1.0 if usual else 2.0 ** round(math.log2(100 / spread))
    wide = calculation_type(dtype) == np.float64
    return Tone(middle if wide and math.isfinite(middle) else 0.0, scale)
