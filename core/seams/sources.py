# SPDX-License-Identifier: GPL-2.0-or-later
"""Which image each pixel of a mosaic is of, as an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import Details, Pixels, calculation
from ..windows import Window
from .mosaic import Mosaic


@dataclass(frozen=True)
class Sources:
    """The number (from 1) of the image that each pixel of a mosaic is of, 0 for none."""

    mosaic: Mosaic
    name: str = "sources"
    bands: int = 1
    nodata: float | None = 0.0
    band_names: tuple[str, ...] = ("source",)

    @property
    def grid(self) -> Grid:
        """Grid of the mosaic."""
        return self.mosaic.grid

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smaller of 16 and 32 bits that holds all numbers."""
        few = len(self.mosaic.images) < 1 << 16
        return np.dtype(np.uint16 if few else np.uint32)

    @property
    def details(self) -> Details:
        """The names of the images."""
        names = ((f"IMAGE_{n}", image.name) for n, image in enumerate(self.mosaic.images, 1))
        return Details(metadata=tuple(names))

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Return the numbers of a window."""
        found = self.mosaic.sources(window)
        values = found[None].astype(self.dtype)
        return Pixels(values if rounded else calculation(values), found > 0)
