# SPDX-License-Identifier: GPL-2.0-or-later
"""Seams without short pieces: crumbs of cells given away, short pieces drawn together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from .arrangement import OUTSIDE, Arrangement, arrange
from .boundary import PURPOSE, edges_of
from .cover import Covered, covered, groups
from .settling import labels_at, owned

_PASSES = 10
_REACH = 2.0
"""How far from a junction that moves a seam is drawn anew, in lengths of the move."""

Node = tuple[float, float]


@dataclass(frozen=True)
class Arc:
    """A seam between two junctions, with the image on its left and on its right."""

    points: Array
    left: int
    right: int

    @property
    def ends(self) -> tuple[Node, Node]:
        """The first and the last position."""
        return _node(self.points[0]), _node(self.points[-1])

    @property
    def way(self) -> Array:
        """The length of the way to each vertex."""
        steps = np.diff(self.points, axis=0)
        return np.append(0.0, np.cumsum(np.hypot(steps[:, 0], steps[:, 1])))


def without_detached(state: Covered, owners: Array, shortest: float) -> Array:
    """Return owners where detached parts of cells belong to the neighbor they touch a little.

    A part that touches all its neighbors along less than `shortest` goes to the one it touches
    most, if that image covers all of it.
    """
    found = owners.copy()
    for image in np.unique(owners[owners != OUTSIDE]).tolist():
        parts = groups(state.arrangement, np.flatnonzero(owners == image).tolist())
        area = [float(state.arrangement.areas[part].sum()) for part in parts]
        main = int(np.argmax(area))
        for part in (part for number, part in enumerate(parts) if number != main):
            taker = _taker(state, found, part, shortest)
            if taker != OUTSIDE:
                found[part] = taker
    return found


def contracted(
    state: Covered,
    owners: Array,
    polygons: Sequence[Any],
    shortest: float,
    within: Any | None = None,
) -> tuple[Covered, Array]:
    """Return an arrangement and its owners in which seams have no pieces shorter than a length.

    Such a piece becomes a point: its middle, or its end on the border of all cells. Cells never
    grow beyond the footprint of their image; where they would, a neighbor takes the ground over.
    """
    arrangement = state.arrangement
    sides = np.append(owners, OUTSIDE)[arrangement.sides]
    differ = sides[:, 0] != sides[:, 1]
    inner = np.flatnonzero(differ & (sides != OUTSIDE).all(1)).tolist()
    border = np.flatnonzero(differ & (sides == OUTSIDE).any(1)).tolist()
    fixed = {_node(end) for n in border for end in arrangement.coordinates[n]}
    arcs = list(_arcs(arrangement, sides, inner, fixed))
    drawn = _drawn_together(arcs, fixed, shortest)
    if len(drawn) == len(arcs):
        return state, owners
    line = require("shapely.geometry", PURPOSE).LineString
    seams = [line(arc.points) for arc in drawn]
    cells = arrange([*(arrangement.lines[n] for n in border), *seams], closed=False)
    borders = [Arc(arrangement.coordinates[n], *sides[n].tolist()) for n in border]
    labels = _voted(cells, [*drawn, *borders])
    outlines = [arrangement.lines[n] for n, members in enumerate(state.toggles) if members]
    new = covered(arrange([*outlines, *seams], closed=False), polygons, within)
    return new, owned(new, labels_at(new.arrangement, cells.faces, labels))


def _taker(state: Covered, owners: Array, part: list[int], shortest: float) -> int:
    """Return the image that a part of a cell goes to, -1 when it stays."""
    owner, beside = owners[part[0]], np.append(owners, OUTSIDE)
    touched: dict[int, float] = {}
    for face in part:
        for other, length in state.arrangement.neighbors(face).items():
            image = int(beside[other])
            if image not in (OUTSIDE, owner):
                touched[image] = touched.get(image, 0.0) + length
    if not touched or max(touched.values()) >= shortest:
        return OUTSIDE
    able = [i for i in touched if all(i in state.covers[face] for face in part)]
    return max(able, key=lambda image: touched[image]) if able else OUTSIDE


def _arcs(
    arrangement: Arrangement, sides: Array, lines: list[int], fixed: set[Node]
) -> Iterator[Arc]:
    """Yield the seams between junctions: where not two lines meet, or one meets the border."""
    meeting: dict[Node, list[int]] = {}
    for line in lines:
        for end in arrangement.coordinates[line][[0, -1]]:
            meeting.setdefault(_node(end), []).append(line)
    junctions = {node for node, found in meeting.items() if len(found) != 2 or node in fixed}
    left = dict.fromkeys(lines)
    starts = [line for node in sorted(junctions) for line in meeting[node]]
    for start in [*starts, *lines]:
        if start in left:
            yield _traced(arrangement, sides, start, meeting, junctions, left)


def _traced(
    arrangement: Arrangement,
    sides: Array,
    start: int,
    meeting: dict[Node, list[int]],
    junctions: set[Node],
    left: dict[int, None],
) -> Arc:
    points = arrangement.coordinates[start]
    pair = sides[start].tolist()
    if _node(points[0]) not in junctions and _node(points[-1]) in junctions:
        points, pair = points[::-1], pair[::-1]
    del left[start]
    chains, here = [points], _node(points[-1])
    while here not in junctions:
        further = [line for line in meeting[here] if line in left]
        if not further:
            break
        del left[further[0]]
        points = arrangement.coordinates[further[0]]
        points = points if _node(points[0]) == here else points[::-1]
        chains.append(points[1:])
        here = _node(points[-1])
    return Arc(np.vstack(chains), *pair)


def _drawn_together(arcs: list[Arc], fixed: set[Node], shortest: float) -> list[Arc]:
    """Return arcs without short ones; those that ended there end at one point."""
    for _ in range(_PASSES):
        moves: dict[Node, Array] = {}
        gone = set()
        lengths = [float(arc.way[-1]) for arc in arcs]
        for number in sorted(range(len(arcs)), key=lengths.__getitem__):
            a, b = arcs[number].ends
            if lengths[number] >= shortest:
                break
            if a == b or a in moves or b in moves or (a in fixed and b in fixed):
                continue
            moves[a] = moves[b] = _target(arcs[number], a in fixed, b in fixed)
            gone.add(number)
        if not gone:
            break
        arcs = [_moved(arc, moves) for number, arc in enumerate(arcs) if number not in gone]
    return arcs


def _target(arc: Arc, first: bool, last: bool) -> Array:
    """Return the point that an arc becomes."""
    if first or last:
        return np.asarray(arc.points[0 if first else -1])
    return _at(arc, 0.5 * float(arc.way[-1]))


def _at(arc: Arc, length: float) -> Array:
    way = arc.way
    return np.array([np.interp(length, way, arc.points[:, axis]) for axis in (0, 1)])


def _moved(arc: Arc, moves: dict[Node, Array]) -> Arc:
    """Return an arc that ends where its junctions have moved to."""
    targets = [moves.get(end) for end in arc.ends]
    if targets[0] is None and targets[1] is None:
        return arc
    way = arc.way
    shares = []
    for target, end in zip(targets, (arc.points[0], arc.points[-1])):
        away = 0.0 if target is None else float(np.hypot(*(target - end)))
        shares.append(min(_REACH * away, 0.4 * float(way[-1])))
    low, high = shares[0], float(way[-1]) - shares[1]
    points = arc.points[(way > low) & (way < high)]
    head = arc.points[:1] if targets[0] is None else np.vstack([targets[0], _at(arc, low)])
    tail = arc.points[-1:] if targets[1] is None else np.vstack([_at(arc, high), targets[1]])
    joined = np.vstack([head, points, tail])
    kept = np.append(True, (np.diff(joined, axis=0) != 0).any(1))
    return Arc(joined[kept], arc.left, arc.right)


def _voted(cells: Arrangement, arcs: Sequence[Arc]) -> list[int]:
    """Return the image that most of each face's boundary has on the face's side."""
    votes: list[dict[int, float]] = [{} for _ in cells.faces]
    for arc in arcs:
        edges = edges_of(arc.points)
        lengths = np.hypot(*(edges[:, 2:] - edges[:, :2]).T).tolist()
        for image, way in ((arc.left, edges), (arc.right, edges[:, [2, 3, 0, 1]])):
            for face, length in zip(cells.left_of(way).tolist(), lengths):
                if face != OUTSIDE:
                    votes[face][image] = votes[face].get(image, 0.0) + length
    return [max(found, key=lambda i: found[i]) if found else OUTSIDE for found in votes]


def _node(point: Array) -> Node:
    return float(point[0]), float(point[1])
