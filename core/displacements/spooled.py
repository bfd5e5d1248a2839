# SPDX-License-Identifier: GPL-2.0-or-later
"""Pixels in nameless temporary files: the system removes them also when the program is killed."""

from __future__ import annotations

import tempfile
import threading
from typing import IO, Any

import numpy as np

from ..errors import ImageIOError
from ..image import Array
from ..windows import Window

TILE = 64
"""Side of the squares in which pixels lie in a file: a window is a few long runs of bytes."""


class Tiles:
    """Numbers of every pixel of a grid `width` px wide, written and read by any thread."""

    def __init__(self, file: IO[bytes], width: int, dtype: np.dtype[Any]) -> None:
        self._file, self._across, self._dtype = file, -(-width // TILE), dtype
        self._lock = threading.Lock()

    def write(self, window: Window, values: Array) -> None:
        """Keep values[row, col] of a window that begins at multiples of 64 px.

        It ends at such multiples or at the edge of the grid. Raises OSError on a full disk.
        """
        bottom, right = (-size % TILE for size in window.shape)
        if bottom or right:
            values = np.pad(values, ((0, bottom), (0, right)))
        rows, cols = values.shape[0] // TILE, values.shape[1] // TILE
        tiles = values.reshape(rows, TILE, cols, TILE).transpose(0, 2, 1, 3).copy()
        with self._lock:
            for row, line in enumerate(tiles, window.row // TILE):
                self._file.seek(self._place(row, window.col // TILE))
                self._file.write(line.data)

    def read(self, window: Window) -> Array:
        """Return values[row, col] of a window all of which was written."""
        box = window.aligned(TILE, TILE)
        rows, cols = box.height // TILE, box.width // TILE
        tiles = np.empty((rows, cols, TILE, TILE), self._dtype)
        with self._lock:
            for row, line in enumerate(tiles, box.row // TILE):
                self._file.seek(self._place(row, box.col // TILE))
                self._file.readinto(line.data)  # type: ignore[attr-defined]
        values = tiles.transpose(0, 2, 1, 3).reshape(box.shape)
        return values[window.within(box)]

    def _place(self, row: int, col: int) -> int:
        return (row * self._across + col) * TILE * TILE * self._dtype.itemsize


def nameless() -> IO[bytes]:
    """Return a temporary file; raises ImageIOError when its folder has no room."""
    try:
        return tempfile.TemporaryFile(prefix="orthoweave", buffering=0)
    except OSError as error:
        raise no_room(error) from error


def no_room(error: OSError) -> ImageIOError:
    """Return what to say when temporary files cannot grow."""
    return ImageIOError(
        f"Features of the images cannot be kept in {tempfile.gettempdir()}: {error.strerror}. "
        "Free some space, or set TMPDIR to another folder."
    )
