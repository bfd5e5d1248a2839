# SPDX-License-Identifier: GPL-2.0-or-later
"""From pixels of the working grid to positions in the moving image, through the map."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..grid import Grid
from ..image import Array, Mask
from ..raster import CrsMapping
from ..transform.sampling import STEPS
from ..windows import Window

Counts = NDArray[np.int64]

Displacement = Callable[[Any, Any], tuple[Any, Any]]
"""The displacement (dx, dy) at working positions (x, y), in working pixels."""

STEP = 16
"""Spacing of the nodes on which positions are exact, px; between, they are bilinear."""

BLOCK = 64
"""Side of the blocks in which one offset may hold, px; nodes stand at its ends."""

EXACT = 0.01
"""Error of positions between nodes that is allowed, px; finer nodes are used where it is more."""

LOST = -1e6
"""Position of a pixel that has no place in the moving image."""


@dataclass(frozen=True)
class Crossing:
    """Where the pixels of a working grid lie on the moving grid.

    Positions are those of pixel centers, 0 = center of the first pixel, on both sides.
    """

    working: Grid
    moving: Grid
    mapping: CrsMapping | None = None

    def at(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return moving positions (column, row) of working ones; not finite where there is none."""
        return self._across(x, y, self.working, self.moving, self.mapping)

    def back(self, col: Any, row: Any) -> tuple[Any, Any]:
        """Return working positions of moving ones."""
        mapping = self.mapping.inverse() if self.mapping else None
        return self._across(col, row, self.moving, self.working, mapping)

    def coarser(self, factor: int) -> Crossing:
        """Return the same crossing between grids whose pixels are factor times as large."""
        return Crossing(
            coarsened(self.working, factor), coarsened(self.moving, factor), self.mapping
        )

    @cached_property
    def jacobian(self) -> NDArray[np.float64]:
        """Moving pixels per working pixel at the middle: [[dcol/dx, dcol/dy], [drow/dx, ...]]."""
        x, y = self.working.width / 2, self.working.height / 2
        cols, rows = self.at(np.array([x, x + 1, x]), np.array([y, y, y + 1]))
        return np.array(
            [[cols[1] - cols[0], cols[2] - cols[0]], [rows[1] - rows[0], rows[2] - rows[0]]]
        )

    @cached_property
    def offset(self) -> tuple[int, int]:
        """Whole moving pixels by which positions differ from those of the working grid."""
        col, row = self.at(np.zeros(1), np.zeros(1))
        known = bool(np.isfinite(col[0]) and np.isfinite(row[0]))
        return (round(float(col[0])), round(float(row[0]))) if known else (0, 0)

    @cached_property
    def step(self) -> int:
        """Spacing of nodes that keeps positions exact to 0.01 px."""
        if self.mapping is None:
            return STEP
        step = STEP
        while step > 1 and self._bend(step) > EXACT:
            step //= 2
        return step

    def _bend(self, step: int) -> float:
        """Return how far positions lie from straight lines between nodes, at most, px."""
        ends = (self.working.width - 1.0, self.working.height - 1.0)
        x, y = np.meshgrid(*(np.linspace(0, max(0.0, end - step), 9) for end in ends))
        middle = self.at(x + step / 2, y + step / 2)
        corners = [self.at(x + i * step, y + j * step) for i in (0, 1) for j in (0, 1)]
        with np.errstate(invalid="ignore"):
            off = [sum(c[k] for c in corners) / 4 - middle[k] for k in (0, 1)]
        return float(np.nanmax(np.where(np.isfinite(off), np.abs(off), 0.0)))

    @staticmethod
    def _across(
        x: Any, y: Any, here: Grid, there: Grid, mapping: CrsMapping | None
    ) -> tuple[Any, Any]:
        east, north = here.to_map(np.asarray(x, float) + 0.5, np.asarray(y, float) + 0.5)
        if mapping is not None:
            east, north = mapping(east, north)
        with np.errstate(invalid="ignore"):
            col, row = there.to_pixel(east, north)
        return col - 0.5, row - 0.5


