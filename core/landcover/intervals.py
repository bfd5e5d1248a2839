# SPDX-License-Identifier: GPL-2.0-or-later
"""How far scores may be off: over runs by Student's t, within a run by drawing polygons again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..image import Array

DRAWS_AT_ONCE = 100
"""Draws of a bootstrap that are worked on together; bounds its memory."""


@dataclass(frozen=True)
class Spread:
    """Mean of several runs and its half-width; NaN: undefined, or only one run.

    `runs` counts the runs that define the value.
    """

    mean: float
    half: float
    runs: int


@dataclass(frozen=True)
class PolygonCounts:
    """Validation pixels of each polygon by map class.

    `reference[p]` is the polygon's class, `counts[p, k]` its pixels that the map gives to
    `labels[k]`.
    """

    labels: tuple[int, ...]
    reference: Array
    counts: Array


def t_quantile(level: float, freedom: int) -> float:
    """Return t so that Student's distribution lies within ±t with a probability of `level`.

    Closed form of the distribution for whole degrees of freedom (Abramowitz and Stegun 1964,
    26.7.3 and 26.7.4), inverted by bisection. Level 0-1, freedom ≥ 1.
    """
    low, high = 0.0, 1.0
    while _within(high, freedom) < level:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """Return the probability that Student's t lies within ±t."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term = total = math.cos(angle) if odd else 1.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= (k - 1) / k * math.cos(angle) ** 2
        total += term
    if not odd:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + (math.sin(angle) * total if freedom > 1 else 0.0))


def spread_of(values: Sequence[float], level: float = 0.95) -> Spread:
    """Return mean and half-width over runs; undefined values are left out."""
    found = np.asarray([value for value in values if not math.isnan(value)])
    count = found.size
    if count == 0:
        return Spread(math.nan, math.nan, 0)
    half = math.nan
    if count > 1:
        half = t_quantile(level, count - 1) * float(found.std(ddof=1)) / math.sqrt(count)
    return Spread(float(found.mean()), half, count)


def drawn(polygons: PolygonCounts, draws: int, seed: int = 0) -> Iterator[Array]:
    """Yield counts[draw, reference, map] of polygons drawn again within each class.

    Every batch holds at most DRAWS_AT_ONCE draws, `draws` in all. The same seed draws the same.
    """
    random = np.random.default_rng(seed)
    side = len(polygons.labels)
    members = [np.flatnonzero(polygons.reference == label) for label in polygons.labels]
    for start in range(0, draws, DRAWS_AT_ONCE):
        size = min(DRAWS_AT_ONCE, draws - start)
        found = np.zeros((size, side, side))
        for row, which in enumerate(members):
            if which.size:
                times = random.multinomial(which.size, np.full(which.size, 1 / which.size), size)
                found[:, row] = times @ polygons.counts[which]
        yield found


def bounds(values: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Return the lower and upper percentile over the first axis; NaN is left out."""
    tail = 50 * (1 - level)
    with np.errstate(all="ignore"):
        return _percentile(values, tail), _percentile(values, 100 - tail)


def _percentile(values: Array, percent: float) -> Array:
    """Return a percentile over the first axis without the warning of all-NaN columns."""
    known = ~np.isnan(values).all(0)
    found = np.full(values.shape[1:], np.nan)
    if known.any():
        found[known] = np.nanpercentile(values[:, known], percent, axis=0)
    return found
