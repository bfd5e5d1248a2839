# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts and samples of the pixels that a run writes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from .image import Array, Image, Pixels, uniform
from .windows import Window

SAMPLES = 1_000_000
"""Pixels looked at for the statistics of up to FEW bands; of more bands as many fewer."""

FEW = 4


@dataclass
class Tally:
    """Counts pixels and keeps every stride-th one in both directions (an OwnCollector)."""

    stride: int
    counts: Array = field(default_factory=lambda: np.zeros(3, np.int64))
    samples: list[Array] = field(default_factory=list)

    @classmethod
    def of(cls, image: Image) -> Tally:
        """Return an empty one for an image; the more pixels and bands, the fewer are kept."""
        wanted = SAMPLES / max(1, image.bands / FEW)
        return cls(math.ceil(math.sqrt(max(1, image.grid.window.pixels / wanted))))

    def feed(self, index: int, window: Window, pixels: Pixels) -> tuple[Array, Array | None]:
        """Return the counts of a window and its samples."""
        everywhere = uniform(pixels.valid)
        valid = window.pixels if everywhere else int(np.count_nonzero(pixels.valid))
        counts = np.array([valid, pixels.clipped, pixels.moved])
        if not valid:
            return counts, None
        rows = slice(-window.row % self.stride, None, self.stride)
        cols = slice(-window.col % self.stride, None, self.stride)
        return counts, pixels.values[:, rows, cols][:, pixels.valid[rows, cols]]

    def merge(self, partial: tuple[Array, Array | None]) -> None:
        """Add those of a window."""
        self.counts += partial[0]
        if partial[1] is not None:
            self.samples.append(partial[1])

    def sampled(self, bands: int) -> Array:
        """Return the sampled valid values[band, sample]."""
        return np.concatenate(self.samples, 1) if self.samples else np.empty((bands, 0))
