# SPDX-License-Identifier: GPL-2.0-or-later
"""The local field from key points, for images too large to compare all pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution
from ..transform.elastic import (
    Displacements,
    Nodes,
    Normal,
    Scattered,
    Sparse,
    bending,
    holding,
)
from ..transform.models import RAYLEIGH_MEDIAN, Linear, bisquare
from .local import BEND, HOLD, LOOSEST, STIFFER, Elastic, Equations, LocalField, unfolded

Column = NDArray[np.float64]

SPACING = 64.0
"""Least automatic distance of nodes, px."""

POINTS_A_NODE = 1.0
"""Points that a node should have at least on average, for the automatic distance."""

WINDOW_SIGMA = 0.18
"""Sigma of a tapered window over its side."""

CERTAIN = 0.02
"""Deviation added to that of each point: what windows do not know of themselves, px."""

ROUNDS, CUT = 10, 4.685
"""Rounds of reweighting; deviations from which a point has no weight."""

SETTLED = 1e-3
"""Change of weights that needs no further round."""

CHECKED = 4
"""Every so many points choose the stiffness."""


def solve_points(
    seen: Displacements,
    linear: Linear,
    area: tuple[int, int],
    how: Elastic = Elastic(),  # noqa: B008 - frozen
    *,
    window: float = 0.0,
) -> LocalField:
    """Fit a field to what a linear model leaves of displacements.

    `seen`: positions on the lattice and whole displacements, moving minus reference; `area`: rows
    and columns of the lattice; `window`: side of the windows they were measured in, whose mean
    they are. Raises NoSolution without points, and where the field would fold over.
    """
    if not seen.x.size:
        raise NoSolution("There are no key points to fit a local field to.")
    dx, dy = linear.residuals(*seen[:4])
    weights = _softened(seen.weight_x), _softened(seen.weight_y)
    left = Displacements(seen.x, seen.y, dx, dy, *weights)
    step = how.spacing if how.spacing > 0 else max(how.step(area), SPACING, _pitch(seen, area))
    nodes = Nodes.over(area, step)
    held = (bending(nodes) + _held(nodes, left, area) * HOLD) / BEND**2
    stiffness = held * max(how.smoothness, LOOSEST)
    places = Scattered.of(nodes, left.x, left.y, WINDOW_SIGMA * window)
    factor = _chosen(places, left, stiffness)
    normal, now = _robust(places, left, stiffness * factor)
    found = LocalField(linear, nodes.field(now), factor)
    return unfolded(found, nodes, Equations(normal, stiffness))


def _softened(weight: Column) -> Column:
    return np.asarray(weight / (1 + weight * CERTAIN**2))


def _pitch(seen: Displacements, area: tuple[int, int]) -> float:
    """Return the distance of nodes at which each has its points."""
    return math.sqrt(POINTS_A_NODE * area[0] * area[1] / seen.x.size)


def _held(nodes: Nodes, seen: Displacements, area: tuple[int, int]) -> Sparse:
    """Return how firmly nodes are held, by cells of half a step that have points."""
    side = nodes.step / 2
    rows, cols = (max(1, math.ceil(size / side)) for size in area)
    supported = np.zeros((rows, cols), bool)
    kept = (seen.weight_x > 0) | (seen.weight_y > 0)
    col, row = ((at[kept] / side).astype(np.int64) for at in (seen.x, seen.y))
    supported[np.clip(row, 0, rows - 1), np.clip(col, 0, cols - 1)] = True
    x, y = (side * (np.arange(count) + 0.5) for count in (cols, rows))
    return holding(nodes, x, y, supported)


def _robust(places: Scattered, seen: Displacements, stiffness: Sparse) -> tuple[Normal, Column]:
    """Fit with Tukey's weights; return the last equations, and the coefficients."""
    share = np.ones(seen.x.size)
    none = np.zeros((2, places.nodes.rows, places.nodes.columns))
    normal = places.normal(seen)
    now = normal.solved(stiffness, none)
    for _ in range(ROUNDS):
        rest = np.sqrt(_squares(places, seen, now))
        used = rest[(seen.weight_x > 0) & (seen.weight_y > 0)]
        deviation = 1.4826 / RAYLEIGH_MEDIAN * float(np.median(used)) if used.size else 0.0
        updated = bisquare(rest / (CUT * max(deviation, 1.0)))
        if np.abs(updated - share).max() < SETTLED:
            break
        share = updated
        normal = places.normal(seen.weighted(share))
        now = normal.solved(stiffness, none)
    return normal, now


def _squares(places: Scattered, seen: Displacements, now: Column) -> Column:
    """Return the squared residuals of points, in variances."""
    dx, dy = places.at(now)
    return np.asarray(seen.weight_x * (seen.dx - dx) ** 2 + seen.weight_y * (seen.dy - dy) ** 2)


def _chosen(places: Scattered, seen: Displacements, stiffness: Sparse) -> float:
    """Return the factor of stiffness whose field explains points that were put aside best."""
    aside = np.arange(seen.x.size) % CHECKED == 0
    fit, check = seen.weighted(1.0 - aside), seen.weighted(1.0 * aside)
    normal, now = _robust(places, fit, stiffness)
    costs = []
    for factor in STIFFER:
        square = _squares(places, check, normal.solved(stiffness * factor, np.zeros_like(now)))
        costs.append(float(np.minimum(square, CUT**2).sum()))
    return STIFFER[int(np.argmin(costs))]
