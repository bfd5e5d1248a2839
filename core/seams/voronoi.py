# SPDX-License-Identifier: GPL-2.0-or-later
"""Seam cells on the center lines of grounds: a partition of the union of the footprints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from ..progress import SILENT, Progress
from .alongside import with_near_twins
from .areas import valid
from .arrangement import (
    OUTSIDE,
    Arrangement,
    Cover,
    arrange,
    boundaries,
    joined,
)
from .boundary import PURPOSE
from .cells import Partition, measured
from .contest import Contest, contest
from .contraction import contracted, without_detached
from .cover import Covered, Kinship, Pair, covered, kinship
from .drafting import Drawing
from .ground import Draft, Ground, Rule, drafts_through, ground_of
from .settling import absorbed

_NARROW = 0.02
"""Faces narrower than this many spacings go to the neighbor with the longest common line."""

_SAME = 5.0
"""Pixels within which boundaries count as one, when footprints are compared as a whole."""


def partition(
    footprints: Sequence[bytes],
    rule: Rule,
    *,
    guides: Sequence[bytes] | None = None,
    within: bytes | None = None,
    progress: Progress = SILENT,
) -> Partition:
    """Divide the union of footprints into one cell for each image.

    Footprints are well-known binary in one CRS, in order of priority. `guides` are the same
    footprints without the small holes and parts that seams shall not go round; the cells still
    tile the footprints exactly. `within` is the area that is divided, all when absent. Raises
    NoSolution when rounding forbids an exact arrangement.
    """
    polygons = list(map(valid, footprints))
    area = valid(within) if within is not None else None
    arrangement = arrange(boundaries(polygons), closed=True)
    state = covered(arrangement, polygons)
    leading = polygons if guides is None else list(map(valid, guides))
    guide, kin = _guided(state, leading, rule, guides)
    first = contest(state, guide, kin, rule.geographic)
    progress.advance(0.1)
    grounds, drafts = _center_lines(guide, first, rule, progress.part(0.1, 0.7))
    undivided, state = state, _divided(arrangement, state, drafts, polygons, area)
    last = first if state is undivided else contest(state, guide, kin, rule.geographic)
    for pair in last.contested:
        if pair not in grounds:
            grounds[pair] = ground_of(guide, pair, first.common[pair], rule)
    owners = _owners(state, guide, last, grounds, progress.part(0.7, 0.9))
    if rule.shortest > 0:
        owners = without_detached(state, owners, rule.shortest)
        state, owners = contracted(state, owners, polygons, rule.shortest, area)
    found = measured(state.arrangement, owners, polygons, kin, area)
    return replace(found, drawings=_drawings(guide, drafts)) if rule.keep_drawings else found


def _guided(
    state: Covered, polygons: Sequence[Any], rule: Rule, guides: Sequence[bytes] | None
) -> tuple[Covered, Kinship]:
    """Return the boundaries that decide, and which footprints leave ground to which."""
    kin = kinship(state, 0.5 * rule.pixel**2, rule.contained)
    guide = state
    if guides is not None:
        guide = covered(state.arrangement, polygons)
    same = _SAME * rule.pixel
    return guide, with_near_twins(kin, guide, polygons, same, geographic=rule.geographic)


def _divided(
    arrangement: Arrangement,
    state: Covered,
    drafts: Sequence[Draft],
    polygons: Sequence[Any],
    area: Any | None,
) -> Covered:
    """Return the arrangement of the footprints with center lines and the border of an area."""
    lines = [line for draft in drafts for line in draft.lines]
    border = [] if area is None else boundaries([area])
    if not lines and not border:
        return state
    return covered(arrange([*arrangement.lines, *lines, *border], closed=False), polygons, area)


def _center_lines(
    guide: Covered, found: Contest, rule: Rule, progress: Progress
) -> tuple[dict[Pair, Ground], list[Draft]]:
    """Return the ground of each pair of images that compete, and all lines through them."""
    grounds: dict[Pair, Ground] = {}
    drafts: list[Draft] = []
    for done, (pair, faces) in enumerate(sorted(found.contested.items())):
        progress.check()
        common, reach = found.common[pair], found.reach[pair]
        near = common if np.isinf(reach) else faces
        grounds[pair] = ground_of(guide, pair, near, rule, reach)
        drafts += drafts_through(guide, grounds[pair], common, faces, rule)
        progress.advance((done + 1) / len(found.contested))
    return grounds, drafts


def _owners(
    state: Covered,
    guide: Covered,
    found: Contest,
    grounds: dict[Pair, Ground],
    progress: Progress,
) -> Array:
    """Return the image that owns each face, -1 where there is none (the rule of 3.2)."""
    owners = np.array([rivals[0] if rivals else OUTSIDE for rivals in found.rivals], int)
    points = state.arrangement.insides
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
        tied = len(best) > 1
        owners[face] = _deepest(guide, best, points[face]) if tied else best[0]
    crumbs = [
        face
        for face, images in enumerate(found.rivals)
        if len(images) > 1 and _is_crumb(state.arrangement.faces[face], images, grounds)
    ]
    return absorbed(state, owners, crumbs)


def _deepest(guide: Covered, images: list[int], point: Array) -> int:
    """Return the image whose boundary is farthest from a point, the first of equals."""
    here = require("shapely.geometry", PURPOSE).Point(*point)
    lines, mine = guide.arrangement.lines, guide.boundary_lines
    depths = [
        min((lines[n].distance(here) for n in mine.get(image, ())), default=np.inf)
        for image in images
    ]
    return images[int(np.argmax(depths))]


def _drawings(guide: Covered, drafts: Sequence[Draft]) -> tuple[Drawing, ...]:
    """Return drafts as shapes."""
    multi = require("shapely.geometry", PURPOSE).MultiPolygon
    found = []
    for draft in drafts:
        owners = np.full(len(guide.arrangement.faces), OUTSIDE)
        owners[list(draft.faces)] = 0
        outline = multi(joined(guide.arrangement, owners)[0])
        lines = tuple(bytes(line.wkb) for line in draft.lines)
        found.append(Drawing(draft.pair, bytes(outline.wkb), draft.corners, draft.seeds, lines))
    return tuple(found)


def _is_crumb(polygon: Any, images: Cover, grounds: dict[Pair, Ground]) -> bool:
    spacing = min(grounds[pair].spacing for pair in combinations(images, 2))
    return bool(2 * polygon.area < _NARROW * spacing * polygon.length)
