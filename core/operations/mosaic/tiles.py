# SPDX-License-Identifier: GPL-2.0-or-later
"""Write a mosaic as one file, or as a folder of tiles that one file shows together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...image import Pixels
from ...progress import SILENT, Progress
from ...raster import refuse_overwriting
from ...raster.virtual import write_virtual
from ...requests import Writing
from ...seams.holes import Holes
from ...seams.mosaic import Mosaic
from ...stage import make_folder, write_text
from ...transform.framed import Framed
from ...windows import Window, tiling
from ...write import Beside, Written, paths_of, style, write

VIRTUAL, INDEX = "MergedImage.vrt", "tiles.csv"


@dataclass(frozen=True)
class Merged:
    """A mosaic on disk; `planned` when nothing was written."""

    path: str
    valid_pixels: int
    holes: int | None
    bytes: int
    planned: bool = False


def write_whole(
    merged: Mosaic,
    output: str,
    request: Writing,
    progress: Progress,
    beside: Sequence[Beside] = (),
) -> Merged:
    """Write a mosaic as one file, and what stands beside it."""
    holes = Holes(merged)
    done = write(merged, output, request, progress, (holes,), beside)
    return Merged(output, done.valid_pixels, holes.found, done.bytes, done.state == "planned")


def write_tiles(merged: Mosaic, folder: str, request: Any, progress: Progress = SILENT) -> Merged:
    """Write the tiles of a mosaic that an image reaches, a virtual raster of them, and an index."""
    tiles = _tiles(merged, request.tiles, request.tile_overlap)
    counts = _Counts(Holes(merged))
    views, written = list[Framed](), list[Written]()
    for tile, part in zip(tiles, progress.split(len(tiles))):
        views.append(Framed(merged, merged.grid.cropped(tile.whole)))
        path = os.path.join(folder, tile.name)
        written.append(write(views[-1], path, request, part, (_Counted(counts, tile),)))
    paths = paths_of(written)
    if not paths:
        return Merged(folder, 0, None, 0, planned=True)
    output = write_virtual(os.path.join(folder, VIRTUAL), paths)
    if request.tile_index:
        write_text(os.path.join(folder, INDEX), _index(merged, tiles))
    size = sum(one.bytes for one in written)
    samples = np.concatenate([one.sample for one in written], 1)
    virtual = Written(output, counts.valid, 0, 0, size, samples)
    style([*views, merged], [*written, virtual])
    return Merged(output, counts.valid, counts.holes.found, size)


def tile_folder(output: str, inputs: Iterable[str]) -> str:
    """Return the folder of tiles that an output means, created.

    Raises InvalidOption when the file that shows them together is an input.
    """
    folder = os.path.splitext(output)[0] if output.lower().endswith((".tif", ".tiff")) else output
    refuse_overwriting(os.path.join(folder, VIRTUAL), inputs)
    make_folder(folder)
    return os.path.abspath(folder)


@dataclass(frozen=True)
class _Tile:
    """A tile without (`core`) and with its overlap, in pixels of the mosaic."""

    name: str
    core: Window
    whole: Window


def _tiles(merged: Mosaic, side: int, overlap: int) -> list[_Tile]:
    area, found = merged.grid.window, list[_Tile]()
    for core in tiling(area, side, side):
        whole = core.padded(overlap).clipped(area)
        if merged.parts.under(whole) or merged.overlap.rule == "count":
            found.append(_Tile(f"tile_{core.row // side}_{core.col // side}.tif", core, whole))
    return found


def _index(merged: Mosaic, tiles: Sequence[_Tile]) -> str:
    rows = ["tile,minx,maxx,miny,maxy"]
    for tile in tiles:
        left, low, right, high = merged.grid.cropped(tile.whole).bounds
        rows.append(f"{tile.name},{left!r},{right!r},{low!r},{high!r}")
    return "\n".join(rows) + "\n"


@dataclass
class _Counts:
    """Valid pixels and holes of all tiles, each pixel of the mosaic counted once."""

    holes: Holes
    valid: int = 0


@dataclass(frozen=True)
class _Counted:
    """Counts the pixels of a tile that no other tile has (an OwnCollector)."""

    counts: _Counts
    tile: _Tile

    def feed(self, index: int, window: Window, pixels: Pixels) -> tuple[int, int]:
        """Return valid pixels and holes of a window of the tile."""
        placed = window.shifted(self.tile.whole.col, self.tile.whole.row)
        own = placed.clipped(self.tile.core)
        if own.empty:
            return 0, 0
        mine = pixels.cropped(*own.within(placed))
        return int(np.count_nonzero(mine.valid)), self.counts.holes.feed(index, own, mine)

    def merge(self, partial: tuple[int, int]) -> None:
        """Add the counts."""
        self.counts.valid += partial[0]
        self.counts.holes.merge(partial[1])
