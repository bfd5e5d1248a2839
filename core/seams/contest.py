# SPDX-License-Identifier: GPL-2.0-or-later
"""Which images compete for which faces, and how far their boundaries are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..image import Array
from .arrangement import Cover
from .boundary import Boundary, Frame
from .cover import Covered, Kinship, Pair, edges_of_lines

_SLACK = 0.02
"""Part of a distance by which the local planes of two footprints may disagree."""


@dataclass(frozen=True)
class Contest:
    """The images that may own each face, and the faces that pairs of them meet in.

    `common` are the faces both cover, `contested` those of them where neither is beaten
    everywhere by a third; `reach` is how far a contested boundary can be.
    """

    rivals: tuple[Cover, ...]
    common: dict[Pair, list[int]]
    contested: dict[Pair, list[int]]
    reach: dict[Pair, float]


def contest(state: Covered, guide: Covered, kin: Kinship, geographic: bool) -> Contest:
    """Return which images compete for each face of an arrangement.

    An image that another one beats by more than the size of the face cannot own any of it. Pairs
    that share a part of their boundary are never compared this way.
    """
    contenders = [kin.contenders(cover) if cover else () for cover in state.covers]
    depths, radius = _depths(state, guide, contenders, geographic)
    sharing = {pair for toggles in set(guide.toggles) for pair in combinations(sorted(toggles), 2)}
    common: dict[Pair, list[int]] = {}
    contested: dict[Pair, list[int]] = {}
    reach: dict[Pair, float] = {}
    rivals = []
    for face, found in enumerate(contenders):
        for pair in combinations(found, 2):
            common.setdefault(pair, []).append(face)
        left = _unbeaten(found, depths[face], radius[face], sharing)
        rivals.append(left)
        for pair in combinations(left, 2):
            contested.setdefault(pair, []).append(face)
            near = min(depths[face][pair[0]], depths[face][pair[1]]) + radius[face]
            endless = pair in sharing or not np.isfinite(near)
            reach[pair] = max(reach.get(pair, 0.0), np.inf if endless else float(near))
    return Contest(tuple(rivals), common, contested, reach)


def _unbeaten(images: Cover, depth: dict[int, float], radius: float, sharing: set[Pair]) -> Cover:
    """Return the images that no other is deeper inside of, by more than twice the radius."""
    if len(images) < 3:
        return images
    best = max(images, key=lambda image: depth[image])
    limit = (1 - _SLACK) * depth[best] - 2 * radius
    return tuple(
        image
        for image in images
        if (1 + _SLACK) * depth[image] >= limit or (min(image, best), max(image, best)) in sharing
    )


def _depths(
    state: Covered, guide: Covered, contenders: list[Cover], geographic: bool
) -> tuple[list[dict[int, float]], list[float]]:
    """Return for each face the distance of its middle to its images' boundaries, and its radius."""
    depths: list[dict[int, float]] = [{} for _ in contenders]
    radius = [0.0] * len(contenders)
    members: dict[int, list[int]] = {}
    for face, images in enumerate(contenders):
        if len(images) > 1:
            for image in images:
                members.setdefault(image, []).append(face)
    bounds = state.arrangement.boxes
    for image, faces in members.items():
        boundary, frame = _boundary(guide, image, bounds[faces], geographic)
        boxes = frame.local(bounds[faces])
        distances = boundary.distances((boxes[:, :2] + boxes[:, 2:]) / 2)
        radii = np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T) / 2
        for face, distance, size in zip(faces, distances.tolist(), radii.tolist()):
            depths[face][image] = distance
            radius[face] = max(radius[face], size * (1 + _SLACK) + boundary.step)
    return depths, radius


def _boundary(
    guide: Covered, image: int, bounds: Array, geographic: bool
) -> tuple[Boundary, Frame]:
    box = np.concatenate([bounds[:, :2].min(0), bounds[:, 2:].max(0)])
    frame = Frame.around(box, geographic)
    edges = frame.local(edges_of_lines(guide.arrangement, guide.boundary_lines.get(image, [])))
    size = float(np.ptp(frame.local(box).reshape(2, 2), axis=0).max())
    return Boundary(edges, size / 500), frame
