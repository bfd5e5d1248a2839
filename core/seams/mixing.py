# SPDX-License-Identifier: GPL-2.0-or-later
"""Mix images tile by tile with weights that fade, near seams or wherever images overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..image import Array, Mask, settled
from ..windows import Window, tiling
from .borders import changes
from .cutting import Bands
from .feather import Blend, edge_weight, seam_weight
from .overlap import Overlap, present
from .parts import Parts, box_of

TILE = 128
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
            if labels is None:
                blend = self._blend(tile, None, bands)
            else:
                blend = self._beside_seams(tile, labels[tile.padded(margin).within(outer)], bands)
            found += [] if blend is None else [blend]
        return found

    def _beside_seams(self, tile: Window, labels: Array, bands: Bands | None) -> Mixed | None:
        """Mix the images in the part of a tile that has another label near, if any has."""
        change = changes(labels)
        if not change.any():
            return None
        near = tile.padded(self.margin)
        part = box_of(change, near).padded(self.margin).clipped(tile)
        if part.empty:
            return None
        return self._blend(part, labels[part.padded(self.margin).within(near)], bands)

    def _blend(self, tile: Window, labels: Array | None, bands: Bands | None) -> Mixed | None:
        """Mix the images of a tile; `labels` cover its margin too. None if there is no mixing."""
        several = self.parts.under(tile) if labels is None else present(labels)
        if len(several) < 2:
            return None
        near = tile.padded(self.margin)
        # image by image, so that many on one place need no more memory than two
        blend = Blend(self.parts.count(bands), tile.shape)
        for index in several:
            part, cell = self.parts.places[index].clipped(tile), None
            if labels is not None:
                cell = labels == index + 1
                part = box_of(cell, near).padded(self.margin).clipped(part)
            if not part.empty:
                around = part.padded(self.margin)
                pixels = self.parts.read(index, around, bands, rounded=False)
                weight = self._weight(
                    pixels.valid, None if cell is None else cell[around.within(near)]
                )
                center = part.within(around)
                blend.add(pixels.cropped(*center).values, weight[center], part.within(tile))
        if not blend.several.any():
            return None
        return Mixed(tile, settled(blend.mean, self.parts.kind, self.nodata), blend.several)

    def _weight(self, valid: Mask, cell: Mask | None) -> Array:
        width = self.overlap.width
        return edge_weight(valid, width) if cell is None else seam_weight(cell, valid, width)
