# SPDX-License-Identifier: GPL-2.0-or-later
"""Which footprints cover each face of their arrangement, and which of them may own it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from ..image import Array
from .arrangement import Arrangement, Cover, adopted, covers, thin_faces
from .boundary import edges_of

Pair = tuple[int, int]

_ULPS = 8
"""Steps of the largest coordinate below which the width of a face is only rounding."""


@dataclass(frozen=True)
class Kinship:
    """Footprints that lie inside others: `yields[i]` are those that image i leaves the ground to.

    `twins` gives, for an image with the footprint of an earlier one, that image.
    """

    yields: dict[int, frozenset[int]]
    twins: dict[int, int]

    def contenders(self, cover: Cover) -> Cover:
        """Return the members of a cover that do not leave the ground to another member."""
        present = frozenset(cover)
        left = tuple(i for i in cover if not self.yields.get(i, frozenset()) & present)
        return left or cover[:1]


@dataclass(frozen=True)
class Covered:
    """An arrangement and, for each of its faces, the numbers of the footprints that cover it."""

    arrangement: Arrangement
    covers: tuple[Cover, ...]

    @cached_property
    def toggles(self) -> tuple[frozenset[int], ...]:
        """The footprints whose boundary each line is a part of."""
        sets = [frozenset(cover) for cover in self.covers] + [frozenset()]
        sides = self.arrangement.sides.tolist()
        return tuple(sets[left] ^ sets[right] for left, right in sides)

    @cached_property
    def boundary_lines(self) -> dict[int, list[int]]:
        """The lines of each footprint's boundary."""
        found: dict[int, list[int]] = {}
        for line, members in enumerate(self.toggles):
            for member in members:
                found.setdefault(member, []).append(line)
        return found


def covered(
    arrangement: Arrangement, polygons: Sequence[Any], within: Any | None = None
) -> Covered:
    """Return which polygons cover each face; faces that are only rounding join a neighbor.

    Nothing covers faces outside the polygon `within`, whose boundary is part of the arrangement.
    """
    thin = thin_faces(arrangement, rounding(polygons))
    if within is None:
        found = [*covers(arrangement, polygons, thin), ()]
    else:
        both = covers(arrangement, [*polygons, within], thin)
        found = [*(c[:-1] if len(polygons) in c else () for c in both), ()]
    for face, other in adopted(arrangement, thin).items():
        found[face] = found[other]
    return Covered(arrangement, tuple(found[:-1]))


def kinship(state: Covered, tolerance: float, contained: str) -> Kinship:
    """Return which footprints lie inside others but for less than an area.

    `contained` is "top" (the outer one yields to the inner one) or "skip" (the other way round).
    """
    area, common = shared_areas(state)
    yields: dict[int, set[int]] = {}
    twins: dict[int, int] = {}
    for (a, b), size in sorted(common.items()):
        limit = max(tolerance, 1e-9 * min(area[a], area[b]))
        a_inside, b_inside = area[a] - size < limit, area[b] - size < limit
        if a_inside and b_inside:
            yields.setdefault(b, set()).add(a)
            twins.setdefault(b, a)
        elif a_inside or b_inside:
            inner, outer = (a, b) if a_inside else (b, a)
            loser, winner = (outer, inner) if contained == "top" else (inner, outer)
            yields.setdefault(loser, set()).add(winner)
    return Kinship({i: frozenset(found) for i, found in yields.items()}, twins)


def shared_areas(state: Covered) -> tuple[dict[int, float], dict[Pair, float]]:
    """Return the area of each footprint, and what pairs of them have in common."""
    area: dict[int, float] = {}
    common: dict[Pair, float] = {}
    for cover, size in zip(state.covers, state.arrangement.areas.tolist()):
        for member in cover:
            area[member] = area.get(member, 0.0) + size
        for pair in combinations(cover, 2):
            common[pair] = common.get(pair, 0.0) + size
    return area, common


def groups(arrangement: Arrangement, faces: Iterable[int]) -> list[list[int]]:
    """Return faces as lists of those that hang together by common lines."""
    left = dict.fromkeys(faces)
    found = []
    while left:
        start = next(iter(left))
        del left[start]
        group, open_faces = [start], [start]
        while open_faces:
            face = open_faces.pop()
            for line in arrangement.lines_of[face]:
                for other in arrangement.sides[line].tolist():
                    if other in left:
                        del left[other]
                        group.append(other)
                        open_faces.append(other)
        found.append(sorted(group))
    return found


def rim(arrangement: Arrangement, faces: Iterable[int]) -> list[int]:
    """Return the lines between faces of a group and others."""
    count: dict[int, int] = {}
    for face in faces:
        for line in arrangement.lines_of[face]:
            count[line] = count.get(line, 0) + 1
    return [line for line, times in count.items() if times == 1]


def edges_of_lines(arrangement: Arrangement, lines: Sequence[int]) -> Array:
    """Return the edges (x0, y0, x1, y1) of lines."""
    return edges_of(*(arrangement.coordinates[line] for line in lines))


def rounding(polygons: Sequence[Any]) -> float:
    """Return the width below which something between coordinates is only rounding."""
    largest = [abs(value) for p in polygons if not p.is_empty for value in p.bounds]
    return _ULPS * float(np.spacing(max(largest, default=1.0)))
