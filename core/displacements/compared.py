# SPDX-License-Identifier: GPL-2.0-or-later
"""What was compared of both images, as images on the working grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import Details, Pixels
from ..transform.models import Linear
from ..windows import Window
from .front import SIDES, Level, compared, sight
from .measure import Measured


@dataclass(frozen=True)
class BandPassed:
    """The signed band-pass f of one of SIDES, every pixel at its map position; float32.

    Valid where both images are.
    """

    name: str
    level: Level
    side: str
    bands: int = 1
    dtype: np.dtype[Any] = np.dtype(np.float32)
    nodata: float = np.nan
    details: Details = Details()

    @property
    def grid(self) -> Grid:
        """The working grid."""
        return self.level.reference.grid

    @property
    def band_names(self) -> tuple[str, ...]:
        """What the band holds."""
        return (f"{self.level.feature} of the {self.side}",)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Compute a window, the same for any window."""
        outer = self.level.outer(window, self.level.margin)
        still = Linear("translation").predict
        found = compared(self.level, sight(self.level, still, outer), (self.side,))
        here = window.within(outer)
        return Pixels(getattr(found, self.side)[here][None], found.valid[here])


def band_pass_images(measured: Measured) -> tuple[BandPassed, BandPassed]:
    """Return what was compared of the reference and of the moving image."""
    reference, moving = (
        BandPassed(name, measured.level, side)
        for name, side in zip(("ref_bandpass", "mon_bandpass"), SIDES)
    )
    return (reference, moving)
