# SPDX-License-Identifier: GPL-2.0-or-later
"""Mix images tile by tile with weights that fade, near seams or wherever images overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..image import Array, Mask, settled
from ..windows import Window, tiling
from .cutting import Bands
from .feather import Blend, edge_weight, seam_weight
from .overlap import Overlap, present
from .parts import Parts

TILE = 256
"""Side of the tiles in which images fade into each other; they lie at multiples of it."""


@dataclass(frozen=True)
class Mixed:
    """Mixed values[band, row, col] of a tile, and where they count."""

    tile: Window
    values: Array
    where: Mask

    def into(self, values: Array, window: Window) -> None:
        """Replace the values of a window that holds the tile."""
        np.copyto(values[self.tile.banded(window)], self.values, where=self.where)


@dataclass(frozen=True)
class Feather:
    """Images that fade into each other over the blend width."""

    parts: Parts
    overlap: Overlap
    nodata: float | None

    @property
    def margin(self) -> int:
        """Pixels beyond a window that decide how images mix in it."""
        width = self.overlap.width
        return width + 1 if self.overlap.seams is None else math.ceil(width / 2) + 2

    def mixed(self, window: Window, labels: Array | None, bands: Bands | None) -> list[Mixed]:
        """Mix the tiles of a window; `labels` cover the window and its margin."""
        several = self.parts.under(window) if labels is None else present(labels)
        if len(several) < 2:
            return []
        margin = self.margin
        outer, side = window.padded(margin), TILE * max(1, math.ceil(2 * margin / TILE))
        found = []
        for block in tiling(window.aligned(side, side), side, side):
            tile = block.clipped(window)
            near = tile.padded(margin)
            around = None if labels is None else labels[near.within(outer)]
            blend = self._blend(tile, near, around, bands)
            found += [] if blend is None else [blend]
        return found

    def _blend(
        self, tile: Window, near: Window, labels: Array | None, bands: Bands | None
    ) -> Mixed | None:
        """Mix the images of a tile; None where there is nothing to mix."""
        several = self.parts.under(tile) if labels is None else present(labels)
        if len(several) < 2:
            return None
        center, width = tile.within(near), self.overlap.width
        # image by image, so that many on one place need no more memory than two
        blend = Blend(self.parts.count(bands), tile.shape)
        for index in several:
            pixels = self.parts.read(index, near, bands, rounded=False)
            if labels is None:
                weight = edge_weight(pixels.valid, width)
            else:
                weight = seam_weight(labels == index + 1, pixels.valid, width)
            blend.add(pixels.cropped(*center).values, weight[center])
        if not blend.several.any():
            return None
        return Mixed(tile, settled(blend.mean, self.parts.kind, self.nodata), blend.several)
