# SPDX-License-Identifier: GPL-2.0-or-later
"""Displacements by zone: the overlap in three rows and three columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..windows import Window
from .keypoints import Column, KeyPoints

NAMES = (
    *("upper left", "upper middle", "upper right"),
    *("middle left", "center", "middle right"),
    *("lower left", "lower middle", "lower right"),
)
"""What the zones are called, row by row."""

SIDE = 3


@dataclass(frozen=True)
class Zone:
    """Points of a zone, medians and NMADs of their displacements; NaN where nothing is known.

    dx, dy in pixels; east, north in map units.
    """

    name: str
    n: int
    median_dx: float
    median_dy: float
    nmad_dx: float
    nmad_dy: float
    median_east: float
    median_north: float
    nmad_east: float
    nmad_north: float


def nmad(values: Column) -> float:
    """Return 1.4826 x the median absolute deviation from the median; NaN for no values."""
    if not len(values):
        return float("nan")
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def cell_numbers(x: Column, y: Column, area: Window, side: int) -> NDArray[np.int64]:
    """Return the cell of each position in an area cut into side x side cells, row by row.

    Positions are pixel centers; those outside count to the nearest cell.
    """
    col = np.floor((x + 0.5 - area.col) * side / max(1, area.width))
    row = np.floor((y + 0.5 - area.row) * side / max(1, area.height))
    inside = [np.clip(place, 0, side - 1).astype(np.int64) for place in (col, row)]
    return np.asarray(inside[1] * side + inside[0])


def zones(points: KeyPoints, area: Window) -> tuple[Zone, ...]:
    """Return the nine zones of an area, row by row, from the points that are used."""
    used = points.chosen(points.used)
    owner = cell_numbers(used.x0, used.y0, area, SIDE)
    return tuple(_zone(name, used.chosen(owner == cell)) for cell, name in enumerate(NAMES))


def _zone(name: str, points: KeyPoints) -> Zone:
    pixels, ground = (points.dx, points.dy), (points.east, points.north)
    return Zone(
        name,
        len(points),
        *(_median(values) for values in pixels),
        *(nmad(values) for values in pixels),
        *(_median(values) for values in ground),
        *(nmad(values) for values in ground),
    )


def _median(values: Column) -> float:
    return float(np.median(values)) if len(values) else float("nan")
