# SPDX-License-Identifier: GPL-2.0-or-later
"""Open files and decoded blocks of a run: the one exception to "no state in a module".

GDAL handles belong to one thread each; blocks that a later window needs again are shared by all
threads, so that every block is decoded once although windows do not end where blocks end. The
executor closes everything when its work is done.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
from osgeo import gdal

from ..image import Array
from ..windows import Window
from .errors import refusing

HANDLES = 16
"""Open files of a thread."""

REFRESH = 16 << 20
"""Bytes a thread reads before it reopens its files: GDAL's cache of their blocks (and of the
sources of a VRT) is as large as it is allowed to be, and closing is what empties it."""

BLOCKS = 48 << 20
"""Bytes of decoded blocks kept for later windows."""


class _Pool:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.handles: dict[int, OrderedDict[str, gdal.Dataset]] = {}
        self.fresh: dict[int, int] = {}
        self.blocks: OrderedDict[tuple[str, int, int], Array] = OrderedDict()
        self.kept = 0
        self.decoded = 0

    def dataset(self, path: str) -> gdal.Dataset:
        mine = self.handles.setdefault(threading.get_ident(), OrderedDict())
        if path not in mine:
            while len(mine) >= HANDLES:
                mine.popitem(last=False)
            mine[path] = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR)
        mine.move_to_end(path)
        return mine[path]

    def count(self, size: int) -> None:
        thread = threading.get_ident()
        with self.lock:
            self.decoded += size
        self.fresh[thread] = self.fresh.get(thread, 0) + size
        if self.fresh[thread] > REFRESH:
            self.handles.pop(thread, None)
            self.fresh[thread] = 0

    def take(self, key: tuple[str, int, int]) -> Array | None:
        with self.lock:
            found = self.blocks.get(key)
            if found is not None:
                self.blocks.move_to_end(key)
            return found

    def keep(self, key: tuple[str, int, int], values: Array) -> None:
        with self.lock:
            if key in self.blocks:
                return
            self.blocks[key] = values
            self.kept += values.nbytes
            while self.kept > BLOCKS:
                self.kept -= self.blocks.popitem(last=False)[1].nbytes

    def close(self) -> None:
        with self.lock:
            self.handles.clear()
            self.fresh.clear()
            self.blocks.clear()
            self.kept = 0


_pool = _Pool()


def bytes_read() -> int:
    """Return how many bytes of pixels this process has decoded so far."""
    return _pool.decoded


def close() -> None:
    """Close every file and forget every block."""
    _pool.close()


def read_block_mask(path: str, window: Window) -> Array:
    """Return the per-dataset mask [row, col] of a window."""
    with refusing(_sentence(path, window)):
        band = _pool.dataset(path).GetRasterBand(1).GetMaskBand()
        return np.asarray(band.ReadAsArray(*_box(window)))


def read_values(path: str, window: Window, size: Window, block: tuple[int, int]) -> Array:
    """Return all bands[band, row, col] of a window; blocks decoded before are not decoded again.

    `size` is the window of the whole file, `block` its block's width and height.
    """
    aligned = window.aligned(*block).clipped(size)
    if aligned == window:
        return _decode(path, window)
    pieces = [
        (piece, _pool.take((path, piece.col, piece.row))) for piece in _blocks(aligned, block)
    ]
    out: Array | None = None
    for piece, values in pieces:
        if values is not None:
            out = _paste(out, window, piece, values)
    missing = [piece for piece, values in pieces if values is None]
    for run in _runs(missing):
        decoded = _decode(path, run)
        out = _paste(out, window, run, decoded)
        for piece in _blocks(run, block):
            if not window.contains(piece):
                rows, cols = piece.within(run)
                _pool.keep((path, piece.col, piece.row), decoded[:, rows, cols].copy())
    if out is None:
        raise ValueError("an empty window was read")
    return out


def _blocks(area: Window, block: tuple[int, int]) -> Iterator[Window]:
    width, height = block
    for row in range(area.row, area.bottom, height):
        for col in range(area.col, area.right, width):
            yield Window(col, row, width, height).clipped(area)


def _runs(pieces: list[Window]) -> list[Window]:
    """Join blocks side by side into runs, and equal runs below each other into rectangles."""
    runs: list[Window] = []
    for piece in pieces:
        if runs and runs[-1].right == piece.col and runs[-1].row == piece.row:
            last = runs.pop()
            piece = Window(last.col, last.row, last.width + piece.width, last.height)
        runs.append(piece)
    joined: list[Window] = []
    for run in runs:
        above = joined[-1] if joined else None
        same = above and (above.col, above.width, above.bottom) == (run.col, run.width, run.row)
        if above and same:
            joined[-1] = Window(run.col, above.row, run.width, above.height + run.height)
        else:
            joined.append(run)
    return joined


def _paste(out: Array | None, window: Window, piece: Window, values: Array) -> Array:
    if out is None:
        out = np.empty((values.shape[0], *window.shape), values.dtype)
    common = window.clipped(piece)
    rows, cols = common.within(window)
    from_rows, from_cols = common.within(piece)
    out[:, rows, cols] = values[:, from_rows, from_cols]
    return out


def _decode(path: str, window: Window) -> Array:
    with refusing(_sentence(path, window)):
        values = np.asarray(_pool.dataset(path).ReadAsArray(*_box(window)))
    values = values.reshape(-1, *window.shape)
    _pool.count(values.nbytes)
    return values


def _box(window: Window) -> tuple[int, int, int, int]:
    return (window.col, window.row, window.width, window.height)


def _sentence(path: str, window: Window) -> str:
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    return f"{name}: window {_box(window)} cannot be read"
