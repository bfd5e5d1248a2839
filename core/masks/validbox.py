# SPDX-License-Identifier: GPL-2.0-or-later
"""The box round what is valid in an image."""

from __future__ import annotations

import numpy as np

from ..grid import hull
from ..image import Pixels, uniform
from ..windows import Window


class ValidBox:
    """Finds the box round the valid pixels of an image (an OwnCollector)."""

    def __init__(self) -> None:
        self.found: Window | None = None

    def feed(self, index: int, window: Window, pixels: Pixels) -> Window | None:
        """Return the box of a window."""
        everywhere = uniform(pixels.valid)
        if everywhere is not None:
            return window if everywhere else None
        rows = np.flatnonzero(pixels.valid.any(1))
        if not rows.size:
            return None
        cols = np.flatnonzero(pixels.valid.any(0))
        col, row = window.col + int(cols[0]), window.row + int(rows[0])
        return Window(col, row, int(np.ptp(cols)) + 1, int(np.ptp(rows)) + 1)

    def merge(self, partial: Window | None) -> None:
        """Add the box of a window."""
        if partial is not None:
            self.found = partial if self.found is None else hull(self.found, partial)
