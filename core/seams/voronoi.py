# SPDX-License-Identifier: GPL-2.0-or-later
"""Seam cells on the center lines of grounds: a partition of the union of the footprints."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from ..progress import SILENT, Progress
from .arrangement import OUTSIDE, Cover, arrange, boundaries, interior_points
from .boundary import PURPOSE
from .cells import Partition, measured
from .contest import Contest, contest
from .cover import Covered, Pair, covered, kinship
from .ground import Ground, Rule, ground_of, lines_through

_NARROW = 0.02
"""Faces narrower than this many spacings go to the neighbor with the longest common line."""


def partition(
    footprints: Sequence[bytes],
    rule: Rule,
    *,
    guides: Sequence[bytes] | None = None,
    progress: Progress = SILENT,
) -> Partition:
    """Divide the union of footprints into one cell for each image (mosaicking.md 3.2).

    Footprints are well-known binary in one CRS, in order of priority. `guides` are the same
    footprints without the small holes and parts that seams shall not go round; the cells still
    tile the footprints exactly. Raises NoSolution when rounding forbids an exact arrangement.
    """
    polygons = _loaded(footprints)
    arrangement = arrange(boundaries(polygons), closed=True)
    state = covered(arrangement, polygons)
    kin = kinship(state, 0.5 * rule.pixel**2, rule.contained)
    guide = state if guides is None else covered(arrangement, _loaded(guides))
    first = contest(state, guide, kin, rule.geographic)
    progress.advance(0.1)
    grounds, lines = _center_lines(guide, first, rule, progress.part(0.1, 0.7))
    if lines:
        state = covered(arrange([*arrangement.lines, *lines], closed=False), polygons)
    last = contest(state, guide, kin, rule.geographic) if lines else first
    for pair in last.contested:
        if pair not in grounds:
            grounds[pair] = ground_of(guide, pair, first.common[pair], rule)
    owners = _owners(state, last, grounds, progress.part(0.7, 0.9))
    return measured(state.arrangement, owners, polygons, kin)


def _loaded(footprints: Sequence[bytes]) -> list[Any]:
    loads = require("shapely.wkb", PURPOSE).loads
    polygons = [loads(wkb) for wkb in footprints]
    return [p if p.is_valid else p.buffer(0) for p in polygons]


def _center_lines(
    guide: Covered, found: Contest, rule: Rule, progress: Progress
) -> tuple[dict[Pair, Ground], list[Any]]:
    """Return the ground of each pair of images that compete, and all lines through them."""
    grounds: dict[Pair, Ground] = {}
    lines: list[Any] = []
    for done, (pair, faces) in enumerate(sorted(found.contested.items())):
        progress.check()
        common, reach = found.common[pair], found.reach[pair]
        near = common if np.isinf(reach) else faces
        grounds[pair] = ground_of(guide, pair, near, rule, reach)
        lines += lines_through(guide, grounds[pair], common, faces, rule)
        progress.advance((done + 1) / len(found.contested))
    return grounds, lines


def _owners(
    state: Covered, found: Contest, grounds: dict[Pair, Ground], progress: Progress
) -> Array:
    """Return the image that owns each face, -1 where there is none (the rule of 3.2)."""
    owners = np.array([rivals[0] if rivals else OUTSIDE for rivals in found.rivals], int)
    points = interior_points(state.arrangement)
    wins: dict[int, dict[int, int]] = {}
    for done, (pair, faces) in enumerate(found.contested.items()):
        progress.check()
        for face, lead in zip(faces, grounds[pair].lead(points[faces]).tolist()):
            score = wins.setdefault(face, dict.fromkeys(found.rivals[face], 0))
            if lead:
                score[pair[0] if lead > 0 else pair[1]] += 1
        progress.advance((done + 1) / len(found.contested))
    for face, score in wins.items():
        most = max(score.values())
        best = [image for image, won in score.items() if won == most]
        owners[face] = best[0] if len(best) == 1 else _deepest(state, best, points[face])
    return _without_crumbs(state, found.rivals, grounds, owners)


def _deepest(state: Covered, images: list[int], point: Array) -> int:
    """Return the image whose boundary is farthest from a point, the first of equals."""
    here = require("shapely.geometry", PURPOSE).Point(*point)
    lines = state.arrangement.lines
    depths = [min(lines[n].distance(here) for n in state.boundary_lines[i]) for i in images]
    return images[int(np.argmax(depths))]


def _without_crumbs(
    state: Covered, rivals: Sequence[Cover], grounds: dict[Pair, Ground], owners: Array
) -> Array:
    """Return owners where crumbs between center lines belong to a neighbor that covers them."""
    pending = {
        face
        for face, images in enumerate(rivals)
        if len(images) > 1 and _is_crumb(state.arrangement.faces[face], images, grounds)
    }
    found = owners.copy()
    while pending:
        settled = {}
        for face in pending:
            beside = state.arrangement.neighbors(face).items()
            usable = [
                (length, -other)
                for other, length in beside
                if other != OUTSIDE and other not in pending and found[other] in state.covers[face]
            ]
            if usable:
                settled[face] = found[-max(usable)[1]]
        if not settled:
            break
        for face, owner in settled.items():
            found[face] = owner
        pending -= settled.keys()
    return found


def _is_crumb(polygon: Any, images: Cover, grounds: dict[Pair, Ground]) -> bool:
    spacing = min(grounds[pair].spacing for pair in combinations(images, 2))
    return bool(2 * polygon.area < _NARROW * spacing * polygon.length)
