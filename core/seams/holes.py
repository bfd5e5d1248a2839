# SPDX-License-Identifier: GPL-2.0-or-later
"""What a mosaic leaves empty although a seam cell lies there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image import Image, Pixels, uniform
from ..windows import Window


@dataclass
class Holes:
    """Counts invalid pixels inside seam cells while the mosaic is written (an OwnCollector)."""

    labels: Image | None
    pixels: int = 0

    def feed(self, index: int, window: Window, pixels: Pixels) -> int:
        """Return the count of a window."""
        if self.labels is None or uniform(pixels.valid):
            return 0
        inside = self.labels.read(window).values[0] > 0
        return int(np.count_nonzero(inside & ~pixels.valid))

    def merge(self, partial: int) -> None:
        """Add a count."""
        self.pixels += partial
