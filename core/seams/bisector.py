# SPDX-License-Identifier: GPL-2.0-or-later
"""The line between two boundaries: as far from one as from the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..deps import require
from ..image import Array, Mask
from .boundary import PURPOSE, Boundary, box_of, enclosed

AGREEMENT = 5e-4
"""Difference of the two distances at a vertex, in spacings; 1e-3 would not be seen."""

STRAIGHT = 3e-3
"""Spacings by which the middle of a piece of the line may be off before it is divided."""

SHORTEST, LONGEST = 0.04, 16.0
"""Spacings below which a piece is not divided, and above which it is from the beginning."""

_MOST = 500
"""Pieces that a ridge is divided into at most; only what lies far outside is longer."""

_PARTS = 4
"""Pieces that one whose inner points are off is divided into."""

_STEPS = 30

_TOGETHER = 500_000
"""Pairs of pieces and edges of a rim that are looked at together."""


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

    def difference(self, points: Array) -> Array:
        """Return how much farther points are from a than from b; 0 where one has no edges."""
        count = len(self.a.edges)
        if not count or not len(self.b.edges):
            return np.zeros(len(points))
        if not self._both.few(points):
            return self.a.distances(points) - self.b.distances(points)
        squares = self._both.squares(points)
        found: Array = np.sqrt(squares[:, :count].min(1)) - np.sqrt(squares[:, count:].min(1))
        return found

    @cached_property
    def _both(self) -> Boundary:
        """Few edges, looked at together in half the time."""
        return Boundary(np.vstack([self.a.edges, self.b.edges]), self.spacing)


def center_lines(facing: Facing, seeds_a: Array, seeds_b: Array) -> Array:
    """Return the pieces (2, 2) of the center line between two boundaries inside their region.

    The topology is that of the Voronoi diagram of the seeds, whose ridges are moved to where the
    true distances agree. Pieces reach a little beyond the region, or end at a corner.
    """
    vertices, pairs = _near(*_ridges(seeds_a, seeds_b), facing)
    vertices, pairs = _near(*_shortened(vertices, pairs, LONGEST * facing.spacing), facing)
    if not len(pairs):
        return np.empty((0, 2, 2))
    pieces = _divided(balanced(vertices, facing)[pairs], facing)
    inside = enclosed(pieces.reshape(-1, 2), facing.rim).reshape(-1, 2)
    # the first end of each piece lies inside, if one of them does
    pieces = np.where(inside[:, :1, None], pieces, pieces[:, ::-1])
    ends = _leaving(pieces, facing.rim)
    within = inside.any(1)
    kept = within | np.isfinite(ends)
    return _ended(pieces[kept], (within & ~inside.all(1))[kept], ends[kept], facing)


def balanced(points: Array, facing: Facing) -> Array:
    """Return points moved to where the distances to both boundaries agree.

    Each moves straight towards the farther boundary's nearest position; on that way the
    difference of the distances changes its sign, and is found by the Illinois method.
    """
    tolerance, moved = AGREEMENT * facing.spacing, points.copy()
    difference = facing.difference(points)
    active = np.flatnonzero(np.abs(difference) > tolerance)
    if not len(active):
        return moved
    start, lead = points[active], difference[active]
    to_a = (lead > 0)[:, None]
    target = np.where(to_a, facing.a.nearest(start), facing.b.nearest(start))
    sign, low, high = np.sign(lead), np.zeros(len(active)), np.ones(len(active))
    f_low, f_high = np.abs(lead), facing.difference(target) * sign
    state = np.vstack([start.T, (target - start).T, sign, low, high, f_low, f_high, 0 * low])
    for _ in range(_STEPS):
        x, y, way_x, way_y, sign, low, high, f_low, f_high, last = state
        part = low + (high - low) * f_low / np.maximum(f_low - f_high, 1e-300)
        moved[active] = found = np.column_stack([x + way_x * part, y + way_y * part])
        value = facing.difference(found) * sign
        away = np.abs(value) > tolerance
        if not away.any():
            break
        side = np.where(value > 0, 1, -1)
        halved = np.where(side == last, 0.5, 1)
        f_low, f_high = np.where(side > 0, (value, f_high * halved), (f_low * halved, value))
        low, high = np.where(side > 0, (part, high), (low, part))
        state = np.vstack([state[:5], low, high, f_low, f_high, side])[:, away]
        active = active[away]
    return moved


def _ridges(seeds_a: Array, seeds_b: Array) -> tuple[Array, Array]:
    """Return vertices and ridges (pairs of vertices) between the Voronoi cells of two kinds.

    Made from the triangles of the dual, which takes a third of the time.
    """
    if not (len(seeds_a) and len(seeds_b)):
        return np.empty((0, 2)), np.empty((0, 2), int)
    points = np.vstack([seeds_a, seeds_b])
    middle = (points.min(0) + points.max(0)) / 2
    size = float(np.ptp(points, axis=0).max()) or 1.0
    # far points close all cells and keep seeds on one line from failing
    angles = np.arange(8) * (np.pi / 4) + 0.1
    far = 10 * np.column_stack([np.cos(angles), np.sin(angles)])
    sites = np.vstack([(points - middle) / size, far])
    dual = require("scipy.spatial", PURPOSE).Delaunay(sites)
    kind = np.repeat([0, 1, 2], [len(seeds_a), len(seeds_b), len(far)])[dual.simplices]
    vertices = _circumcenters(sites[dual.simplices])
    usable = np.append(np.isfinite(vertices).all(1), False)
    # each side of a triangle is opposite a corner, and so is the triangle beyond it
    ends, others = kind[:, [1, 2, 0]], kind[:, [2, 0, 1]]
    kept = (ends + others == 1) & (dual.neighbors > np.arange(len(kind))[:, None])
    kept &= usable[:-1, None] & usable[dual.neighbors]
    triangle, side = np.nonzero(kept)
    pairs = np.column_stack([triangle, dual.neighbors[triangle, side]])
    return vertices * size + middle, pairs


def _circumcenters(corners: Array) -> Array:
    """Return the position as far from all corners[n, 3, 2] of each triangle; not finite if flat."""
    first = corners[:, 0]
    (u, v), (x, y) = (corners[:, 1] - first).T, (corners[:, 2] - first).T
    one, other = u * u + v * v, x * x + y * y
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.stack([y * one - v * other, u * other - x * one]) / (2 * (u * y - v * x))
    found: Array = first + away.T
    return found


def _near(vertices: Array, pairs: Array, facing: Facing) -> tuple[Array, Array]:
    """Return the ridges that have an end near the region's box, and their vertices."""
    box = box_of(facing.rim) + np.array([-1, -1, 1, 1]) * 4 * facing.spacing
    near = ((vertices >= box[:2]) & (vertices <= box[2:])).all(1)
    used, renumbered = np.unique(pairs[near[pairs].any(1)], return_inverse=True)
    return vertices[used], renumbered.reshape(-1, 2)


