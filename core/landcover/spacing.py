# SPDX-License-Identifier: GPL-2.0-or-later
"""How far labels are alike, and how far validation stands from what was learned."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..image import Array, Mask

MOST = 2000
"""Polygons whose distances are compared; of more, every n-th is taken."""

BINS = 40
LEVEL = 0.95
"""Share of the sill at which a variogram has leveled off."""


def leveling_range(x: Array, y: Array, labels: Array, shortest: float) -> float:
    """Return the distance at which the chance of another label no longer grows, in map units.

    That is where the indicator variogram of labels reaches 95 % of its sill, which is the chance
    that two polygons far apart differ (Goovaerts 1997, Geostatistics for Natural Resources
    Evaluation); at least `shortest`.
    """
    rows = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST)).astype(int))
    x, y, labels = x[rows], y[rows], labels[rows]
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    sill = 1 - float((shares**2).sum())
    reach = math.hypot(float(np.ptp(x)), float(np.ptp(y))) / 2
    if sill <= 0 or reach <= shortest:
        return shortest
    counts, differ = np.zeros((2, BINS))
    for row in range(len(x) - 1):
        distance = np.hypot(x[row + 1 :] - x[row], y[row + 1 :] - y[row])
        bins = np.minimum((distance / reach * BINS).astype(int), BINS)
        counts += np.bincount(bins, minlength=BINS + 1)[:BINS]
        other = bins[labels[row + 1 :] != labels[row]]
        differ += np.bincount(other, minlength=BINS + 1)[:BINS]
    gamma = np.divide(differ, counts, out=np.zeros(BINS), where=counts > 0)
    leveled = np.flatnonzero((gamma >= LEVEL * sill) & (counts > 0))
    found = (leveled[0] + 1) / BINS * reach if leveled.size else reach
    return max(float(found), shortest)


def near(
    boxes: Array, learned: Mask, asked: Mask, reach: float, distance: Callable[[int, int], float]
) -> Mask:
    """Return which of the asked polygons are closer than `reach` to a learned one.

    `boxes[polygon]` are (left, low, right, high); `distance(a, b)` is asked only for polygons whose
    boxes are near.
    """
    close = np.zeros(len(boxes), bool)
    others = np.flatnonzero(learned)
    for row in np.flatnonzero(asked).tolist():
        apart = box_distances(boxes[row], boxes[others])
        candidates = others[apart < reach][np.argsort(apart[apart < reach], kind="stable")]
        close[row] = any(distance(row, other) < reach for other in candidates.tolist())
    return close


def nearest(boxes: Array, learned: Mask, asked: Mask) -> Array:
    """Return the distance of each asked polygon's box to the nearest learned one's."""
    others = boxes[learned]
    if not len(others):
        return np.full(int(asked.sum()), np.nan)
    return np.array([box_distances(box, others).min() for box in boxes[asked]])


def box_distances(box: Array, others: Array) -> Array:
    """Return the distances of a box (left, low, right, high) to others."""
    across = np.maximum(np.maximum(others[:, 0] - box[2], box[0] - others[:, 2]), 0)
    along = np.maximum(np.maximum(others[:, 1] - box[3], box[1] - others[:, 3]), 0)
    return np.asarray(np.hypot(across, along))
