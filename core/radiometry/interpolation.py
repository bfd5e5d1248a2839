# SPDX-License-Identifier: GPL-2.0-or-later
"""Values of blocks, known at their centers, between these centers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import Array, Mask
from ..windows import Window
from .positions import Positions

ROUNDING = 1e-6
"""Blocks by which a pixel may lie outside a map."""

LATTICE = 64
"""Points per axis at which the part of an image outside a map is found."""


@dataclass(frozen=True)
class Taps:
    """Two neighboring blocks along an axis, and the weight of the second, for each position."""

    first: Array
    second: Array
    weight: Array

    @classmethod
    def of(cls, positions: Array, count: int, kind: np.dtype[Any]) -> Taps:
        """Return the taps for positions in blocks (whole numbers are edges) of `count` blocks."""
        at = np.clip(positions - 0.5, 0, count - 1)
        first = np.minimum(np.floor(at).astype(np.int64), max(0, count - 2))
        return cls(first, np.minimum(first + 1, count - 1), (at - first).astype(kind))


@dataclass(frozen=True)
class Surface:
    """Values of the blocks in a window of a map, between whose centers pixels lie.

    `values`[band, row, col] are `known` where True; `complete` tells for each band whether that is
    everywhere. `positions` are those of the pixels among the blocks of the map, which is as large
    as `area`; None when no pixel lies outside.
    """

    values: Array
    known: Mask
    complete: tuple[bool, ...]
    window: Window
    positions: Positions
    area: Window | None = None

    @classmethod
    def of(
        cls, values: Array, window: Window, grids: tuple[Grid, Grid], kind: np.dtype[Any]
    ) -> Surface:
        """Return values[band, row, col] (NaN for unknown) of a window; `grids` are those of the
        pixels and of the map."""
        values, window = _somewhere(values, window)
        known = np.isfinite(values)
        complete = tuple(bool(band.all()) for band in known)
        filled = np.where(known, values, 0.0).astype(kind)
        pixels, blocks = grids
        area = blocks.window if outside_share(pixels, blocks) > 0 else None
        return cls(filled, known, complete, window, Positions.of(pixels, blocks), area)

    def at(self, band: int, window: Window, neutral: float) -> Array:
        """Return a band (0-based) at the pixels of a window; `neutral` where nothing is known."""
        straight = self.positions.straight
        if straight:
            cols, rows = self.positions.cols(window), self.positions.rows(window)
        else:
            cols, rows = self.positions.both(window)
        kind, between = self.values.dtype, _separable if straight else _general
        x = Taps.of(cols - self.window.col, self.window.width, kind)
        y = Taps.of(rows - self.window.row, self.window.height, kind)
        found = between(self.values[band], x, y)
        if not self.complete[band]:
            share = between(self.known[band].astype(kind), x, y)
            np.divide(found, share, out=found, where=share > 0)
            found[share == 0] = neutral
        if self.area is not None:
            found[_outside(cols, rows[:, None] if straight else rows, self.area)] = neutral
        return found


def outside_share(pixels: Grid, blocks: Grid) -> float:
    """Return the part of an image's frame that lies outside a map of blocks."""
    corners = [blocks.to_pixel(*corner) for corner in pixels.corners]
    if all(_reaches(x, blocks.width) and _reaches(y, blocks.height) for x, y in corners):
        return 0.0
    across = (np.arange(LATTICE) + 0.5) / LATTICE
    x, y = blocks.to_pixel(*pixels.to_map(across * pixels.width, across[:, None] * pixels.height))
    return float(_outside(x, y, blocks.window).mean())


def _somewhere(values: Array, window: Window) -> tuple[Array, Window]:
    """The same blocks, or one unknown block for an image that lies outside them all."""
    if values.size:
        return values, window
    return np.full((*values.shape[:-2], 1, 1), np.nan, values.dtype), Window(0, 0, 1, 1)


def _reaches(position: float, count: int) -> bool:
    return -ROUNDING <= position <= count + ROUNDING


def _outside(x: Array, y: Array, area: Window) -> Mask:
    inside = (x >= -ROUNDING) & (x <= area.width + ROUNDING)
    return ~(inside & (y >= -ROUNDING) & (y <= area.height + ROUNDING))


def at_points(
    values: Array, window: Window, at: tuple[Array, Array], area: Window, neutral: float
) -> Array:
    """Return values[row, col] of the blocks in a window at positions (x, y) in a map.

    `neutral` stands where nothing is known (NaN) and outside the map, which is as large as `area`.
    """
    x, y = at
    kind = values.dtype
    values, window = _somewhere(values, window)
    across = Taps.of(x - window.col, window.width, kind)
    down = Taps.of(y - window.row, window.height, kind)
    known = np.isfinite(values)
    found = _general(np.where(known, values, 0.0), across, down)
    share = _general(known.astype(kind), across, down)
    seen = (share > 0) & ~_outside(x, y, area)
    return np.where(seen, found / np.maximum(share, np.finfo(kind).tiny), neutral)


def _separable(values: Array, x: Taps, y: Taps) -> Array:
    """Interpolate rows of blocks, then columns."""
    down = y.weight[:, None]
    lines = values[y.first] + (values[y.second] - values[y.first]) * down
    out = np.take(lines, x.first, axis=1)
    slopes = np.take(lines, x.second, axis=1)
    slopes -= out
    slopes *= x.weight
    out += slopes
    return np.asarray(out)


def _general(values: Array, x: Taps, y: Taps) -> Array:
    top, bottom = (
        values[rows, x.first] + (values[rows, x.second] - values[rows, x.first]) * x.weight
        for rows in (y.first, y.second)
    )
    return np.asarray(top + (bottom - top) * y.weight)