@dataclass(frozen=True)
class Scaled:
    """A displacement of one level seen at another whose pixels are `factor` times smaller."""

    below: Displacement
    factor: float

    def __call__(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return the displacement at positions of the finer level."""
        at = ((np.asarray(v, float) + 0.5) / self.factor - 0.5 for v in (x, y))
        dx, dy = self.below(*at)
        return dx * self.factor, dy * self.factor


@dataclass(frozen=True)
class Route:
    """Where each pixel of a window is looked up: offsets[row, col] from its own position.

    `nodes`: moving position (column, row) minus working position minus the crossing's offset, at
    every `step` px of `outer`, whole blocks, float32 so that they are the same in every window;
    `reach`: the least and the most of (col, row) among places that exist.
    """

    window: Window
    nodes: tuple[Array, Array]
    step: int
    outer: Window
    reach: tuple[float, float, float, float]

    def offsets(self, part: Window) -> tuple[Array, Array]:
        """Return the offsets (col, row) of the pixels of a part, bilinear between nodes."""
        x, y = np.arange(part.col, part.right), np.arange(part.row, part.bottom)
        return self.at(x, y)

    def at(self, x: NDArray[Any], y: NDArray[Any]) -> tuple[Array, Array]:
        """Return the offsets (col, row) at the crossings of columns x and rows y."""
        x, y = x - self.outer.col, y - self.outer.row
        col, row = (_between(nodes, self.step, x, y) for nodes in self.nodes)
        return col, row

    def blocks(self) -> tuple[Mask, tuple[Counts, Counts]]:
        """Return in which blocks of `outer` one rounded offset holds, and that offset (col, row) in
        1 / 32 px.
        """
        alike: Mask = np.ones((self.outer.height // self.step, self.outer.width // self.step), bool)
        steps = [np.rint(nodes * np.float32(STEPS)) for nodes in self.nodes]
        for at in steps:
            for end in (at[1:, :-1], at[:-1, 1:], at[1:, 1:]):
                alike &= at[:-1, :-1] == end
        rows, cols = (np.arange(0, size, BLOCK) // self.step for size in self.outer.shape)
        alike = np.logical_and.reduceat(np.logical_and.reduceat(alike, rows, 0), cols, 1)
        col, row = (at[np.ix_(rows, cols)].astype(np.int64) for at in steps)
        return alike, (col, row)


def route(crossing: Crossing, displacement: Displacement, window: Window) -> Route:
    """Return where the pixels of a window, displaced, lie in the moving image.

    Nodes stand at fixed places of the working grid, so that windows agree.
    """
    step = crossing.step
    # whole blocks, so that each is sampled in the same way by every window that has a part of it
    outer = window.aligned(BLOCK, BLOCK)
    nodes = (
        np.arange(outer.col, outer.right + step, step, dtype=float),
        np.arange(outer.row, outer.bottom + step, step, dtype=float),
    )
    x, y = np.meshgrid(*nodes)
    dx, dy = (np.asarray(v, float) + np.zeros_like(x) for v in displacement(x, y))
    col, row = crossing.at(x + dx, y + dy)
    there = np.isfinite(col) & np.isfinite(row)
    col = np.where(there, col - x - crossing.offset[0], LOST)
    row = np.where(there, row - y - crossing.offset[1], LOST)
    reach = (math.inf, math.inf, -math.inf, -math.inf)
    if there.any():
        c, r = col[there], row[there]
        reach = (float(c.min()), float(r.min()), float(c.max()), float(r.max()))
    return Route(window, (col.astype(np.float32), row.astype(np.float32)), step, outer, reach)


def _between(values: Array, step: int, x: NDArray[Any], y: NDArray[Any]) -> Array:
    """Return float32[row, col] at columns x and rows y from the first node on, bilinear."""
    if values.max() == values.min():
        return np.full((len(y), len(x)), values[0, 0])
    (col, fx), (row, fy) = np.divmod(x, step), np.divmod(y, step)
    col, row = col.astype(np.int64), row.astype(np.int64)
    wx = (fx / step).astype(np.float32)
    wy = (fy / step).astype(np.float32)[:, None]
    rows = values[row] + (values[row + 1] - values[row]) * wy
    slopes = np.diff(rows, axis=1)
    out = np.take(slopes, col, 1)
    out *= wx
    out += np.take(rows, col, 1)
    return np.asarray(out)


def coarsened(grid: Grid, factor: float) -> Grid:
    """Return the grid of pixels that are factor times as large, from the same corner."""
    x, a, b, y, d, e = grid.transform
    size = (math.ceil(grid.width / factor), math.ceil(grid.height / factor))
    return Grid(*size, (x, a * factor, b * factor, y, d * factor, e * factor), grid.crs)
