# SPDX-License-Identifier: GPL-2.0-or-later
"""The field: a displacement at every position, from planes through the nearest points."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution
from ..windows import Window
from .planes import Column, Scattered, Table, weighted_planes

Floats = NDArray[np.float32]


SMOOTHER = 6.0
"""Radius of the points of a plane over the sigma of the measuring window."""

NODES = ("dx", "dy", "sigma", "distance")


def spacing_for(longer_side: int) -> int:
    """Return the spacing of nodes in px: 32, and 16 in images under 2000 px."""
    return 32 if longer_side >= 2000 else 16


def neighbors_for(points: int, pixels: float, support: float) -> int:
    """Return how many points a plane needs to be smoother than the measuring window.

    `points` lie on `pixels`; `support`: sigma of the window, px. A field that bends more than
    the window sees would put its own noise back into what is measured through it.
    """
    return int(np.clip(math.pi * (SMOOTHER * support) ** 2 * points / pixels, 20, 100))


@dataclass(frozen=True)
class Field:
    """Displacements on nodes, bilinear between them, held beyond the last ones.

    Node [row, col] lies at (x + col * spacing, y + row * spacing) px. `dx, dy`: displacement;
    `sigma`: its standard deviation; `distance`: to the nearest point; all px, float64
    [rows, cols].
    """

    x: float
    y: float
    spacing: float
    dx: Table
    dy: Table
    sigma: Table
    distance: Table

    def at(self, x: Column, y: Column) -> tuple[Column, Column]:
        """Return (dx, dy) at positions of any shape, px."""
        col, across = self._share(x, self.x, self.dx.shape[1])
        row, down = self._share(y, self.y, self.dx.shape[0])
        place = (row, down), (col, across)
        return _bilinear(self.dx, *place), _bilinear(self.dy, *place)

    def on(self, window: Window) -> tuple[Floats, Floats]:
        """Return (dx, dy) at the pixels of a window, float32 [h, w]; the same for any window."""
        cols = np.arange(window.col, window.right, dtype=np.float64)
        rows = np.arange(window.row, window.bottom, dtype=np.float64)
        col, across = self._share(cols, self.x, self.dx.shape[1])
        row, down = self._share(rows, self.y, self.dx.shape[0])
        place = (row, down), (col, across)
        return _spread(self.dx, *place), _spread(self.dy, *place)

    def _share(self, position: Column, start: float, count: int) -> Part:
        """Return the node before each position and the share of the next one."""
        at = np.clip((position - start) / self.spacing, 0, count - 1)
        first = np.clip(np.floor(at).astype(np.int64), 0, max(0, count - 2))
        return first, np.asarray(at - first, np.float64)

    def scaled(self, factor: float) -> Field:
        """Return the field for pixels `factor` times as many along each axis (2: next level)."""
        return Field(
            factor * (self.x + 0.5) - 0.5,
            factor * (self.y + 0.5) - 0.5,
            factor * self.spacing,
            *(factor * getattr(self, name) for name in NODES),
        )


Part = tuple[NDArray[np.int64], Column]
"""Index of the node before each position, share of the one behind."""


def fit_field(points: Scattered, window: Window, spacing: float, *, neighbors: int = 20) -> Field:
    """Return the field of points on nodes that cover a window, the first at its first pixel.

    Raises NoSolution without points.
    """
    if not len(points):
        raise NoSolution("A field of displacements needs at least one accepted key point.")
    x, y = _nodes(window, spacing)
    found = weighted_planes(points, x.ravel(), y.ravel(), neighbors)
    columns = (getattr(found, name).reshape(x.shape) for name in NODES)
    return Field(window.col, window.row, spacing, *columns)


def field_of(
    function: Callable[[Any, Any], tuple[Any, Any]], window: Window, spacing: float
) -> Field:
    """Return the field of a function (x, y) -> (dx, dy), for example a shift.

    Its sigma and distance are not known: NaN.
    """
    x, y = _nodes(window, spacing)
    dx, dy = (np.broadcast_to(values, x.shape).astype(np.float64) for values in function(x, y))
    unknown = np.full(x.shape, np.nan)
    return Field(window.col, window.row, spacing, dx, dy, unknown, unknown)


def _nodes(window: Window, spacing: float) -> tuple[Table, Table]:
    """Return (x, y) of the nodes, [rows, cols]; the last ones lie at the last pixels or behind."""
    cols, rows = (math.ceil((size - 1) / spacing) + 1 for size in (window.width, window.height))
    x = window.col + spacing * np.arange(cols)
    y = window.row + spacing * np.arange(rows)
    grid = np.meshgrid(x, y)
    return grid[0], grid[1]


def _bilinear(nodes: Table, rows: Part, cols: Part) -> Column:
    """Read nodes at positions of equal shape."""
    (row, down), (col, across) = rows, cols
    below, right = np.minimum(row + 1, nodes.shape[0] - 1), np.minimum(col + 1, nodes.shape[1] - 1)
    upper = nodes[row, col] * (1 - across) + nodes[row, right] * across
    lower = nodes[below, col] * (1 - across) + nodes[below, right] * across
    return np.asarray(upper * (1 - down) + lower * down)


def _spread(nodes: Table, rows: Part, cols: Part) -> Floats:
    """Read nodes at every pixel: along the few rows of nodes first, then down."""
    (row, down), (col, across) = rows, cols
    first, last = int(row.min()), min(int(row.max()) + 1, nodes.shape[0] - 1)
    used = nodes[first : last + 1]
    right = np.minimum(col + 1, nodes.shape[1] - 1)
    lines = (used[:, col] * (1 - across) + used[:, right] * across).astype(np.float32)
    rise = np.diff(lines, axis=0, append=lines[-1:])
    found: Floats = rise[row - first]
    found *= down.astype(np.float32)[:, None]
    found += lines[row - first]
    return found
