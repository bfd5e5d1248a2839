# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of the candidate pixels become samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..image import Array

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Pixels that could be samples, in the order of the image's rows.

    `depths` say how many pixels lie between a pixel and the edge of its polygon.
    """

    labels: Rows
    polygons: Rows
    regions: Rows
    depths: Rows


@dataclass(frozen=True)
class Sampling:
    """How many pixels are taken and which; see `extractsamples`.

    `counts` are those of strategy byclass: (region, label) or (-1, label) to pixels.
    """

    strategy: str = "all"
    amount: float = 0.0
    sampler: str = "random"
    jitter: int = 0
    erosion: int = 0
    per_polygon: int = 0
    counts: Mapping[tuple[int, int], int] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Rate:
    """Pixels of a class in a region: those taken, and those there are."""

    region: int
    label: int
    taken: int
    total: int

    @property
    def rate(self) -> float:
        """Share of the pixels that is taken."""
        return self.taken / self.total if self.total else 0.0


def inner(candidates: Candidates, erosion: int) -> tuple[Rows, int]:
    """Return candidates deeper than `erosion` pixels, and how many polygons have none.

    Those polygons keep their innermost pixels.
    """
    rows = np.arange(len(candidates.labels))
    if not erosion or not len(rows):
        return rows, 0
    polygons, which = np.unique(candidates.polygons, return_inverse=True)
    deepest = np.zeros(len(polygons), np.int64)
    np.maximum.at(deepest, which, candidates.depths)
    wanted = np.minimum(deepest, erosion)[which]
    return rows[candidates.depths >= wanted], int((deepest < erosion).sum())


def taken_rows(candidates: Candidates, rows: Rows, how: Sampling) -> tuple[Rows, list[Rate]]:
    """Return the rows that become samples, ascending, and the rates of all classes.

    Random draws depend on seed, region and label only.
    """
    if how.per_polygon:
        rows = _limited(candidates, rows, how)
    found, rates = [], []
    for region in np.unique(candidates.regions[rows]).tolist():
        inside = rows[candidates.regions[rows] == region]
        labels, totals = np.unique(candidates.labels[inside], return_counts=True)
        wanted = required(dict(zip(labels.tolist(), totals.tolist())), region, how)
        for label, total in zip(labels.tolist(), totals.tolist()):
            there = inside[candidates.labels[inside] == label]
            random = np.random.default_rng([how.seed, region, label])
            found.append(_drawn(there, wanted[label], how, random))
            rates.append(Rate(region, label, len(found[-1]), total))
    return np.sort(np.concatenate(found)) if found else rows[:0], rates


def required(totals: Mapping[int, int], region: int, how: Sampling) -> dict[int, int]:
    """Return how many pixels of each class are taken of those there are."""
    smallest, whole = min(totals.values()), sum(totals.values())

    def count(label: int, total: int) -> int:
        by_class = how.counts.get((region, label), how.counts.get((-1, label), 0))
        wanted = {
            "all": total,
            "smallest": smallest,
            "constant": how.amount,
            "percent": math.ceil(round(how.amount * total / 100, 9)),
            "total": round(total * how.amount / whole),
            "byclass": by_class,
        }[how.strategy]
        return min(int(wanted), total)

    return {label: count(label, total) for label, total in totals.items()}


def _limited(candidates: Candidates, rows: Rows, how: Sampling) -> Rows:
    """Return at most so many pixels of each polygon."""
    random = np.random.default_rng([how.seed, 7])
    shuffled = random.permutation(rows)
    shuffled = shuffled[np.argsort(candidates.polygons[shuffled], kind="stable")]
    counts = np.unique(candidates.polygons[shuffled], return_counts=True)[1]
    rank = np.arange(len(shuffled)) - np.repeat(np.cumsum(counts) - counts, counts)
    found: Rows = np.sort(shuffled[rank < how.per_polygon])
    return found


def _drawn(rows: Rows, count: int, how: Sampling, random: np.random.Generator) -> Rows:
    """Draw exactly so many of the rows, at random or one every so often."""
    if count >= len(rows):
        return rows
    if how.sampler == "random":
        found: Rows = np.sort(random.permutation(rows)[:count])
        return found
    places: Rows = np.floor((np.arange(count) + 0.5) * len(rows) / count).astype(np.int64)
    if how.jitter:
        # no farther than halfway to the next, so that none is taken twice
        reach = min(how.jitter, int((len(rows) / count - 1) // 2))
        places = places + random.integers(-reach, reach + 1, count)
    drawn: Rows = rows[np.clip(places, 0, len(rows) - 1)]
    return drawn


def depths_in(polygons: Array, most: int) -> Array:
    """Return how many pixels lie between each pixel and another polygon, up to `most`.

    `polygons[row, col]` are numbers, 0 = none; what lies beyond the array counts as another one,
    so read `most` pixels more on each side. Neighbors share an edge.
    """
    depths = np.zeros(polygons.shape, np.int64)
    inside = polygons > 0
    for _ in range(most):
        inside = _eroded(inside, polygons)
        depths += inside
    return depths


def _eroded(inside: Array, polygons: Array) -> Array:
    left = np.zeros_like(inside)
    left[1:-1, 1:-1] = inside[1:-1, 1:-1]
    center = polygons[1:-1, 1:-1]
    for rows, cols in _sides():
        left[1:-1, 1:-1] &= inside[rows, cols] & (polygons[rows, cols] == center)
    return left


def _sides() -> Iterator[tuple[slice, slice]]:
    middle, before, after = slice(1, -1), slice(0, -2), slice(2, None)
    yield from ((before, middle), (after, middle), (middle, before), (middle, after))
