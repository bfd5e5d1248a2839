# SPDX-License-Identifier: GPL-2.0-or-later
"""Boundaries as arrays of edges: distances to them, points along them, what they enclose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array, Mask

PURPOSE = "Voronoi seamlines"
"""What needs SciPy and Shapely, for the sentence that says they are missing."""

_DIRECT = 200_000
"""Products of points and edges that are computed directly; beyond, a tree finds the near ones."""

_FEW = 64
"""Edges from which on a tree is faster."""

_DENSE = 0.25
"""Length between seeds, as a part of the distance to the other boundary."""

_NEAR = 8
"""Pieces of a boundary that are looked at for each point."""


@dataclass(frozen=True)
class Frame:
    """A local plane: origin near the data and, in a geographic CRS, x scaled by cos(latitude)."""

    x: float
    y: float
    scale: float = 1.0

    @classmethod
    def around(cls, box: Array, geographic: bool) -> Frame:
        """Return the frame of a box (min x, min y, max x, max y)."""
        x, y = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
        return cls(x, y, max(math.cos(math.radians(y)), 1e-3) if geographic else 1.0)

    def local(self, points: Array) -> Array:
        """Return (n, 2) positions, or (n, 4) edges, in the local plane."""
        pairs = points.reshape(-1, 2) - (self.x, self.y)
        found: Array = (pairs * (self.scale, 1.0)).reshape(points.shape)
        return found

    def ground(self, points: Array) -> Array:
        """Return (n, 2) local positions in map units."""
        found: Array = points / (self.scale, 1.0) + (self.x, self.y)
        return found


@dataclass(frozen=True)
class Boundary:
    """Edges (x0, y0, x1, y1); `step` is the length up to which they are divided for searching."""

    edges: Array
    step: float

    def distances(self, points: Array) -> Array:
        """Return the distance of each of (n, 2) points; infinite when there are no edges."""
        if not len(self.edges):
            return np.full(len(points), np.inf)
        squares: Array = self.squares(points).min(1)
        return np.asarray(np.sqrt(squares))

    def nearest(self, points: Array) -> Array:
        """Return the nearest position to each point; the point itself when there are no edges."""
        if not len(self.edges):
            return points.copy()
        squares, part, edge = self._feet(points)
        best = (np.arange(len(points)), squares.argmin(1))
        chosen = best[1] if edge is None else edge[best]
        x, y, way_x, way_y, _ = self._table[:, chosen]
        return np.column_stack([x + way_x * part[best], y + way_y * part[best]])

    def few(self, points: Array) -> bool:
        """Return True when all edges are looked at for points."""
        return len(points) * len(self.edges) <= _DIRECT and len(self.edges) <= _FEW

    def squares(self, points: Array) -> Array:
        """Return squared distances [point, edge] to the edges that are looked at."""
        return self._feet(points)[0]

    def _feet(self, points: Array) -> tuple[Array, Array, Array | None]:
        """Return squared distances to edges near each point, parts of the edges, and the edges.

        The latter are missing where all of them were looked at.
        """
        edge = self._near(points)
        x0, y0, way_x, way_y, weight = self._table if edge is None else self._table[:, edge]
        x, y = points[:, :1] - x0, points[:, 1:] - y0
        part = (x * way_x + y * way_y) * weight
        # much faster than np.clip for few points
        np.minimum(np.maximum(part, 0, out=part), 1, out=part)
        x -= part * way_x
        y -= part * way_y
        return x * x + y * y, part, edge

    def _near(self, points: Array) -> Array | None:
        """Return the edges to look at, [point, edge], None for all."""
        if self.few(points):
            return None
        tree, owner = self._tree
        count = min(_NEAR, len(owner))
        near = tree.query(points, count)[1].reshape(len(points), count)
        found: Array = owner[near]
        return found

    @cached_property
    def _table(self) -> Array:
        """Start, direction, and what makes parts of it out of products with it, [5, edge]."""
        start, way = self.edges[:, :2].T, (self.edges[:, 2:] - self.edges[:, :2]).T
        return np.vstack([start, way, 1 / np.maximum((way**2).sum(0), 1e-300)])

    @cached_property
    def _tree(self) -> tuple[Any, Array]:
        points, owner = along(self.edges, self.step)
        return require("scipy.spatial", PURPOSE).cKDTree(points), owner


def along(edges: Array, step: float) -> tuple[Array, Array]:
    """Return the middles of pieces of about `step` length, one an edge at least, and their edge."""
    way = edges[:, 2:] - edges[:, :2]
    pieces = np.maximum(np.rint(np.hypot(way[:, 0], way[:, 1]) / step), 1).astype(int)
    owner = np.repeat(np.arange(len(edges)), pieces)
    first = np.cumsum(pieces) - pieces
    part = (np.arange(len(owner)) - first[owner] + 0.5) / pieces[owner]
    points: Array = edges[owner, :2] + way[owner] * part[:, None]
    return points, owner


def seeds(edges: Array, step: float, other: Boundary) -> Array:
    """Return points along edges every `step`, fewer where the other boundary is far.

    Edges shorter than the step share one for each step of ground.
    """
    short = np.hypot(*(edges[:, 2:] - edges[:, :2]).T) < step
    points, owner = along(edges[~short], step)
    number = np.arange(len(owner)) - np.searchsorted(owner, owner)
    found: Array = points[number % _strides(other.distances(points) / step) == 0]
    if not short.any():
        return found
    middles = (edges[short, :2] + edges[short, 2:]) / 2
    rare = _strides(other.distances(middles) / step)
    cells = np.column_stack([rare, np.floor(middles / (step * rare[:, None]))])
    _, first = np.unique(cells, axis=0, return_index=True)
    return np.vstack([found, middles[np.sort(first)]])


def _strides(steps: Array) -> Array:
    """Return how many steps (a power of two) may lie between seeds, given those to the other."""
    part = np.minimum(np.maximum(steps * _DENSE, 1), 1 << 20)
    return np.asarray(1 << (np.frexp(part)[1] - 1))


def clipped(edges: Array, box: Array) -> Array:
    """Return the parts of edges inside a box (min x, min y, max x, max y)."""
    start, way = edges[:, :2], edges[:, 2:] - edges[:, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(box[:2] - start) / way, (box[2:] - start) / way])
    # an edge along one axis does not change the other coordinate: inside or outside as a whole
    outside = (start < box[:2]) | (start > box[2:])
    enter = np.where(way == 0, np.where(outside, np.inf, -np.inf), ends.min(0)).max(1)
    leave = np.where(way == 0, np.inf, ends.max(0)).min(1)
    enter, leave = np.maximum(enter, 0), np.minimum(leave, 1)
    kept = enter < leave
    start, way = start[kept], way[kept]
    return np.hstack([start + way * enter[kept, None], start + way * leave[kept, None]])


def enclosed(points: Array, edges: Array) -> Mask:
    """Return which points lie inside the region that closed rings of edges bound (even-odd)."""
    found = np.zeros(len(points), bool)
    x0, y0, x1, y1 = edges.T
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (x1 - x0) / (y1 - y0)
    count = max(1, 2_000_000 // max(1, len(edges)))
    for at in range(0, len(points), count):
        x, y = points[at : at + count, :1], points[at : at + count, 1:]
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(invalid="ignore"):
            left = x < slope * (y - y0) + x0
        found[at : at + count] = np.count_nonzero(crosses & left, axis=1) % 2 == 1
    return found


def box_of(edges: Array) -> Array:
    """Return the box (min x, min y, max x, max y) of edges."""
    pairs = edges.reshape(-1, 2)
    return np.concatenate([pairs.min(0), pairs.max(0)])


def edges_of(*chains: Array) -> Array:
    """Return the edges (x0, y0, x1, y1) of chains of positions."""
    if not chains:
        return np.empty((0, 4))
    points = np.concatenate(chains)
    kept = np.ones(len(points) - 1, bool)
    kept[np.cumsum([len(chain) for chain in chains[:-1]], dtype=int) - 1] = False
    found: Array = np.hstack([points[:-1], points[1:]])[kept]
    return found
