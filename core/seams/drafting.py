# SPDX-License-Identifier: GPL-2.0-or-later
"""How the center line of an overlap was drawn, as shapes that can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..deps import require
from ..image import Array
from .boundary import PURPOSE
from .cover import Pair


@dataclass(frozen=True)
class Drawing:
    """What the center line of a connected overlap was drawn from, all in map units.

    `outline` is the overlap (MultiPolygon), `corners` are the crossings of both boundaries, `seeds`
    the points along each of them, `lines` (LineString) what came out; shapes are well-known binary.
    """

    pair: Pair
    outline: bytes
    corners: Array
    seeds: tuple[Array, Array]
    lines: tuple[bytes, ...]

    def diagram(self) -> Iterator[tuple[int, bytes]]:
        """Yield the image and the Voronoi cell of each seed, clipped to the box of the seeds."""
        points = np.vstack(self.seeds)
        low, high = points.min(0), points.max(0)
        middle, size = (low + high) / 2, float((high - low).max()) or 1.0
        far = 4 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
        closed = np.vstack([(points - middle) / size, far])
        found = require("scipy.spatial", PURPOSE).Voronoi(closed)
        geometry = require("shapely.geometry", PURPOSE)
        frame = geometry.box(*low, *high)
        vertices = found.vertices * size + middle
        for seed, region in enumerate(found.point_region[: len(points)].tolist()):
            corners = found.regions[region]
            if -1 in corners or len(corners) < 3:
                continue
            cell = geometry.Polygon(vertices[corners]).intersection(frame)
            if cell.geom_type == "Polygon" and not cell.is_empty:
                yield self.pair[int(seed >= len(self.seeds[0]))], bytes(cell.wkb)
