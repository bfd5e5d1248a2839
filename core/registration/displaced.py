# SPDX-License-Identifier: GPL-2.0-or-later
"""The displacements of a correction as an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import Details, Pixels, calculation, constant
from ..transform.correction import Correction
from ..windows import Window


@dataclass(frozen=True)
class DisplacementImage:
    """dx and dy of a correction on a grid of its CRS, px of that grid, right and down."""

    name: str
    grid: Grid
    correction: Correction
    nodata: float | None = math.nan
    band_names: tuple[str, ...] = ("dx", "dy")
    details: Details = field(default_factory=Details)

    @property
    def bands(self) -> int:
        """Two bands."""
        return 2

    @property
    def dtype(self) -> np.dtype[Any]:
        """Single precision."""
        return np.dtype(np.float32)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Compute a window."""
        rows, cols = np.mgrid[window.slices].astype(np.float64)
        both = self.correction.displacements(self.grid, cols, rows)
        values = np.stack(both).astype(np.float32)
        values = values if bands is None else values[[band - 1 for band in bands]]
        known = constant(True, window.shape)
        return Pixels(values if rounded else calculation(values), known)
