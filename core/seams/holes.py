# SPDX-License-Identifier: GPL-2.0-or-later
"""What a mosaic leaves empty although a seam cell lies there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image import Pixels, uniform
from ..windows import Window
from .mosaic import Mosaic
from .overlap import labels_in


@dataclass
class Holes:
    """Counts invalid pixels inside seam cells while the mosaic is written (an OwnCollector)."""

    mosaic: Mosaic
    pixels: int = 0

    @property
    def found(self) -> int | None:
        """How many there are; None without seam cells."""
        return None if self.mosaic.overlap.seams is None else self.pixels

    def feed(self, index: int, window: Window, pixels: Pixels) -> int:
        """Return the count of a window."""
        seams = self.mosaic.overlap.seams
        if seams is None or uniform(pixels.valid):
            return 0
        inside = labels_in(seams.labels, window) > 0
        return int(np.count_nonzero(inside & ~pixels.valid))

    def merge(self, partial: int) -> None:
        """Add a count."""
        self.pixels += partial
