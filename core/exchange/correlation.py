# SPDX-License-Identifier: GPL-2.0-or-later
"""One line of statistics for each run, appended to correl_res.txt."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from ..errors import ImageIOError
from ..stage import make_folder

HEADER = (
    *("refImg", "secImg", "total_valid_pixel", "sample_pixel", "confidence_th"),
    *("min_x", "max_x", "median_x", "mean_x", "std_x"),
    *("min_y", "max_y", "median_y", "mean_y", "std_y"),
)


class Numbers(Protocol):
    """Numbers of one axis in pixels, y down as everywhere else; NaN without points."""

    @property
    def minimum(self) -> float:
        """Smallest displacement."""

    @property
    def maximum(self) -> float:
        """Largest displacement."""

    @property
    def median(self) -> float:
        """Median displacement."""

    @property
    def mean(self) -> float:
        """Mean displacement."""

    @property
    def std(self) -> float:
        """Standard deviation."""


@dataclass(frozen=True)
class CorrelationLine:
    """What a run adds: file names of the images, valid pixels of the overlap, points used."""

    reference: str
    moving: str
    valid_pixels: int
    sample: int
    confidence: float
    x: Numbers
    y: Numbers


def append_correlation(path: str, line: CorrelationLine, *, north_positive: bool) -> str:
    """Append a line and return the absolute path; a new file begins with the header.

    `north_positive`: the y columns count north, as KARIOS writes them when the moving image has a
    CRS. Raises ImageIOError with the reason.
    """
    path = os.path.abspath(path)
    make_folder(os.path.dirname(path))
    x, y = _listed(line.x), _listed(line.y)
    if north_positive:
        low, high, median, mean, std = y
        y = (-high, -low, -median, -mean, std)
    numbers = [f"{value + 0.0:.6g}" for value in (line.confidence, *x, *y)]
    counts = [str(line.valid_pixels), str(line.sample)]
    try:
        with open(path, "a+b") as file:
            # one write, so that two runs at once do not mix their lines
            file.write((_opening(file) + _joined(_names(line), counts, numbers)).encode())
    except OSError as error:
        title = os.path.basename(path)
        raise ImageIOError(f"{title} cannot be written: {error.strerror}.") from error
    return path


def _listed(axis: Numbers) -> tuple[float, float, float, float, float]:
    return (axis.minimum, axis.maximum, axis.median, axis.mean, axis.std)


def _opening(file: BinaryIO) -> str:
    """Return what must come before a line: the header, the end of a line that lacks it, nothing."""
    if not file.seek(0, os.SEEK_END):
        return _joined(HEADER)
    file.seek(-1, os.SEEK_END)
    return "" if file.read(1) == b"\n" else "\n"


def _names(line: CorrelationLine) -> list[str]:
    return [
        f'"{name}"' if any(sign.isspace() for sign in name) else name
        for name in (line.reference, line.moving)
    ]


def _joined(*parts: Iterable[str]) -> str:
    return " ".join(text for part in parts for text in part) + "\n"
