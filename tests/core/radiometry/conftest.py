# SPDX-License-Identifier: GPL-2.0-or-later
"""Images cut from one made scene, with known gains and offsets, and their statistics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, constant
from orthoweave.core.placement import common_canvas
from orthoweave.core.radiometry.moments import overlap_statistics, whole_statistics
from orthoweave.core.radiometry.selection import Selection
from orthoweave.core.radiometry.statistics import (
    JointSums,
    OwnSums,
    fixed_center,
    summed_exactly,
)
from orthoweave.core.survey import survey

CRS = 'LOCAL_CS["made",UNIT["metre",1]]'


def smooth_scene(bands: int, rows: int, cols: int, seed: int = 5) -> Any:
    """Texture of several sizes, about 3000 with a spread of some hundred."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols] / 100.0
    scene = np.empty((bands, rows, cols))
    for band in range(bands):
        scene[band] = 3000 + 250 * band + 25 * rng.standard_normal((rows, cols))
        for _ in range(12):
            a, b, phase = rng.uniform(-9, 9), rng.uniform(-9, 9), rng.uniform(0, 6)
            scene[band] += 90 * np.sin(a * x + b * y + phase)
    return scene


@pytest.fixture
def cut() -> Callable[..., ArrayImage]:
    """Cut an image from a scene: cut(scene, "a", (col, row, width, height), gain, offset, …)."""

    def make(
        scene: Any, name: str, box: tuple[int, int, int, int], gain: Any = 1.0, offset: Any = 0.0,
        *, dtype: Any = np.float64, valid: Any = None, nodata: float | None = None,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> ArrayImage:  # fmt: skip
        col, row, width, height = box
        part = scene[:, row : row + height, col : col + width]
        values = part * np.reshape(gain, (-1, 1, 1)) + np.reshape(offset, (-1, 1, 1))
        values = np.rint(values) if np.dtype(dtype).kind != "f" else values
        mask = constant(True, (height, width)) if valid is None else valid
        grid = Grid(width, height, (col + shift[0], 1.0, 0.0, -row - shift[1], 0.0, -1.0), CRS)
        return ArrayImage(name, grid, values.astype(dtype), mask, nodata)

    return make


@pytest.fixture
def surveyed() -> Callable[..., Any]:
    """Return (whole, overlaps) of images, read as the real survey reads them."""

    def look(
        images: Sequence[Any],
        own: Selection | None = None,
        joint: Selection | None = None,
        threads: int = 1,
    ) -> Any:
        canvas, center = common_canvas(images), fixed_center(images)
        mine = OwnSums(images, center, own)
        grids = tuple(image.grid for image in images)
        pairs = JointSums(canvas, grids, summed_exactly(images), center, joint)
        survey(images, own=(mine,), joint=(pairs,), canvas=canvas, threads=threads)
        whole, order = whole_statistics([i.name for i in images], mine.images, center)
        return whole, overlap_statistics(pairs, order, whole)

    return look


@pytest.fixture
def scene() -> Callable[..., Any]:
    """Return a made scene: scene(bands, rows, cols)."""
    return smooth_scene
