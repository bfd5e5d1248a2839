# SPDX-License-Identifier: GPL-2.0-or-later
"""How values at the nodes of a lattice make a surface: smooth, bilinear, or of triangles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..transform.bspline import BSplineField, fitted_nodes, weights

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

FINER, MOST = 4, 256
"""Nodes of a spline for one of a surface with edges, and most of them along an axis."""


class Taps(NamedTuple):
    """Nodes that make a value: columns, rows, and weights [point, tap]."""

    column: Whole
    row: Whole
    weight: Floats


def taps(surface: str, position: Floats) -> Taps:
    """Return the nodes at positions[point, (column, row)] among nodes of distance 1."""
    first = np.floor(position).astype(np.int64)
    t = position - first
    if surface == "smooth":
        across, down = (weights(part)[0].T for part in t.T)
        column, row = np.meshgrid(np.arange(-1, 3), np.arange(-1, 3))
        weight = (down[:, :, None] * across[:, None, :]).reshape(len(t), -1)
    else:
        column, row = np.meshgrid(np.arange(2), np.arange(2))
        weight = _cell(surface, *t.T)
    return Taps(first[:, :1] + column.ravel(), first[:, 1:] + row.ravel(), weight)


def _cell(surface: str, x: Floats, y: Floats) -> Floats:
    """Return the weights of the corners (0, 0), (1, 0), (0, 1), (1, 1) of a cell."""
    if surface == "bilinear":
        return np.stack(((1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y), 1)
    before = x + y <= 1
    near = np.stack((1 - x - y, x, y, np.zeros_like(x)), 1)
    far = np.stack((np.zeros_like(x), 1 - y, 1 - x, x + y - 1), 1)
    return np.where(before[:, None], near, far)


def field_of(
    surface: str, origin: tuple[float, float], step: float, values: Floats
) -> BSplineField:
    """Return values[axis, row, col] at nodes as a field that can be saved.

    The edges of bilinear cells and of triangles are rounded over a quarter of a node.
    """
    if surface == "smooth":
        return BSplineField(origin, (step, step), *values)
    rows, columns = values.shape[1:]
    finer = max(1, min(FINER, (MOST - 1) // max(rows, columns)))
    down, across = (np.arange((size - 1) * finer + 1) / finer for size in (rows, columns))
    place = np.stack([part.ravel() for part in np.meshgrid(across, down)], 1)
    found = taps(surface, place)
    column = np.clip(found.column, 0, columns - 1)
    row = np.clip(found.row, 0, rows - 1)
    fine = (values[:, row, column] * found.weight).sum(2).reshape(2, len(down), len(across))
    return fitted_nodes(origin, (step / finer, step / finer), fine[0], fine[1])
