# SPDX-License-Identifier: GPL-2.0-or-later
"""How much seams would show if images were not mixed along them, seen while a mosaic is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ..image import ArrayImage, Image, Pixels
from ..seams.mosaic import Mosaic
from ..seams.overlap import labels_in, present
from ..seams.visibility import TILE, Steps, steps_in
from ..transform.framed import Framed
from ..windows import Window, tiling

BLENDING = ("feather", "multiband")
"""Rules that mix images along seams."""


@dataclass(frozen=True)
class Piece:
    """What was seen of a tile in a window: its steps when that is all of it, else the pixels."""

    tile: Window
    window: Window
    seen: Steps | Pixels


@dataclass
class HardCut:
    """Compares both sides of the seams in tiles of a mosaic as they are before images are mixed.

    It looks while the mosaic is read, and is fed what is written (an OwnCollector) to hand over
    what it has seen, since both may happen in another process. The tiles are the same whatever
    the windows are; parts of a tile are kept until the last one has come.

    Seams so near to the edge of a tile that their surroundings lie beyond it are left out, so the
    result is that of most of the seams.
    """

    labels: Image
    passed: dict[Window, Pixels] = field(default_factory=dict)
    seamed: dict[Window, bool] = field(default_factory=dict)
    open: dict[Window, _Open] = field(default_factory=dict)
    found: dict[Window, Steps] = field(default_factory=dict)

    def look(self, window: Window, pixels: Pixels) -> None:
        """Keep a window in which images are mixed next; called from several threads."""
        self.passed[window] = pixels.with_values(pixels.values.copy())

    def feed(self, index: int, window: Window, pixels: Pixels) -> list[Piece]:
        """Return what was seen of the tiles under a window."""
        inside = [part for part in list(self.passed) if window.contains(part)]
        uncut = pixels.with_values(pixels.values.copy()) if inside else pixels
        for part in inside:
            uncut.values[part.banded(window)] = self.passed.pop(part).values
        return list(self._pieces(window, uncut))

    def merge(self, partial: list[Piece]) -> None:
        """Add it; look at tiles of which nothing is missing any more."""
        for piece in partial:
            if isinstance(piece.seen, Steps):
                self.found[piece.tile] = piece.seen
                continue
            tile = piece.tile
            if tile not in self.open:
                self.open[tile] = _Open.of(tile, piece.seen)
            begun = self.open[tile]
            begun.add(piece.window, tile, piece.seen)
            if not begun.missing:
                self.found[tile] = self._steps(tile, self.open.pop(tile).pixels)

    def _pieces(self, window: Window, pixels: Pixels) -> Iterator[Piece]:
        everything = self.labels.grid.window
        for square in tiling(window.aligned(TILE, TILE), TILE, TILE):
            tile = square.clipped(everything)
            if not self._has_seams(tile):
                continue
            part = tile.clipped(window)
            seen = pixels.cropped(*part.within(window))
            if part == tile:
                yield Piece(tile, part, self._steps(tile, seen))
            else:
                yield Piece(tile, part, seen)

    def _has_seams(self, tile: Window) -> bool:
        if tile not in self.seamed:
            self.seamed[tile] = len(present(labels_in(self.labels, tile))) > 1
        return self.seamed[tile]

    def _steps(self, tile: Window, pixels: Pixels) -> Steps:
        grid = self.labels.grid.cropped(tile)
        image = ArrayImage("cut", grid, pixels.values, pixels.valid)
        return steps_in(image, Framed(self.labels, grid), grid.window) or Steps(image.bands)

    @property
    def visibility(self) -> float | None:
        """How much the seams show; None when there was nothing to see."""
        if not self.found:
            return None
        first, *others = (self.found[at] for at in sorted(self.found))
        total = Steps(first.bands)
        for steps in (first, *others):
            total.add(steps)
        return total.visibility


@dataclass
class _Open:
    """A tile of which some pixels are missing still."""

    pixels: Pixels
    missing: int

    @classmethod
    def of(cls, tile: Window, part: Pixels) -> _Open:
        """Return a tile of which nothing is known, for pixels like those of a part."""
        values = np.zeros((len(part.values), *tile.shape), part.values.dtype)
        return cls(Pixels(values, np.zeros(tile.shape, bool)), tile.pixels)

    def add(self, window: Window, tile: Window, part: Pixels) -> None:
        """Put a part in its place."""
        self.pixels.values[window.banded(tile)] = part.values
        self.pixels.valid[window.within(tile)] = part.valid
        self.missing -= part.valid.size


def watched(mosaic: Mosaic) -> tuple[Mosaic, HardCut | None]:
    """Return a mosaic that is watched while it is read, and who watches; nobody without seams."""
    seams = mosaic.overlap.seams
    if seams is None or mosaic.overlap.rule not in BLENDING:
        return mosaic, None
    cut = HardCut(seams.labels)
    return replace(mosaic, watch=cut.look), cut
