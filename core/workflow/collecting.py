# SPDX-License-Identifier: GPL-2.0-or-later
"""The pixels under polygons, read by windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

import numpy as np

from ..executor import each, processors
from ..image import Array, Image
from ..landcover.classified import missing_features
from ..landcover.sampling import depths_in
from ..progress import SILENT, Progress
from ..requests import Memory
from ..vector.groundtruth import Burning
from ..windows import Window

LARGEST_SIDE, SMALLEST_SIDE = 512, 32
"""Windows in which pixels are collected, px: powers of two, for areas of 512 hold whole ones."""

READ = 4 << 20
"""Bytes of the spool that are read at once."""


@dataclass(frozen=True)
class Wanted:
    """Polygons on a grid, which of them count, and the largest depth that is told apart."""

    burning: Burning
    usable: Array
    margin: int = 0


@dataclass(frozen=True)
class _Part:
    """Candidates of a window: values[pixel, feature] and where they come from."""

    values: Array
    places: Array
    invalid: int
    conflicts: int


@dataclass(frozen=True)
class Collected:
    """Columns (row, column, feature, depth; int32) of all candidates, in the order of the spool."""

    places: Array
    invalid: int
    conflicts: int


def collect(
    image: Image,
    wanted: Wanted,
    spool: IO[bytes],
    request: Memory,
    progress: Progress = SILENT,
) -> Collected:
    """Read all windows that hold usable polygons, once, and write the candidates' values.

    The values of each pixel go to `spool` as float32, so that memory stays small.
    """
    burning, margin = wanted.burning, wanted.margin
    # one area of a series that is kept on disk after the other
    around = burning.windows(_side(image, request))
    windows = sorted(around, key=lambda one: (one.row // LARGEST_SIDE, one.col // LARGEST_SIDE))
    allowed = np.append(False, wanted.usable)

    def look(window: Window) -> _Part:
        wide = burning.read(window.padded(margin))
        center = window.within(window.padded(margin))
        held = wide.features[center]
        asked = allowed[held]
        pixels = image.read(window)
        known = asked & pixels.valid
        missing = missing_features(image, pixels.values)
        if missing is not None:
            known &= ~missing
        rows, cols = np.nonzero(known)
        depths = depths_in(wide.features, margin)[center] if margin else np.zeros_like(held)
        places = [rows + window.row, cols + window.col, held[known] - 1, depths[known]]
        return _Part(
            np.ascontiguousarray(pixels.values[:, rows, cols].T, np.float32),
            np.stack(places, 1).astype(np.int32),
            int(asked.sum()) - len(rows),
            int(wide.conflicts[center].sum()),
        )

    found, invalid, conflicts = [np.empty((0, 4), np.int32)], 0, 0
    for part in each(look, windows, threads=request.threads, progress=progress, total=len(windows)):
        spool.write(part.values.tobytes())
        found.append(part.places)
        invalid, conflicts = invalid + part.invalid, conflicts + part.conflicts
    return Collected(np.concatenate(found), invalid, conflicts)


def values_at(spool: IO[bytes], rows: Array, features: int) -> Array:
    """Return values[row, feature] of some candidates, by their numbers in the spool.

    A map of the whole file would count as memory of the process.
    """
    found = np.empty((len(rows), features), np.float32)
    order = np.argsort(rows, kind="stable")
    width = 4 * features
    step = max(1, READ // width)
    parts, starts = np.unique(rows[order] // step, return_index=True)
    for part, some in zip(parts.tolist(), np.split(order, starts[1:])):
        spool.seek(part * step * width)
        block = np.frombuffer(spool.read(step * width), np.float32).reshape(-1, features)
        found[some] = block[rows[some] - part * step]
    return found


def _side(image: Image, request: Memory) -> int:
    """Return the side of windows whose pixels fit into the memory for all threads."""
    bytes_each = image.bands * (image.dtype.itemsize + 8)
    share = request.memory * 2**20 / (2 * processors(request.threads))
    side = LARGEST_SIDE
    while side > SMALLEST_SIDE and side * side * bytes_each > share:
        side //= 2
    return request.window_size or side
