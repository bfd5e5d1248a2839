# SPDX-License-Identifier: GPL-2.0-or-later
"""Series kept on disk, area by area, while windows of it are read: each date is decoded once.

A window that holds all dates is small, and the blocks of files are larger than it: read window by
window, every block of every date would be decoded again and again.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

import numpy as np

from ..image import Array, Image, Pixels, View, constant
from ..windows import Window, tiling

AREA, TILE = 512, 64
"""Sides of what is read at once and of what stands together on disk, px."""

MOST = 20
"""Areas on disk at once."""

WORTH = 20 << 20
"""Bytes of an area from which on the blocks of all dates do not stay in memory."""


def spooled(image: Image, group: int, folder: str) -> Image:
    """Return a series that is read date by date (`group` bands each), if it has so many bands.

    What is read lies in a temporary file in the folder until every pixel was asked for.
    """
    bytes_each = image.bands * image.dtype.itemsize
    large = min(AREA, image.grid.width) * min(AREA, image.grid.height) * bytes_each > WORTH
    return Spooled(image, group, folder) if large else image


class _Area:
    """The bands of a window in a temporary file, filled by the threads that need them."""

    def __init__(self, image: Image, window: Window, group: int, spool: IO[bytes]) -> None:
        self.image, self.window = image, window
        starts = range(1, image.bands + 1, group)
        self.groups = [range(at, min(at + group, image.bands + 1)) for at in reversed(starts)]
        self.lacking = len(self.groups)
        self.lock = threading.Condition()
        self.valid = np.zeros(window.shape, bool)
        self.file = spool
        self.tiles = list(tiling(Window(0, 0, window.width, window.height), TILE, TILE))
        self.served = 0

    def fill(self) -> None:
        """Read the groups of bands that no other thread reads, until all are there."""
        while True:
            with self.lock:
                self.lock.wait_for(lambda: self.groups or not self.lacking)
                if not self.lacking:
                    return
                bands = self.groups.pop()
            self._fill(bands)

    def _fill(self, bands: range) -> None:
        """Read a group; when that fails it is there for another thread to fail with."""
        kept = False
        try:
            pixels = self.image.read(self.window, bands)
            with self.lock:
                self._keep(bands, pixels)
            kept = True
        finally:
            with self.lock:
                self.lacking -= kept
                if not kept:
                    self.groups.append(bands)
                self.lock.notify_all()

    def _keep(self, bands: range, pixels: Pixels) -> None:
        self.valid |= pixels.valid
        for number, tile in enumerate(self.tiles):
            values = np.zeros((len(bands), TILE, TILE), pixels.values.dtype)
            rows = slice(tile.row, tile.row + tile.height)
            part = pixels.values[:, rows, tile.col : tile.col + tile.width]
            values[:, : tile.height, : tile.width] = part
            self.file.seek((number * self.image.bands + bands[0] - 1) * values[0].nbytes)
            self.file.write(values.tobytes())

    def take(self, window: Window, out: Array, valid: Array) -> None:
        """Copy the part of the window that lies here into out[band, row, col]."""
        mine = window.clipped(self.window)
        rows, cols = mine.within(window)
        valid[rows, cols] = self.valid[mine.within(self.window)]
        length = self.image.bands * TILE * TILE * out.dtype.itemsize
        for number, tile in enumerate(self.tiles):
            here = tile.shifted(self.window.col, self.window.row)
            part = here.clipped(mine)
            if part.empty:
                continue
            with self.lock:
                self.file.seek(number * length)
                found = self.file.read(length)
            values = np.frombuffer(found, out.dtype).reshape(-1, TILE, TILE)
            out[part.banded(window)] = values[part.banded(here)]
        with self.lock:
            self.served += mine.pixels


def _spool(folder: str) -> IO[bytes]:
    """Return a file that is removed when nobody holds it any more."""
    return tempfile.TemporaryFile(dir=folder)


class _Areas:
    """The areas that are on disk."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: OrderedDict[tuple[int, int], _Area] = OrderedDict()


@dataclass(frozen=True)
class Spooled(View):
    """An image whose bands are read in groups, AREA by AREA, and kept on disk meanwhile."""

    group: int
    folder: str
    areas: _Areas = field(default_factory=_Areas, compare=False, repr=False)

    @property
    def swath(self) -> int:
        """Width of the columns in which windows are asked for best."""
        return AREA

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Return a window out of its areas, which are read when they are not there yet."""
        out = np.empty((self.source.bands, *window.shape), self.source.dtype)
        valid = np.zeros(window.shape, bool)
        for square in tiling(window.aligned(AREA, AREA), AREA, AREA):
            area = self._area(square.clipped(self.source.grid.window))
            area.fill()
            area.take(window, out, valid)
            self._forget(area)
        found = Pixels(out, constant(True, window.shape) if valid.all() else valid)
        return found if bands is None else found.with_values(out[[band - 1 for band in bands]])

    def _area(self, window: Window) -> _Area:
        key = window.row, window.col
        with self.areas.lock:
            known = self.areas.known
            if key not in known:
                known[key] = _Area(self.source, window, self.group, _spool(self.folder))
            known.move_to_end(key)
            while len(known) > MOST:
                known.popitem(last=False)
            return known[key]

    def _forget(self, area: _Area) -> None:
        """Forget an area of which every pixel was asked for."""
        if area.served < area.window.pixels:
            return
        with self.areas.lock:
            self.areas.known.pop((area.window.row, area.window.col), None)

    def __getstate__(self) -> dict[str, object]:
        """Leave the areas behind."""
        return {**self.__dict__, "areas": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Begin without areas."""
        self.__dict__.update({**state, "areas": _Areas()})
