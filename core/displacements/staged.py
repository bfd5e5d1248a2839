# SPDX-License-Identifier: GPL-2.0-or-later
"""Features of the whole working grid, kept in nameless temporary files while a run lasts.

Without it every image would be decoded and filtered once more for each pass. Each
holds 2 bytes for each pixel, whatever the images are; the system removes it when it is closed,
also when the program is killed.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np

from ..errors import ImageIOError
from ..image import Array, Mask
from ..windows import Window

FINENESS = 1024
"""Steps of a feature of 1."""

LIMIT = 32767 // FINENESS
"""Largest feature that is kept, about 30 standard deviations of its surroundings."""

MISSING = -32768


class Plane:
    """A feature of every pixel of a grid; windows are written and read by any thread."""

    def __init__(self, file: IO[bytes], width: int) -> None:
        self._file, self._width = file, width
        self._lock = threading.Lock()

    def write(self, window: Window, f: Array, valid: Mask) -> None:
        """Keep features[row, col] of a window, 0 where not valid."""
        kept = _steps(f)
        if not valid.all():
            kept[~valid] = MISSING
        try:
            with self._lock:
                for row, line in enumerate(kept, window.row):
                    self._file.seek(2 * (row * self._width + window.col))
                    self._file.write(line.tobytes())
        except OSError as error:
            raise _no_room(error) from error

    def read(self, window: Window) -> tuple[Array, Mask]:
        """Return the features[row, col] of a window as float32, and where they are valid."""
        kept = np.empty(window.shape, np.int16)
        with self._lock:
            for row, line in enumerate(kept, window.row):
                self._file.seek(2 * (row * self._width + window.col))
                self._file.readinto(line.data)  # type: ignore[attr-defined]
        valid = kept != MISSING
        f = kept.astype(np.float32)
        f *= np.float32(1 / FINENESS)
        if not valid.all():
            f[~valid] = 0
        return f, valid


def _steps(f: Array) -> Array:
    """Return a feature in whole steps."""
    steps = f * np.float32(FINENESS)
    np.rint(steps, out=steps)
    np.maximum(steps, np.float32(-LIMIT * FINENESS), out=steps)
    np.minimum(steps, np.float32(LIMIT * FINENESS), out=steps)
    return steps.astype(np.int16)


@contextmanager
def staged_planes(width: int) -> Iterator[tuple[Plane, Plane]]:
    """Give a plane for the reference and one for the moving image.

    Raises ImageIOError when the folder for temporary files has no room.
    """
    with _nameless() as reference, _nameless() as moving:
        yield Plane(reference, width), Plane(moving, width)


def _nameless() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(prefix="orthoweave", buffering=0)
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> ImageIOError:
    return ImageIOError(
        f"Features of the images cannot be kept in {tempfile.gettempdir()}: {error.strerror}. "
        "Free some space, or set TMPDIR to another folder."
    )
