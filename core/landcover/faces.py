# SPDX-License-Identifier: GPL-2.0-or-later
"""Faces between lines: their areas, neighbors and rings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..image import Array
from .lines import Ids, Lines
from .merging import Graph


def face_areas(lines: Lines, count: int) -> Array:
    """Return the area of each face in px²; negative for one that was turned inside out."""
    pieces = _swept(lines)
    areas = np.bincount(lines.right, pieces, count) - np.bincount(lines.left, pieces, count)
    return np.asarray(areas)


def neighbors(lines: Lines, labels: Array, areas: Array, pixel: tuple[float, float]) -> Graph:
    """Return faces with their areas and the lengths of their borders in map units."""
    steps = np.hypot(*(np.diff(lines.points, axis=0) * pixel).T)
    steps = np.append(steps, 0.0)
    steps[lines.starts[1:] - 1] = 0
    lengths = np.add.reduceat(steps, lines.starts[:-1]) if len(lines) else steps[:0]
    pairs = np.stack([lines.left, lines.right])
    return Graph(labels, areas, pairs, lengths)


def between(lines: Lines, owners: Ids) -> tuple[Ids, Lines]:
    """Return the lines between faces that have become parts of others, and their numbers."""
    left, right = owners[lines.left], owners[lines.right]
    kept = np.flatnonzero(left != right)
    return kept, replace(lines, left=left, right=right).taken(kept)


def _swept(lines: Lines) -> Array:
    """Return twice the area between each line and the corner of the image, halved."""
    x, y = lines.points.T.astype(float)
    cross = np.append(x[:-1] * y[1:] - x[1:] * y[:-1], 0.0)
    cross[lines.starts[1:] - 1] = 0
    return np.add.reduceat(cross, lines.starts[:-1]) / 2 if len(lines) else cross[:0]


@dataclass(frozen=True)
class Rings:
    """Rings of half lines: 2 n is line n as it runs, 2 n + 1 the line backward.

    Ring n holds halves[starts[n]:starts[n + 1]] and belongs to the face at its left.
    """

    halves: Ids
    starts: Ids
    faces: Ids

    def of_faces(self, lines: Lines) -> Iterator[tuple[int, tuple[Array, ...]]]:
        """Yield each face with its closed rings, the outer one first, in the order of faces.

        `lines` are those that the rings were found between, perhaps drawn in another way.
        """
        if not len(self.faces):
            return
        swept = np.repeat(_swept(lines), 2)
        swept[1::2] *= -1
        sizes = np.abs(np.add.reduceat(swept[self.halves], self.starts[:-1]))
        order = np.lexsort((-sizes, self.faces))
        bounds = np.flatnonzero(np.diff(self.faces[order], prepend=-1, append=-1))
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist()):
            some = order[begin:end].tolist()
            yield int(self.faces[some[0]]), tuple(self._ring(lines, ring) for ring in some)

    def _ring(self, lines: Lines, ring: int) -> Array:
        parts = []
        for half in self.halves[self.starts[ring] : self.starts[ring + 1]].tolist():
            number, backward = half >> 1, half & 1
            points = lines.points[lines.starts[number] : lines.starts[number + 1]]
            parts.append(points[:0:-1] if backward else points[:-1])
        return np.concatenate([*parts, parts[0][:1]])


def rings_between(lines: Lines) -> Rings:
    """Return the rings that lines along the edges of pixels make.

    Where a face meets itself at a corner, its rings turn right, which makes a hole that touches.
    """
    following = _following(lines)
    faces = np.stack([lines.left, lines.right], 1).ravel()
    seen = np.zeros(len(following), bool)
    halves: list[int] = []
    starts, owners = [0], []
    after, known = following.tolist(), seen.tolist()
    for begin in range(len(after)):
        half = begin
        while not known[half]:
            known[half] = True
            halves.append(half)
            half = after[half]
        if len(halves) > starts[-1]:
            starts.append(len(halves))
            owners.append(begin)
    return Rings(np.array(halves, np.int64), np.array(starts, np.int64), faces[owners])


def _following(lines: Lines) -> Ids:
    """Return the half line that goes on round the same face behind each."""
    width = int(lines.points[:, 0].max(initial=0)) + 1
    first, last = (ends[:, 1] * width + ends[:, 0] for ends in (lines.first, lines.last))
    begin, end = np.stack([first, last], 1).ravel(), np.stack([last, first], 1).ravel()
    faces = np.stack([lines.left, lines.right], 1).ravel()
    inner = lines.starts
    out = _heading(lines.points[inner[:-1] + 1] - lines.first)
    into = _heading(lines.last - lines.points[inner[1:] - 2])
    leaving = np.stack([out, (into + 2) % 4], 1).ravel()
    arriving = np.stack([into, (out + 2) % 4], 1).ravel()
    coming = np.lexsort(((arriving + 1) % 4, faces, end))
    going = np.lexsort((leaving, faces, begin))
    following = np.empty(len(faces), np.int64)
    following[coming] = going
    return following


def _heading(steps: Array) -> Ids:
    """Return 0 for east, 1 south, 2 west, 3 north; so the next one is a turn to the right."""
    x, y = steps.T
    return np.asarray(np.where(y == 0, np.where(x > 0, 0, 2), np.where(y > 0, 1, 3)), np.int64)
