# SPDX-License-Identifier: GPL-2.0-or-later
"""Wrong matches: displacements that their neighbors contradict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..transform.curved import deviations
from ..transform.planes import Column, Scattered, local_planes, nearest

Flags = NDArray[np.bool_]

NEIGHBORS = 30
"""Accepted points through which the plane of a point is laid."""

ROUNDS = 3
"""Times that all points are judged by those accepted before."""

CUT = 3.5
"""Multiple of the spread beyond which a point is an outlier."""

LEAST_SPREAD = 0.05
"""Spread in px below which none is believed."""

SIDE_NEIGHBORS = 10
"""Points of a half-plane that can keep a point at a step."""

SIDE_SEARCH = 80
"""Nearest points among which those of a half-plane are looked for."""

SURROUNDING = 60
"""Points through which the surface is laid that says how noisy a displacement is."""

RADIAL = 0.833
"""Median radial error over the standard deviation of both axes together, when it is honest."""

GLOBAL_CUT = 3.0
"""Standard deviations that the global rule allows along each axis."""

GLOBAL_REACH = 20.0
"""Deviation in px from the mean that the global rule allows along each axis."""


def local_outliers(x: Column, y: Column, dx: Column, dy: Column, sigma: Column) -> Flags:
    """Return which displacements deviate from the plane through their neighbors, px.

    A plane keeps rotation, waves and gradients. At a step a point stays when the nearest points
    of one of eight half-planes move as it does. Points with a displacement that is not finite
    are outliers.
    """
    points = Scattered(x, y, dx, dy, sigma)
    finite = np.isfinite(dx) & np.isfinite(dy)
    accepted: Flags = finite
    for _ in range(ROUNDS if np.count_nonzero(finite) > 2 else 0):
        judged = finite & ~_contradicted(points, accepted)
        if np.array_equal(judged, accepted):
            break
        accepted = judged
    return ~accepted


def _contradicted(points: Scattered, accepted: Flags) -> Flags:
    """Judge all points by the accepted ones."""
    planes = local_planes(points, accepted, NEIGHBORS)
    with np.errstate(invalid="ignore"):
        deviation = np.hypot(points.dx - planes.dx, points.dy - planes.dy)
        spread = np.hypot(planes.spread, np.median(planes.spread[accepted]))
        bound = CUT * np.maximum(np.maximum(spread, points.sigma), LEAST_SPREAD)
        suspect = np.flatnonzero(deviation > bound)
    found = np.zeros(len(points), bool)
    found[suspect] = ~_beside_step(points, accepted, suspect, bound[suspect])
    return found


def _beside_step(
    points: Scattered, accepted: Flags, which: NDArray[np.int64], bound: Column
) -> Flags:
    """Return which points move as the nearest ones on one side of them do."""
    kept = np.zeros(len(which), bool)
    others = np.flatnonzero(accepted)
    if len(others) <= SIDE_NEIGHBORS or not len(which):
        return kept
    index, _ = nearest(points.chosen(others), points.x[which], points.y[which], SIDE_SEARCH + 1)
    index = others[index]
    away_x = points.x[index] - points.x[which, None]
    away_y = points.y[index] - points.y[which, None]
    other = index != which[:, None]
    for direction in np.arange(8) * (np.pi / 4):
        side = other & (away_x * np.cos(direction) + away_y * np.sin(direction) > 1e-6)
        first = side & (np.cumsum(side, 1) <= SIDE_NEIGHBORS)
        enough = first.sum(1) == SIDE_NEIGHBORS
        apart = np.hypot(
            _median(points.dx[index], first) - points.dx[which],
            _median(points.dy[index], first) - points.dy[which],
        )
        kept |= enough & (apart <= bound)
    return np.asarray(kept)


def _median(values: Column, chosen: Flags) -> Column:
    """Return the median of the chosen values of each row, SIDE_NEIGHBORS of them."""
    ordered = np.sort(np.where(chosen, values, np.inf), 1)
    middle = SIDE_NEIGHBORS // 2
    return np.asarray((ordered[:, middle - 1] + ordered[:, middle]) / 2)


def global_outliers(dx: Column, dy: Column) -> Flags:
    """Return which displacements lie 3 standard deviations or 20 px from the mean of the rest.

    Both axes, repeated until nothing changes; equal displacements are kept.
    """
    accepted = np.isfinite(dx) & np.isfinite(dy)
    while accepted.any():
        kept = accepted.copy()
        for values in (dx, dy):
            chosen = values[accepted]
            apart = np.abs(values - chosen.mean())
            limit = min(GLOBAL_CUT * chosen.std(), GLOBAL_REACH)
            kept &= (apart < limit) | (apart <= 1e-9)
        if np.array_equal(kept, accepted):
            break
        accepted = kept
    return np.asarray(~accepted)


def uncertainty_factor(points: Scattered) -> float:
    """Return by how much the standard deviations of accepted points are too small, 1 to 3.

    The median deviation from what the neighbors say is compared with what it would be.
    """
    if len(points) < SURROUNDING:
        return 1.0
    apart = deviations(points, SURROUNDING)
    return float(np.clip(np.median(apart / points.sigma) / RADIAL, 1.0, 3.0))
