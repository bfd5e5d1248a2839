# SPDX-License-Identifier: GPL-2.0-or-later
"""Key points of made displacements, and grids of every orientation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from orthoweave.core.displacements.ground import with_map
from orthoweave.core.grid import Grid
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.raster import parse_crs

UTM, WGS84 = parse_crs("EPSG:32633"), parse_crs("EPSG:4326")
GRIDS = {
    "north up": Grid(400, 300, (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0), UTM),
    "rotated": Grid(400, 300, (500000.0, 8.0, 6.0, 5000000.0, 6.0, -8.0), UTM),
    "south up": Grid(400, 300, (500000.0, 10.0, 0.0, 5000000.0, 0.0, 10.0), UTM),
    "geographic": Grid(400, 300, (15.0, 1e-4, 0.0, 45.0, 0.0, -1e-4), WGS84),
    "nowhere": Grid(400, 300, (0.0, 1.0, 0.0, 0.0, 0.0, 1.0), ""),
}


@pytest.fixture
def grids() -> dict[str, Grid]:
    """Grids of 400 x 300 px: north up, rotated, south up, geographic, nowhere."""
    return GRIDS


@pytest.fixture
def key_points() -> Callable[..., KeyPoints]:
    """Make points with random values: key_points(n, grid=None, seed=0, dx=array, …)."""

    def make(count: int, grid: Grid | None = None, seed: int = 0, **columns: Any) -> KeyPoints:
        rng = np.random.default_rng(seed)
        places = rng.permutation(400 * 300)[:count]
        x0, y0 = places % 400, places // 400
        order = np.lexsort((y0, x0))
        given = {
            "x0": x0[order],
            "y0": y0[order],
            "dx": rng.normal(0.4, 0.2, count),
            "dy": rng.normal(-0.6, 0.2, count),
            "score": rng.random(count),
            "sigma_x": rng.random(count),
            "sigma_y": rng.random(count),
            "status": np.zeros(count, np.uint8),
            **columns,
        }
        points = KeyPoints(**given)
        return points if grid is None else with_map(points, grid)

    return make
