# SPDX-License-Identifier: GPL-2.0-or-later
"""The common ground of two images: their boundaries round it, and the center lines through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from .arrangement import flat
from .bisector import Facing, center_lines
from .boundary import PURPOSE, Boundary, Frame, clipped, seeds
from .cover import Covered, Pair, edges_of_lines, groups, rim
from .shapes import multi_line

_MOST_SEEDS = 20_000
_TIE = 1e-9
"""Difference of two distances, in parts of the overlap's size, that counts as none."""


@dataclass(frozen=True)
class Rule:
    """How seam cells are made.

    `spacing` in map units, 0 chooses it for each overlap; `pixel` is the side of the finest
    image's pixels (0 = unknown); `contained` is what an image inside another one gets: its whole
    footprint ("top") or nothing ("skip"). Pieces of seams shorter than `shortest` in map units are
    contracted. With `keep_drawings` the partition tells how each overlap was drawn.
    """

    spacing: float = 0.0
    pixel: float = 0.0
    contained: str = "top"
    geographic: bool = False
    shortest: float = 0.0
    keep_drawings: bool = False

    def step(self, box: Array) -> float:
        """Return the spacing for an overlap of a box in the local plane."""
        if self.spacing > 0:
            return self.spacing
        return max(5 * self.pixel, float((box[2:] - box[:2]).max()) / 500)


@dataclass(frozen=True)
class Draft:
    """What the center line of a connected overlap was drawn from, all in map units.

    `faces` are those of the overlap in the arrangement of the guides, `corners` the crossings of
    both boundaries, `seeds` the points along each of them, `lines` what came out.
    """

    pair: Pair
    faces: tuple[int, ...]
    corners: Array
    seeds: tuple[Array, Array]
    lines: tuple[Any, ...]


@dataclass(frozen=True)
class Ground:
    """Two images' boundaries (parts they share left out) round their common ground."""

    pair: Pair
    frame: Frame
    a: Boundary
    b: Boundary
    size: float
    reach: float

    @property
    def spacing(self) -> float:
        """Length between seeds, in the local plane."""
        return self.a.step

    def lead(self, points: Array) -> Array:
        """Return how much farther points are from a's boundary than from b's; 0 is a tie."""
        local = self.frame.local(points)
        to_a, to_b = self.a.distances(local), self.b.distances(local)
        endless = np.isinf(to_a) & np.isinf(to_b)
        lead = np.subtract(to_a, to_b, out=np.zeros(len(points)), where=~endless)
        lead[np.abs(lead) <= _TIE * self.size] = 0
        return lead


def ground_of(
    guide: Covered, pair: Pair, faces: Sequence[int], rule: Rule, reach: float = np.inf
) -> Ground:
    """Return the overlap of two images as far as some faces of their common ground need it.

    `reach` is how far a boundary that decides can be; without it, half the width of the faces'
    box is, when the faces are the whole common ground.
    """
    box = _box(guide, faces)
    frame = Frame.around(box, rule.geographic)
    local = frame.local(box)
    sides = local[2:] - local[:2]
    margin = (sides.min() / 2 if np.isinf(reach) else reach) + 1e-9 * sides.max()
    wide = _grown(local, margin)
    found = []
    for one, other in (pair, pair[::-1]):
        lines = guide.boundary_lines.get(one, [])
        own = [line for line in lines if other not in guide.toggles[line]]
        edges = clipped(frame.local(edges_of_lines(guide.arrangement, own)), wide)
        found.append(Boundary(edges, rule.step(local)))
    return Ground(pair, frame, found[0], found[1], float(sides.max()), float(margin))


def drafts_through(
    guide: Covered, ground: Ground, common: list[int], contested: list[int], rule: Rule
) -> list[Draft]:
    """Return the center lines of an overlap through its contested faces."""
    wanted = frozenset(contested)
    found: list[Draft] = []
    for group in groups(guide.arrangement, common):
        region = [face for face in group if face in wanted]
        if region:
            found += _through(guide, ground, group, region, rule)
    return found


def _through(
    guide: Covered, ground: Ground, group: list[int], region: list[int], rule: Rule
) -> list[Draft]:
    """Return the center lines through a region of one connected piece of common ground."""
    arrangement, frame, pair = guide.arrangement, ground.frame, ground.pair
    lines = _sides(guide, pair, group)
    if not all(lines):
        return []
    box = frame.local(_box(guide, group))
    edges = [frame.local(edges_of_lines(arrangement, own)) for own in lines]
    if len(region) < len(group):
        near = _grown(frame.local(_box(guide, region)), ground.reach)
        edges = [clipped(own, near) for own in edges]
    length = sum(float(np.hypot(*(own[:, 2:] - own[:, :2]).T).sum()) for own in edges)
    spacing = max(rule.step(box), length / _MOST_SEEDS)
    if (box[2:] - box[:2]).max() < spacing:
        return []
    ends = [_ends(guide, own) for own in lines]
    corners = np.array(sorted(ends[0] & ends[1])).reshape(-1, 2)
    rim_edges = frame.local(edges_of_lines(arrangement, rim(arrangement, region)))
    facing = Facing(ground.a, ground.b, rim_edges, frame.local(corners), spacing)
    points = seeds(edges[0], spacing, ground.b), seeds(edges[1], spacing, ground.a)
    found = _merged(center_lines(facing, *points), frame, corners, 1e-3 * spacing)
    shown = (frame.ground(points[0]), frame.ground(points[1]))
    return [Draft(pair, tuple(group), corners, shown, tuple(found))]


def _sides(guide: Covered, pair: Pair, group: list[int]) -> list[list[int]]:
    """Return the lines round a group of faces that belong to one of a pair of footprints only."""
    around = rim(guide.arrangement, group)
    return [
        [line for line in around if one in guide.toggles[line] and two not in guide.toggles[line]]
        for one, two in (pair, pair[::-1])
    ]


def _grown(box: Array, margin: float) -> Array:
    grown: Array = box + np.array([-1.0, -1.0, 1.0, 1.0]) * margin
    return grown


def _merged(pieces: Array, frame: Frame, corners: Array, tolerance: float) -> list[Any]:
    """Return pieces as few straightened lines in map units; ends at corners are exactly there."""
    if not len(pieces):
        return []
    geometry = require("shapely.geometry", PURPOSE)
    merged = require("shapely.ops", PURPOSE).linemerge(multi_line(pieces))
    local_corners = frame.local(corners)
    lines = []
    for line in flat(merged.simplify(tolerance, preserve_topology=False)):
        local = np.asarray(line.coords)
        ground = frame.ground(local)
        for end in (0, -1):
            same = np.flatnonzero((local_corners == local[end]).all(1))
            if len(same):
                ground[end] = corners[same[0]]
        lines.append(geometry.LineString(ground))
    return lines


def _ends(state: Covered, lines: Sequence[int]) -> set[tuple[float, float]]:
    chains = [state.arrangement.coordinates[line] for line in lines]
    return {tuple(chain[end].tolist()) for chain in chains for end in (0, -1)}


def _box(state: Covered, faces: Sequence[int]) -> Array:
    bounds = state.arrangement.boxes[list(faces)]
    return np.concatenate([bounds[:, :2].min(0), bounds[:, 2:].max(0)])
