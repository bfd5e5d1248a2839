# SPDX-License-Identifier: GPL-2.0-or-later
"""Seams between cells as smooth lines that end where footprints end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from .arrangement import flat
from .cover import Pair
from .hints import PURPOSE
from .levels import Labels, Level

TOLERANCE = 0.75
"""Cells by which simplified lines may be off."""

_REACH = 3.0
"""Cells within which the end of a line looks for a boundary."""

_BEYOND = 1e-3
"""Cells by which it goes across."""

_EDGES = {(0, 1): (0, 1, 1, 1), (1, 0): (1, 0, 1, 1), (0, -1): (0, 0, 1, 0), (-1, 0): (0, 0, 0, 1)}
"""(row, column) from a cell to both ends of its edge on each of the SIDES."""


@dataclass(frozen=True)
class Arc:
    """A line of cell corners (n, 2) of column, row, between two images."""

    pair: Pair
    corners: Array


def arcs_of(labels: Labels) -> list[Arc]:
    """Return the seams between images, from junction to junction."""
    merge = require("shapely.ops", PURPOSE).linemerge
    found = []
    for pair, edges in sorted(_edges(labels).items()):
        for line in flat(merge(edges.reshape(-1, 2, 2).tolist())):
            found.append(Arc(pair, np.asarray(line.coords)))
    return found


def lines_of(
    arcs: Sequence[Arc], level: Level, polygons: Sequence[Any], boundaries: Sequence[Any]
) -> list[Any]:
    """Return arcs as simplified lines in map units; loose ends reach the boundary near them.

    A simplified line never leaves ground that the arc lies in: of both polygons of its images.
    """
    geometry = require("shapely.geometry", PURPOSE)
    prepared: dict[int, Any] = {}
    lines = []
    for arc in arcs:
        raw = geometry.LineString(_on_map(arc.corners, level))
        smooth = geometry.LineString(arc.corners).simplify(TOLERANCE, preserve_topology=False)
        points = np.asarray(smooth.coords)
        closed = (arc.corners[0] == arc.corners[-1]).all()
        if closed and len(points) < 4:
            lines.append(raw)
            continue
        line = geometry.LineString(_on_map(points, level))
        for image in arc.pair:
            if image not in prepared:
                prepared[image] = require("shapely.prepared", PURPOSE).prep(polygons[image])
        leaves = any(prepared[i].contains(raw) and not prepared[i].contains(line) for i in arc.pair)
        lines.append(raw if leaves else line)
    return _reaching(lines, boundaries, level)


def _edges(labels: Labels) -> dict[Pair, Array]:
    """Return the edges (column, row, column, row) of cells between each pair of images."""
    level = labels.level
    keys, edges = [np.zeros((0, 2), int)], [np.zeros((0, 4))]
    for side, cells, _, mine, theirs in labels.seams():
        rows, cols = level.places(cells)
        row0, col0, row1, col1 = _EDGES[side]
        edges.append(np.column_stack([cols + col0, rows + row0, cols + col1, rows + row1]))
        both = np.column_stack([mine, theirs]).astype(int) - 1
        keys.append(np.sort(both, axis=1))
    pairs, place = np.unique(np.vstack(keys), axis=0, return_inverse=True)
    joined = np.vstack(edges).astype(float)
    place = place.ravel()
    return {(a, b): joined[place == number] for number, (a, b) in enumerate(pairs.tolist())}


def _on_map(corners: Array, level: Level) -> Array:
    x, y = level.canvas.to_map(corners[:, 0] * level.side, corners[:, 1] * level.side)
    return np.column_stack([x, y])


def _reaching(lines: list[Any], boundaries: Sequence[Any], level: Level) -> list[Any]:
    """Return lines and pieces that join their loose ends to boundaries."""
    count: dict[tuple[float, float], int] = {}
    for line in lines:
        for end in (line.coords[0], line.coords[-1]):
            count[end] = count.get(end, 0) + 1
    loose = [end for end, times in count.items() if times == 1]
    if not loose or not boundaries:
        return lines
    geometry = require("shapely.geometry", PURPOSE)
    index = _Index(boundaries)
    cell = max(level.canvas.pixel_size) * level.side
    found = list(lines)
    for end in loose:
        target = index.target(end, _REACH * cell)
        if target is not None and target != end:
            way = np.subtract(target, end)
            longer = 1 + _BEYOND * cell / max(float(np.hypot(*way)), 1e-300)
            found.append(geometry.LineString([end, tuple(np.add(end, way * longer).tolist())]))
    return found


class _Index:
    """Boundaries, to find what is near."""

    def __init__(self, boundaries: Sequence[Any]) -> None:
        self._lines = list(boundaries)
        self._boxes = np.array([line.bounds for line in self._lines])
        self._nearest = require("shapely.ops", PURPOSE).nearest_points
        self._point = require("shapely.geometry", PURPOSE).Point

    def target(self, end: tuple[float, float], reach: float) -> tuple[float, float] | None:
        """Return the nearest position on a boundary within reach."""
        x, y = end
        low, high = self._boxes[:, :2] - reach, self._boxes[:, 2:] + reach
        near = ((low < (x, y)) & (high > (x, y))).all(1)
        here = self._point(x, y)
        found = [(self._lines[n].distance(here), n) for n in np.flatnonzero(near).tolist()]
        if not found or min(found)[0] > reach:
            return None
        point = self._nearest(self._lines[min(found)[1]], here)[0]
        return (float(point.x), float(point.y))
