# SPDX-License-Identifier: GPL-2.0-or-later
"""Open files and decoded blocks of a run: the one exception to "no state in a module".

GDAL handles belong to one thread each; blocks that a later window needs again are shared by all
threads, so that every block is decoded once although windows do not end where blocks end. Both
are kept while a run is open (`opened`); the last run to end closes everything.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from osgeo import gdal, gdal_array

from ..image import Array
from ..windows import Window, tiling
from .errors import refusing
from .strips import MARGIN, REACH, Key, Look, Parts, Strips, Turn, strips_of

HANDLES = 16
"""Open files of a thread, unless a run sets another limit."""

REFRESH = 8 << 20
"""Bytes a thread reads before it reopens its files: GDAL's cache of their blocks (and of the
sources of a VRT) is as large as it is allowed to be, and closing is what empties it."""

BLOCKS = 48 << 20
"""Bytes of decoded blocks kept for later windows."""

LONG, LARGE = 8192, 1 << 22
"""Longest unit, px, and most pixels of a unit: strips that are larger are cut."""


class _Pool:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.handles: dict[int, OrderedDict[str, gdal.Dataset]] = {}
        self.fresh: dict[int, int] = {}
        self.strips = Strips()
        self.flying: dict[Key, Future[Parts]] = {}
        self.turns: dict[int, Turn] = {}
        self.numbers = count()
        self.limits: list[int] = []
        self.decoded: dict[int, int] = {}
        self.users = 0

    def dataset(self, path: str) -> gdal.Dataset:
        mine = self.handles.setdefault(threading.get_ident(), OrderedDict())
        if path not in mine:
            limit = min(self.limits, default=HANDLES)
            while len(mine) >= limit:
                mine.popitem(last=False)
            found = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR)
            if found is None:
                raise RuntimeError(gdal.GetLastErrorMsg())
            mine[path] = found
        mine.move_to_end(path)
        return mine[path]

    def count(self, size: int, block_bytes: int) -> None:
        thread = threading.get_ident()
        add_read(size)
        fresh = self.fresh.get(thread, 0) + size
        # a strip that is cut is decoded again by each new handle
        if fresh > max(REFRESH, block_bytes):
            self.handles.pop(thread, None)
            fresh = 0
        self.fresh[thread] = fresh

    def turn(self) -> Turn:
        """Return the turn of this thread; a read of its own is one when nobody has told."""
        found = self.turns.get(threading.get_ident())
        return Turn(next(self.numbers), open=False) if found is None else found

    def known(self, stored: Stored, piece: Window, window: Window) -> Future[Parts] | None:
        """Return what a window shows of a block that is kept or on its way, else None."""
        with self.lock:
            return self._known(stored, piece, window)

    def claim(self, stored: Stored, piece: Window, window: Window) -> Future[Parts] | None:
        """Return the same, or None: then the caller has to decode the block."""
        with self.lock:
            found = self._known(stored, piece, window)
            if found is None:
                self.flying[_key(stored, piece)] = Future()
            return found

    def _known(self, stored: Stored, piece: Window, window: Window) -> Future[Parts] | None:
        parts = self.strips.find(stored.path, strips_of(piece, window))
        if parts is None:
            return self.flying.get(_key(stored, piece))
        block: Future[Parts] = Future()
        block.set_result(parts)
        return block

    def land(self, stored: Stored, piece: Window, values: Array, turn: Turn) -> None:
        """Hand a claimed block to the threads that wait for it, and keep it."""
        with self.lock:
            self.strips.add(stored.path, piece, values, turn)
            block = self.flying.pop(_key(stored, piece))
        block.set_result([(piece, values)])

    def crash(self, key: Key, error: BaseException | None) -> None:
        """Tell waiting threads that a claimed block cannot be had; nothing if it was landed."""
        with self.lock:
            block = self.flying.pop(key, None)
        if block is not None:
            block.set_exception(error)

    def used(self, stored: Stored, pieces: list[Window], window: Window, turn: Turn) -> None:
        """Note what a read has used of blocks, and forget what is not needed for long."""
        with self.lock:
            for piece in pieces:
                self.strips.mark(stored.path, strips_of(piece, window), turn)
            if turn.row == 0:
                self.strips.close(turn)
            told = [one.number for one in self.turns.values()] if turn.row else [turn.number]
            self.strips.shrink(BLOCKS, min(told))

    def enter(self) -> None:
        """Keep what is read from now on."""
        with self.lock:
            self.users += 1

    def leave(self) -> None:
        """Close every file and forget every block, unless somebody else still needs them."""
        with self.lock:
            self.users -= 1
            if self.users:
                return
            self.handles.clear()
            self.fresh.clear()
            self.strips.clear()


_pool = _Pool()


def bytes_read() -> int:
    """Return how many bytes of pixels this process has decoded so far, or had decoded."""
    with _pool.lock:
        return sum(_pool.decoded.values())


def thread_read() -> int:
    """Return how many of them this thread has decoded."""
    return _pool.decoded.get(threading.get_ident(), 0)


def add_read(size: int) -> None:
    """Count bytes that this thread has decoded, or that another process has for it."""
    thread = threading.get_ident()
    with _pool.lock:
        _pool.decoded[thread] = _pool.decoded.get(thread, 0) + size


@contextmanager
def opened() -> Iterator[None]:
    """Keep files open and blocks in memory for as long as any such context lasts.

    Runs may overlap; a read outside of all runs leaves nothing behind.
    """
    _pool.enter()
    try:
        yield
    finally:
        _pool.leave()


@contextmanager
def limited(files: int, threads: int) -> Iterator[None]:
    """Keep at most so many files open in all threads together, the least recently used go first.

    Every thread keeps at least one. Of runs that overlap, the smallest limit holds.
    """
    each = max(1, files // threads)
    with _pool.lock:
        _pool.limits.append(each)
    try:
        yield
    finally:
        with _pool.lock:
            _pool.limits.remove(each)


@contextmanager
def turn(number: int, row: int) -> Iterator[None]:
    """Read, in this thread, for one of the windows of a run, which come in rows of so many.

    What the windows after it will need again is kept for them.
    """
    mine, thread = Turn(number, row), threading.get_ident()
    _pool.turns[thread] = mine
    try:
        yield
    finally:
        del _pool.turns[thread]
        with _pool.lock:
            _pool.strips.close(mine)


@dataclass(frozen=True)
class Stored:
    """How a file stores its pixels: where, size, block (width, height), type of all bands."""

    path: str
    size: Window
    block: tuple[int, int]
    dtype: np.dtype[Any]

    @property
    def unit(self) -> tuple[int, int]:
        """Width and height of what is decoded and kept at once.

        Blocks, or parts of strips that are very wide or high, or several low strips.
        """
        width = min(self.block[0], LONG)
        height = min(self.block[1], max(1, LARGE // width))
        return width * max(1, 128 // width), height * max(1, 64 // height)

    @property
    def block_bytes(self) -> int:
        """Size of one band's block."""
        return self.block[0] * self.block[1] * self.dtype.itemsize


