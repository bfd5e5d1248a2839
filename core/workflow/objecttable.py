# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics of the objects of tiles in files, read by rows; objects may lie in several tiles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np

from ..executor import each
from ..image import Array, Image
from ..landcover.classified import missing_features
from ..landcover.lines import Ids
from ..landcover.objects import Moments, joined_moments, moments_of
from ..progress import SILENT, Progress
from ..provenance import write_json
from ..stage import staged
from ..windows import Window, tiling

SIDE = 512
"""Windows in which objects are looked at, px."""

KEY, PIXELS, KNOWN = range(3)
"""Columns of the list of objects: number in all tiles, pixels, those whose features are known."""


@dataclass(frozen=True)
class Files:
    """Where the table of a tile lies: list of objects, statistics, what the columns mean."""

    objects: str
    statistics: str
    columns: str

    @property
    def all(self) -> tuple[str, ...]:
        """All of them."""
        return (self.objects, self.statistics, self.columns)


@dataclass(frozen=True)
class Given:
    """Features, the numbers of the objects (0 = none) on the same grid, and each one's key."""

    image: Image
    numbers: Image
    keys: Ids


def write_table(
    given: Given,
    features: Sequence[str],
    statistics: Sequence[str],
    files: Files,
    *,
    threads: int = 0,
    progress: Progress = SILENT,
) -> Ids:
    """Write the statistics of objects and return the list of objects, as written.

    An object is written as soon as the last window with it was read, so that memory does not grow
    with the number of objects.
    """
    kinds = ("mean", *(name for name in statistics if name not in ("mean", "count")))
    found = np.zeros((len(given.keys), 3), np.int64)
    found[:, KEY] = given.keys
    with staged(files.statistics) as path, open(path, "wb") as file:
        sheet = _Sheet(file, (len(given.keys), len(kinds) * len(features)), kinds)
        for done in _finished(given, kinds, threads, progress):
            rows = done.objects - 1
            found[rows, PIXELS], found[rows, KNOWN] = done.pixels, done.known
            sheet.put(done)
    _save(files.objects, found)
    write_json(files.columns, {"features": list(features), "statistics": list(kinds)})
    return found


def _save(path: str, values: Array) -> None:
    with staged(path) as temporary, open(temporary, "wb") as file:
        np.save(file, values, allow_pickle=False)


class _Sheet:
    """Rows of float32 in a file that numpy reads."""

    def __init__(self, file: BinaryIO, shape: tuple[int, int], kinds: Sequence[str]) -> None:
        self._file, self._width, self._kinds = file, 4 * shape[1], kinds
        head: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, head)  # type: ignore[no-untyped-call]
        self._start = file.tell()
        file.truncate(self._start + 4 * shape[0] * shape[1])

    def put(self, moments: Moments) -> None:
        """Write the rows of some objects."""
        values = np.concatenate([moments.statistic(name) for name in self._kinds], 1)
        for row, one in zip((moments.objects - 1).tolist(), values.astype("<f4")):
            self._file.seek(self._start + row * self._width)
            self._file.write(one.tobytes())


def _finished(
    given: Given, kinds: Sequence[str], threads: int, progress: Progress
) -> Iterator[Moments]:
    """Yield the statistics of objects that no later window holds."""
    grid = given.image.grid
    windows = list(tiling(grid.window, SIDE, SIDE))
    last = np.zeros(len(given.keys) + 1, np.int64)
    for window in windows:
        progress.check()
        last[np.unique(given.numbers.read(window).values[0])] = window.row

    def look(window: Window) -> tuple[Window, Moments]:
        numbers = given.numbers.read(window).values[0]
        if not numbers.any():
            nothing = np.empty((given.image.bands, 0, 0))
            return window, moments_of(numbers[:0, :0], nothing, numbers[:0, :0] > 0, kinds)
        pixels = given.image.read(window)
        missing = missing_features(given.image, pixels.values)
        known = pixels.valid if missing is None else pixels.valid & ~missing
        return window, moments_of(numbers, pixels.values, known, kinds)

    parts: list[Moments] = []
    total = len(windows)
    for window, moments in each(look, windows, threads=threads, progress=progress, total=total):
        parts.append(moments)
        if window.right == grid.width:
            whole = joined_moments(parts)
            done = last[whole.objects] <= window.row
            yield _taken(whole, done)
            parts = [_taken(whole, ~done)]


def _taken(moments: Moments, rows: Array) -> Moments:
    """Return some of the objects; what is not wanted stays empty."""
    columns = (getattr(moments, one.name) for one in fields(moments))
    return Moments(*(column[rows] if len(column) else column for column in columns))


@dataclass(frozen=True)
class Table:
    """The objects of one tile: number n has row n - 1; rows are read when they are asked for."""

    files: Files
    objects: Ids
    features: tuple[str, ...]
    kinds: tuple[str, ...]

    def moments(self, rows: Ids) -> Moments:
        """Return what is known of some objects; they are called by their keys."""
        # mapped for a moment only: mapped pages count as memory of the process
        values = np.array(np.load(self.files.statistics, mmap_mode="r")[rows], np.float64)
        known = self.objects[rows, KNOWN]
        values[known == 0] = np.nan
        parts = dict(zip(self.kinds, np.split(values, len(self.kinds), 1)))
        none = np.empty((0, 0))
        squares = parts["std"] ** 2 * known[:, None] if "std" in parts else none
        return Moments(
            self.objects[rows, KEY],
            self.objects[rows, PIXELS],
            known,
            parts["mean"],
            squares,
            parts.get("min", none),
            parts.get("max", none),
        )


def read_table(files: Files) -> Table:
    """Return the table of a tile."""
    with open(files.columns, encoding="utf-8") as file:
        said = json.load(file)
    objects = np.load(files.objects, allow_pickle=False)
    return Table(files, objects, tuple(said["features"]), tuple(said["statistics"]))


@dataclass(frozen=True)
class Pooled:
    """The objects of a tile with all that other tiles know of them, so that all agree.

    `tables` are those of all tiles that may share objects, in one order for all; `place` is our
    own among them.
    """

    tables: tuple[Table, ...]
    place: int

    @property
    def own(self) -> Table:
        """The table of the tile."""
        return self.tables[self.place]

    @cached_property
    def pixels(self) -> Ids:
        """All pixels of each object."""
        found = np.zeros(len(self.own.objects), np.int64)
        for table in self.tables:
            mine, theirs = _same(self.own.objects[:, KEY], table.objects[:, KEY])
            found[mine] += table.objects[theirs, PIXELS]
        return found

    def rows(self, rows: Ids, statistics: Sequence[str]) -> Array:
        """Return values[object, column] (float32) of rows in ascending order, feature by feature
        for each statistic; NaN where no pixel is known.
        """
        parts = []
        for table in self.tables:
            _, theirs = _same(self.own.objects[rows, KEY], table.objects[:, KEY])
            if len(theirs):
                parts.append(table.moments(theirs))
        found = joined_moments(parts)
        wanted = [found.statistic(name) for name in statistics]
        return np.concatenate(wanted, 1).astype(np.float32)


def _same(keys: Ids, others: Ids) -> tuple[Ids, Ids]:
    """Return where keys (ascending) and others (ascending) hold the same."""
    _, mine, theirs = np.intersect1d(keys, others, assume_unique=True, return_indices=True)
    return mine, theirs
