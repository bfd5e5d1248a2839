# SPDX-License-Identifier: GPL-2.0-or-later
"""The line between two boundaries: as far from one as from the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..deps import require
from ..image import Array, Mask
from .boundary import PURPOSE, Boundary, box_of, enclosed

AGREEMENT = 5e-4
"""Difference of the two distances at a vertex, in spacings (mosaicking.md 3.2 asks for 1e-3)."""

STRAIGHT = 3e-3
"""Spacings by which the middle of a piece of the line may be off before it is divided."""

SHORTEST = 0.04
"""Spacings below which a piece is not divided."""

_STEPS = 30


@dataclass(frozen=True)
class Facing:
    """Two boundaries and the region between them, all in one local plane.

    `rim` are the edges round the region, `corners` the positions where both boundaries meet.
    """

    a: Boundary
    b: Boundary
    rim: Array
    corners: Array
    spacing: float


def center_lines(facing: Facing, seeds_a: Array, seeds_b: Array) -> Array:
    """Return the pieces (2, 2) of the center line between two boundaries inside their region.

    The topology is that of the Voronoi diagram of the seeds, whose ridges are moved to where the
    true distances agree. Pieces reach a little beyond the region, or end at a corner.
    """
    vertices, pairs = _near(*_ridges(seeds_a, seeds_b), facing)
    if not len(pairs):
        return np.empty((0, 2, 2))
    vertices = balanced(vertices, facing)
    inside = enclosed(vertices, facing.rim)
    pairs = pairs[inside[pairs].any(1)]
    if not len(pairs):
        return np.empty((0, 2, 2))
    # the first end of each piece lies inside
    pairs = np.where(inside[pairs[:, :1]], pairs, pairs[:, ::-1])
    pieces = _ended(vertices[pairs], inside[pairs[:, 1]], facing)
    return _divided(pieces, facing)


def balanced(points: Array, facing: Facing) -> Array:
    """Return points moved to where the distances to both boundaries agree.

    Each moves straight towards the farther boundary's nearest position; on that way the
    difference of the distances changes its sign, and is found by the Illinois method.
    """
    difference = _difference(points, facing)
    to_a, to_b = facing.a.nearest(points), facing.b.nearest(points)
    target = np.where(difference[:, None] > 0, to_a, to_b)
    sign = np.sign(difference)
    low, high = np.zeros(len(points)), np.ones(len(points))
    f_low = np.abs(difference)
    f_high = _difference(target, facing) * sign
    moved = points.copy()
    tolerance = AGREEMENT * facing.spacing
    active = np.flatnonzero((f_low > tolerance) & np.isfinite(f_low))
    last = np.zeros(len(points))
    for _ in range(_STEPS):
        if not len(active):
            break
        lo, hi = f_low[active], f_high[active]
        part = low[active] + (high[active] - low[active]) * lo / np.maximum(lo - hi, 1e-300)
        moved[active] = points[active] + (target - points)[active] * part[:, None]
        value = _difference(moved[active], facing) * sign[active]
        below = value > 0
        repeated = np.where(below, 1, -1) == last[active]
        f_high[active] = np.where(below, np.where(repeated, hi / 2, hi), value)
        f_low[active] = np.where(below, value, np.where(repeated, lo / 2, lo))
        low[active] = np.where(below, part, low[active])
        high[active] = np.where(below, high[active], part)
        last[active] = np.where(below, 1, -1)
        active = active[np.abs(value) > tolerance]
    return moved


def _difference(points: Array, facing: Facing) -> Array:
    """Return how much farther points are from a than from b."""
    return facing.a.distances(points) - facing.b.distances(points)


def _ridges(seeds_a: Array, seeds_b: Array) -> tuple[Array, Array]:
    """Return vertices and ridges (pairs of vertices) between the Voronoi cells of two kinds."""
    none = np.empty((0, 2)), np.empty((0, 2), int)
    if not (len(seeds_a) and len(seeds_b)):
        return none
    points = np.vstack([seeds_a, seeds_b])
    middle = (points.min(0) + points.max(0)) / 2
    size = float(np.ptp(points, axis=0).max()) or 1.0
    # far points close all cells and keep seeds on one line from failing
    angles = np.arange(8) * (np.pi / 4) + 0.1
    far = 10 * np.column_stack([np.cos(angles), np.sin(angles)])
    diagram = require("scipy.spatial", PURPOSE).Voronoi(np.vstack([(points - middle) / size, far]))
    beside = diagram.ridge_points
    kept = (beside < len(points)).all(1) & (
        (beside[:, 0] < len(seeds_a)) != (beside[:, 1] < len(seeds_a))
    )
    pairs = np.array(diagram.ridge_vertices, int).reshape(-1, 2)[kept]
    return diagram.vertices * size + middle, pairs[(pairs >= 0).all(1)]


def _near(vertices: Array, pairs: Array, facing: Facing) -> tuple[Array, Array]:
    """Return the ridges that have an end near the region's box, and their vertices."""
    box = box_of(facing.rim) + np.array([-1, -1, 1, 1]) * 4 * facing.spacing
    near = ((vertices >= box[:2]) & (vertices <= box[2:])).all(1)
    used, renumbered = np.unique(pairs[near[pairs].any(1)], return_inverse=True)
    return vertices[used], renumbered.reshape(-1, 2)


def _ended(pieces: Array, complete: Mask, facing: Facing) -> Array:
    """Return pieces[n, 2, 2]; one that leaves the region ends just outside or at a near corner."""
    leaving = ~complete
    if not leaving.any():
        return pieces
    start, end = pieces[leaving, 0], pieces[leaving, 1]
    low, high = np.zeros(len(start)), np.ones(len(start))
    for _ in range(20):
        middle = (low + high) / 2
        within = enclosed(start + (end - start) * middle[:, None], facing.rim)
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    length = np.maximum(np.hypot(*(end - start).T), 1e-300)
    beyond = high + 1e-3 * facing.spacing / length
    ends = start + (end - start) * np.minimum(beyond, 1.0)[:, None]
    if len(facing.corners):
        away = np.hypot(*(ends[:, None] - facing.corners[None]).transpose(2, 0, 1))
        nearest = away.argmin(1)
        near = away.min(1) <= 2 * facing.spacing
        ends[near] = facing.corners[nearest[near]]
    ended = pieces.copy()
    ended[leaving, 1] = ends
    return ended


def _divided(pieces: Array, facing: Facing) -> Array:
    """Return pieces divided until the middle of each lies on the center line."""
    done = []
    while len(pieces):
        long = np.hypot(*(pieces[:, 1] - pieces[:, 0]).T) > SHORTEST * facing.spacing
        done.append(pieces[~long])
        pieces = pieces[long]
        middle = pieces.mean(1)
        moved = balanced(middle, facing)
        away = np.hypot(*(moved - middle).T)
        # a middle that jumped belongs to another branch of the line
        off = (away > STRAIGHT * facing.spacing) & (
            away < np.hypot(*(pieces[:, 1] - pieces[:, 0]).T) / 3
        )
        done.append(pieces[~off])
        pieces, moved = pieces[off], moved[off]
        pieces = np.concatenate(
            [np.stack([pieces[:, 0], moved], 1), np.stack([moved, pieces[:, 1]], 1)]
        )
    return np.concatenate(done)