def _shortened(vertices: Array, pairs: Array, longest: float) -> tuple[Array, Array]:
    """Return vertices and ridges that are divided into equal pieces up to a length."""
    way = vertices[pairs[:, 1]] - vertices[pairs[:, 0]]
    count = np.clip(np.ceil(np.hypot(*way.T) / longest), 1, _MOST).astype(int)
    owner = np.repeat(np.arange(len(pairs)), count)
    number = np.arange(len(owner)) - (np.cumsum(count) - count)[owner]
    new = np.flatnonzero(number > 0)
    start = pairs[owner, 0]
    start[new] = len(vertices) + np.arange(len(new))
    end = pairs[owner, 1]
    end[new - 1] = start[new]
    part = (number / count[owner])[new, None]
    added = vertices[pairs[owner[new], 0]] + way[owner[new]] * part
    return np.vstack([vertices, added]), np.column_stack([start, end])


def _leaving(pieces: Array, rim: Array) -> Array:
    """Return the part of each piece[2, 2] up to its first crossing with a rim; infinite if none."""
    count = max(1, _TOGETHER // max(1, len(rim)))
    parts = [_first(pieces[at : at + count], rim) for at in range(0, len(pieces), count)]
    return np.concatenate([np.empty(0), *parts])


def _first(pieces: Array, rim: Array) -> Array:
    start, way = pieces[:, 0, :, None], (pieces[:, 1] - pieces[:, 0])[:, :, None]
    x, y = rim[:, 0] - start[:, 0], rim[:, 1] - start[:, 1]
    u, v = rim[:, 2] - rim[:, 0], rim[:, 3] - rim[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1 / (way[:, 0] * v - way[:, 1] * u)
        part, along = (x * v - y * u) * scale, (x * way[:, 1] - y * way[:, 0]) * scale
    # rounding must not open the corners of the rim
    met = (part >= 0) & (part <= 1) & (np.abs(along - 0.5) <= 0.5 + 1e-9)
    found: Array = np.where(met, part, np.inf).min(1, initial=np.inf)
    return found


def _ended(pieces: Array, leaving: Mask, parts: Array, facing: Facing) -> Array:
    """Return pieces; those that leave the region end just outside or at a near corner."""
    if not leaving.any():
        return pieces
    start, end = pieces[leaving, 0], pieces[leaving, 1]
    length = np.maximum(_lengths(pieces[leaving]), 1e-300)
    beyond = parts[leaving] + 1e-3 * facing.spacing / length
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
    """Return pieces divided until the points inside each lie on the center line."""
    done = [pieces[:0]]
    parts = np.arange(1, _PARTS)[:, None] / _PARTS
    while len(pieces):
        lengths = _lengths(pieces)
        long = lengths > SHORTEST * facing.spacing
        done.append(pieces[~long])
        pieces, lengths = pieces[long], lengths[long]
        start, end = pieces[:, :1], pieces[:, 1:]
        inner = start + (end - start) * parts
        moved = balanced(inner.reshape(-1, 2), facing).reshape(inner.shape)
        away = np.hypot(*(moved - inner).transpose(2, 0, 1)).max(1, initial=0)
        # a point that jumped belongs to another branch of the line
        off = (away > STRAIGHT * facing.spacing) & (away < lengths / 3)
        done.append(pieces[~off])
        chains = np.concatenate([start, moved, end], 1)[off]
        pieces = np.stack([chains[:, :-1], chains[:, 1:]], 2).reshape(-1, 2, 2)
    return np.concatenate(done)


def _lengths(pieces: Array) -> Array:
    return np.asarray(np.hypot(*(pieces[:, 1] - pieces[:, 0]).T))
