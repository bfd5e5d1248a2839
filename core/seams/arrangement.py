# SPDX-License-Identifier: GPL-2.0-or-later
"""One planar arrangement of lines: its faces, what covers them, and faces joined by owner.

Every area that is made of faces of one arrangement shares exact vertices with its neighbors, so
areas never overlap and leave no gaps, whatever the lines are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..deps import require
from ..errors import NoSolution
from ..image import Array
from .boundary import PURPOSE, edges_of
from .shapes import chains_of

OUTSIDE = -1
_ATTEMPTS = 4
_MIX = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64
)

Cover = tuple[int, ...]


@dataclass(frozen=True)
class Arrangement:
    """Lines that meet only at their ends, and the faces between them.

    `sides[line]` are the faces to its left and right, -1 where there is none.
    """

    lines: tuple[Any, ...]
    faces: tuple[Any, ...]
    sides: Array
    keys: Array
    owners: Array

    @cached_property
    def coordinates(self) -> tuple[Array, ...]:
        """The positions (n, 2) of each line."""
        return tuple(chain for (chain,) in chains_of(self.lines))

    @cached_property
    def boxes(self) -> Array:
        """The box (min x, min y, max x, max y) of each face."""
        if not self.faces:
            return np.empty((0, 4))
        rings = [chains[0] for chains in chains_of(self.faces)]
        starts = np.cumsum([0, *(len(ring) for ring in rings[:-1])])
        points = np.concatenate(rings)
        low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
        return np.hstack([low, high])

    @cached_property
    def insides(self) -> Array:
        """A position (x, y) inside each face."""
        points = [face.representative_point().coords[0] for face in self.faces]
        return np.array(points, float).reshape(-1, 2)

    @cached_property
    def areas(self) -> Array:
        """The area of each face."""
        return np.array([face.area for face in self.faces])

    @cached_property
    def lines_of(self) -> tuple[tuple[int, ...], ...]:
        """The lines that bound each face."""
        found: list[list[int]] = [[] for _ in self.faces]
        for line, (left, right) in enumerate(self.sides.tolist()):
            if left == right:
                continue
            for face in (left, right):
                if face != OUTSIDE:
                    found[face].append(line)
        return tuple(map(tuple, found))

    def neighbors(self, face: int) -> dict[int, float]:
        """Return the faces beside a face (or -1) with the length of their common lines."""
        found: dict[int, float] = {}
        for line in self.lines_of[face]:
            left, right = self.sides[line].tolist()
            other = right if left == face else left
            found[other] = found.get(other, 0.0) + self.lines[line].length
        return found

    def left_of(self, edges: Array) -> Array:
        """Return the face to the left of directed edges that belong to its rings, else -1."""
        return _looked_up(self.keys, self.owners, edges)


def arrange(lines: Iterable[Any], *, closed: bool) -> Arrangement:
    """Return the arrangement of lines; `closed` says that every line bounds a face.

    Raises NoSolution when rounding keeps the lines from being divided where they cross.
    """
    ops = require("shapely.ops", PURPOSE)
    parts = list(lines)
    for _ in range(_ATTEMPTS):
        parts = flat(ops.unary_union(parts))
        faces = tuple(ops.polygonize(parts))
        found = _connected(tuple(parts), faces)
        if not closed or (found.sides != OUTSIDE).any(1).all():
            return found
    raise NoSolution(
        "The footprints cannot be divided where they cross: their coordinates are too close to "
        "each other for the precision of numbers. Simplify the footprints."
    )


def boundaries(polygons: Iterable[Any]) -> list[Any]:
    """Return the rings of polygons as lines."""
    filled = [polygon for polygon in polygons if not polygon.is_empty]
    return [line for polygon in filled for line in flat(polygon.boundary)]


def flat(geometry: Any) -> list[Any]:
    """Return the non-empty parts of a geometry."""
    parts = getattr(geometry, "geoms", [geometry])
    return [part for part in parts if not part.is_empty]


def covers(arrangement: Arrangement, polygons: Sequence[Any], thin: Iterable[int]) -> list[Cover]:
    """Return the numbers of the polygons that cover each face.

    Faces that are `thin` have no safe interior point; they are left empty.
    """
    skipped, points = frozenset(thin), arrangement.insides
    point = require("shapely.geometry", PURPOSE).Point
    prep = require("shapely.prepared", PURPOSE).prep
    order = np.argsort(points[:, 0], kind="stable")
    x, y = points[order].T
    places = [point(*place) for place in points.tolist()]
    found: list[list[int]] = [[] for _ in points]
    for number, polygon in enumerate(polygons):
        if polygon.is_empty:
            continue
        left, low, right, high = polygon.bounds
        span = slice(*np.searchsorted(x, (left, right)).tolist())
        prepared = prep(polygon)
        for face in order[span][(y[span] > low) & (y[span] < high)].tolist():
            if face not in skipped and prepared.contains(places[face]):
                found[face].append(number)
    return [tuple(cover) for cover in found]


def thin_faces(arrangement: Arrangement, width: float) -> list[int]:
    """Return the faces that are narrower than a width."""
    lengths = np.array([face.length for face in arrangement.faces])
    return [int(face) for face in np.flatnonzero(2 * arrangement.areas < width * lengths)]


def adopted(arrangement: Arrangement, thin: Iterable[int]) -> dict[int, int]:
    """Return for each thin face the face (or -1) that it shall count as a part of.

    That is the one it shares the longest boundary with, thin ones only by way of others.
    """
    pending = dict.fromkeys(thin)
    found: dict[int, int] = {}
    while pending:
        settled = {}
        for face in pending:
            others = arrangement.neighbors(face).items()
            usable = [(length, -other) for other, length in others if other not in pending]
            if usable:
                other = -max(usable)[1]
                settled[face] = found.get(other, other)
        if not settled:
            break
        found.update(settled)
        pending = {face: None for face in pending if face not in settled}
    return {**found, **dict.fromkeys(pending, OUTSIDE)}


def joined(arrangement: Arrangement, owners: Array) -> dict[int, list[Any]]:
    """Return the polygons of each owner: faces of one owner (>= 0) joined, by topology alone."""
    owned = np.append(owners, OUTSIDE)
    kept = owned[arrangement.sides[:, 0]] != owned[arrangement.sides[:, 1]]
    polygonize = require("shapely.ops", PURPOSE).polygonize
    polygons = list(polygonize([arrangement.lines[line] for line in np.flatnonzero(kept)]))
    found: dict[int, list[Any]] = {}
    if not polygons:
        return found
    edges, whose = _directed(polygons)
    first = edges[np.searchsorted(whose, np.arange(len(polygons)))]
    for polygon, face in zip(polygons, arrangement.left_of(first).tolist()):
        if owned[face] != OUTSIDE:
            found.setdefault(int(owned[face]), []).append(polygon)
    return found


def _connected(lines: tuple[Any, ...], faces: tuple[Any, ...]) -> Arrangement:
    edges, owners = _directed(faces)
    keys = _keys(edges)
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    first = np.array([chain[:2] for (chain,) in chains_of(lines)]).reshape(-1, 4)
    left = _looked_up(keys, owners, first)
    right = _looked_up(keys, owners, first[:, [2, 3, 0, 1]])
    return Arrangement(lines, faces, np.column_stack([left, right]), keys, owners)


def _directed(polygons: Sequence[Any]) -> tuple[Array, Array]:
    """Return the edges of rings, each with its polygon on the left, and the polygons' numbers."""
    nested = chains_of(polygons)
    rings = [ring for chains in nested for ring in chains]
    if not rings:
        return np.empty((0, 4)), np.empty(0, int)
    edges = edges_of(*rings)
    counts = np.array([len(ring) - 1 for ring in rings])
    starts = np.cumsum(counts) - counts
    x0, y0, x1, y1 = (edges - np.tile(np.repeat(edges[starts, :2], counts, 0), 2)).T
    counterclockwise = np.add.reduceat(x0 * y1 - x1 * y0, starts) > 0
    owner = np.repeat(np.arange(len(nested)), [len(chains) for chains in nested])
    outer = np.diff(owner, prepend=-1) > 0
    turned = np.repeat(counterclockwise != outer, counts)[:, None]
    return np.where(turned, edges[:, [2, 3, 0, 1]], edges), np.repeat(owner, counts)


def _keys(edges: Array) -> Array:
    """Return a 64-bit number for each edge that differs with any bit of its coordinates."""
    # adding 0.0 makes -0.0 and 0.0 one number
    bits = np.ascontiguousarray(edges + 0.0).view(np.uint64).reshape(-1, 4)
    mixed = bits ^ (bits >> np.uint64(31))
    keys = np.zeros(len(edges), np.uint64)
    for column, factor in enumerate(_MIX):
        keys = (keys ^ mixed[:, column]) * factor
        keys ^= keys >> np.uint64(29)
    return keys


def _looked_up(keys: Array, owners: Array, edges: Array) -> Array:
    if not len(keys):
        return np.full(len(edges), OUTSIDE)
    wanted = _keys(edges)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, owners[at], OUTSIDE)