def read_mask(path: str, window: Window) -> Array:
    """Return the per-dataset mask [row, col] of a window."""
    with opened(), refusing(_sentence(path, window)):
        # a band does not keep its file open
        dataset = _pool.dataset(path)
        band = dataset.GetRasterBand(1).GetMaskBand()
        return np.asarray(band.ReadAsArray(*_box(window)))


def read_values(stored: Stored, window: Window, *, keep: bool = False) -> Array:
    """Return all bands[band, row, col] of a window; blocks decoded before are not decoded again.

    Blocks that other windows need too are kept; one that another thread is decoding is waited
    for. Every thread first decodes what it has claimed, so that two never wait for each other.
    `keep` keeps all blocks for a second look, not only those at the edge.
    """
    with opened():
        return _read_values(stored, window, keep)


def _read_values(stored: Stored, window: Window, keep: bool) -> Array:
    aligned = window.aligned(*stored.unit).clipped(stored.size)
    # windows of whole blocks have no margin, so that their neighbors need nothing of them
    margin = 0 if aligned == window else MARGIN
    inner = Window(0, 0, 0, 0) if keep else window.padded(-margin)
    pieces = list(tiling(aligned, *stored.unit))
    blocks: list[Future[Parts]] = []
    mine: list[Window] = []
    for piece in pieces:
        find = _pool.known if inner.contains(piece) else _pool.claim
        block = find(stored, piece, window)
        mine += [piece] if block is None else []
        blocks += [] if block is None else [block]
    if aligned == window and not blocks and not keep:
        return _decode(stored, window)
    turn = _pool.turn()
    out = _decoded_here(stored, window, inner, mine, turn)
    for block in blocks:
        for place, values in block.result():
            out = _paste(out, window, place, values)
    turn.look(stored.path, Look(window, _back(window, margin, turn, keep)))
    _pool.used(stored, pieces, window, turn)
    if out is None:
        raise ValueError("an empty window was read")
    return out


def _back(window: Window, margin: int, turn: Turn, keep: bool) -> tuple[int, int]:
    """Columns and rows by which the next windows come back."""
    if keep and not turn.row:
        # nobody knows how far, where windows overlap a lot
        return (window.width - window.width // 2, window.height - window.height // 2)
    return (REACH, REACH) if keep else (margin, margin)


def _decoded_here(
    stored: Stored, window: Window, inner: Window, mine: list[Window], turn: Turn
) -> Array | None:
    """Decode the claimed blocks of a window and give them to everybody."""
    out: Array | None = None
    with _Claims([_key(stored, piece) for piece in mine]):
        for run in _runs(mine):
            decoded = _decode(stored, run)
            out = _paste(out, window, run, decoded)
            for piece in tiling(run, *stored.unit):
                if not inner.contains(piece):
                    _pool.land(stored, piece, decoded[piece.banded(run)], turn)
    return out


class _Claims:
    """Blocks a thread has promised to decode; a failure is passed on to those that wait."""

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys

    def __enter__(self) -> None:
        """Nothing to begin with."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Tell waiting threads of the failure."""
        for key in self._keys if error is not None else ():
            _pool.crash(key, error)


def _key(stored: Stored, piece: Window) -> Key:
    return (stored.path, piece.col, piece.row)


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


def _decode(stored: Stored, window: Window) -> Array:
    kind = gdal_array.NumericTypeCodeToGDALTypeCode(stored.dtype)
    with refusing(_sentence(stored.path, window)):
        found = _pool.dataset(stored.path).ReadAsArray(*_box(window), buf_type=kind)
        values = np.asarray(found)
    values = values.reshape(-1, *window.shape)
    _pool.count(values.nbytes, stored.block_bytes)
    return values


def _box(window: Window) -> tuple[int, int, int, int]:
    return (window.col, window.row, window.width, window.height)


def _sentence(path: str, window: Window) -> str:
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    return f"{name}: window {_box(window)} cannot be read"
