# SPDX-License-Identifier: GPL-2.0-or-later
"""Outlines of numbered objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..image import Image, Pixels
from ..progress import SILENT, Progress
from ..survey import survey
from ..vector import NO_LABEL, LabelTrace
from ..vector.rings import Polygon, mapped, wkb_of


def outlined(
    segments: Image, threads: int = 0, progress: Progress = SILENT
) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each object and its outline as well-known binary.

    Objects in several parts come last; nothing else is kept in memory.
    """
    grid = segments.grid
    several: dict[int, list[Polygon]] = {}
    with LabelTrace(grid, _labels) as trace:
        first = progress.part(0.0, 0.5)
        survey([segments], own=[trace], canvas=grid, threads=threads, progress=first)
        trace.trace(progress=progress.part(0.5, 1.0))
        numbers = np.array([number for number, _ in trace.polygons()], np.int64)
        found, counts = np.unique(numbers, return_counts=True)
        parted = set(found[counts > 1].tolist())
        for number, polygons in trace.polygons():
            whole = mapped(polygons, grid.to_map)
            if number in parted:
                several.setdefault(number, []).extend(whole)
            else:
                yield number, wkb_of(whole)
    for number, parts in several.items():
        yield number, wkb_of(parts)


def _labels(pixels: Pixels) -> Any:
    return np.where(pixels.valid, pixels.values[0], np.int32(NO_LABEL)).astype(np.int32)
