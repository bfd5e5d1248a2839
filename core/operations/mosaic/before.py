# SPDX-License-Identifier: GPL-2.0-or-later
"""The small picture of the images before all corrections, kept for later runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...mosaicking.journal import NEW, Journal
from ...progress import SILENT, Progress
from ...raster import open_image
from ...raster.mapfiles import MapFile, write_map
from ...report.thumbnail import Thumbnail
from .scene import Scene

STEP, PICTURE = "before", "pictures/before.tif"
"""The step as pipeline.json calls it, and its file."""


def recalled(
    before: Thumbnail, scene: Scene, journal: Journal, progress: Progress = SILENT
) -> tuple[Thumbnail, ...]:
    """Fill the picture from an earlier run; return it if it must be fed, else nothing."""
    grid = before.picture
    made_of = [scene.facts, before.bands, (grid.width, grid.height, grid.transform, grid.crs)]
    if journal.judge(STEP, {}, made_of, scene.upstream, progress) != NEW:
        return () if _read(scene.path(PICTURE), before) else (before,)
    return (before,)


def remember(fed: Sequence[Thumbnail], scene: Scene, journal: Journal) -> None:
    """Write a picture that was fed for later runs; nothing when nothing was seen."""
    for before in fed:
        if before.valid.any():
            values = np.where(before.valid, before.values, np.nan)
            journal.begin(STEP)
            found = MapFile(scene.path(PICTURE), STEP, before.picture, values, {})
            write_map(found, _names(before.bands), before.stretch())
            journal.finish(STEP, [PICTURE])


def _read(path: str, picture: Thumbnail) -> bool:
    """Fill a picture from a file; return False when that has another size."""
    image = open_image(path)
    if (image.bands, *image.grid.window.shape) != picture.values.shape:
        return False
    found = image.read(image.grid.window)
    picture.values[:] = found.values
    picture.top[:] = np.where(np.isfinite(found.values).all(0), 0, -1)
    return True


def _names(bands: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"Band {band}" for band in bands)
