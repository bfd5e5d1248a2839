# SPDX-License-Identifier: GPL-2.0-or-later
"""Curved surfaces through the displacements of the nearest points."""

from __future__ import annotations

import numpy as np

from .planes import Column, Scattered, Table, parts, searching, tricube

TERMS = 6
"""Terms of a surface: 1, x, y, x^2, x y, y^2."""

DAMPING = 1e-6
"""Share of the total weight that is added to each term, for points on one line."""


def deviations(points: Scattered, neighbors: int = 60) -> Column:
    """Return how far each displacement lies from a curved surface through its neighbors, px.

    Weights are tricube(distance / farthest). Noise keeps its size: what a point itself adds to
    its surface is made up for. Unlike a plane, the surface follows a smooth wave.
    """
    search = searching(points)
    found = []
    for rows in parts(len(points)):
        x, y = points.x[rows], points.y[rows]
        index, distance = search(x, y, neighbors)
        far = np.maximum(distance[:, -1:], 1e-9)
        place = ((points.x[index] - x[:, None]) / far, (points.y[index] - y[:, None]) / far)
        shares = _shares(place, tricube(distance))
        dx, dy = ((shares * d[index]).sum(1) - d[rows] for d in (points.dx, points.dy))
        # the nearest point is the point itself
        left = 1 - 2 * shares[:, 0] + (shares * shares).sum(1)
        found.append(np.hypot(dx, dy) / np.sqrt(np.maximum(left, 0.01)))
    return np.concatenate([np.empty(0), *found])


def _shares(place: tuple[Table, Table], weight: Table) -> Table:
    """Return the share of each neighbor in the surface's value at the middle."""
    x, y = place
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 2)
    weighted = terms * (weight / weight.sum(1, keepdims=True))[:, :, None]
    normal = np.einsum("pki,pkj->pij", weighted, terms) + DAMPING * np.eye(TERMS)
    first = np.zeros((len(normal), TERMS, 1))
    first[:, 0] = 1
    row = np.linalg.solve(normal, first)[:, :, 0]
    return np.asarray(np.einsum("pki,pi->pk", weighted, row))
