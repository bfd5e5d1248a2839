# SPDX-License-Identifier: GPL-2.0-or-later
"""Footprints that are the same but for a few pixels, as those of repeated images are.

Where two such boundaries cross each other often, which one is nearer is a matter of chance, and
cells would be patchwork: the first image gets the ground of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..image import Array
from .boundary import Boundary, Frame, edges_of
from .cover import Covered, Kinship, groups, shared_areas

ALIKE = 0.9
"""Part of area and of boundary that footprints must have in common to be the same."""

FEW = 4
"""Pieces of ground, covered by one footprint only, with which there is a clean center line."""

_POINTS = 400


def with_near_twins(
    kin: Kinship, state: Covered, polygons: Sequence[Any], width: float, *, geographic: bool
) -> Kinship:
    """Return which footprints leave ground to others, when such within a width are the same.

    Those are pairs that have nearly all their area in common, and whose boundaries run within a
    width of each other nearly everywhere and cross often.
    """
    area, common = shared_areas(state)
    yields = {number: set(found) for number, found in kin.yields.items()}
    twins = dict(kin.twins)
    for (a, b), size in sorted(common.items()) if width > 0 else ():
        related = b in yields.get(a, ()) or a in yields.get(b, ())
        if related or size < ALIKE * max(area[a], area[b]) or _pieces(state, a, b) <= FEW:
            continue
        pair = polygons[a], polygons[b]
        if _beside(*pair, width, geographic) and _beside(*pair[::-1], width, geographic):
            yields.setdefault(b, set()).add(a)
            twins.setdefault(b, a)
    return Kinship({number: frozenset(found) for number, found in yields.items()}, twins)


def _pieces(state: Covered, a: int, b: int) -> int:
    """Return in how many pieces the ground lies that only one of two footprints covers."""
    alone = [n for n, cover in enumerate(state.covers) if (a in cover) != (b in cover)]
    return len(groups(state.arrangement, alone))


def _beside(one: Any, other: Any, width: float, geographic: bool) -> bool:
    """Return True when nearly all of a polygon's boundary lies within a width of another's."""
    box = np.array(one.bounds)
    frame = Frame.around(box, geographic)
    edges = frame.local(edges_of(*_rings(other)))
    local = frame.local(box)
    boundary = Boundary(edges, float((local[2:] - local[:2]).max()) / 500)
    points = _spread([frame.local(ring) for ring in _rings(one)])
    return float((boundary.distances(points) <= width).mean()) >= ALIKE


def _spread(rings: Sequence[Array]) -> Array:
    """Return points at equal distances along rings, whatever their vertices are."""
    edges = edges_of(*rings)
    way = np.cumsum(np.hypot(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1]))
    at = (np.arange(_POINTS) + 0.5) * (way[-1] / _POINTS)
    edge = np.searchsorted(way, at)
    start = np.append(0.0, way[:-1])[edge]
    part = ((at - start) / (way[edge] - start))[:, None]
    points: Array = edges[edge, :2] * (1 - part) + edges[edge, 2:] * part
    return points


def _rings(polygon: Any) -> list[Array]:
    parts = getattr(polygon, "geoms", [polygon])
    rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return [np.asarray(ring.coords)[:, :2] for ring in rings]
