# SPDX-License-Identifier: GPL-2.0-or-later
"""How right a map is: scores with intervals, and area-weighted estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..image import Array
from .areas import Estimates, area_weighted, stratified, with_errors
from .confusion import Confusion, Scores, scores_of
from .intervals import PolygonCounts, bounds, drawn

BOUNDED = ("overall", "kappa", "precision", "recall", "fscore")
"""Scores that get an interval."""


@dataclass
class Tally:
    """What is counted on a map: pixels of each class, and of each polygon by class.

    `polygons[n, label]` are the pixels of polygon n (from 1) that the map gives to a label, 0 =
    none; `strata[n, stratum, label]` the same by stratum when there are other strata than the map,
    whose pixels are then in `sizes`.
    """

    mapped: dict[int, int] = field(default_factory=dict)
    polygons: dict[tuple[int, int], int] = field(default_factory=dict)
    strata: dict[tuple[int, int, int], int] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    conflicts: int = 0

    def add(self, other: Tally) -> None:
        """Add the counts of another part of the map."""
        for name in ("mapped", "polygons", "strata", "sizes"):
            counts = getattr(self, name)
            for key, count in getattr(other, name).items():
                counts[key] = counts.get(key, 0) + count
        self.conflicts += other.conflicts


@dataclass(frozen=True)
class Bootstrap:
    """How intervals of one run are found: draws, confidence (0-1), seed of the random numbers."""

    draws: int = 1000
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True)
class Assessment:
    """Scores of one map with intervals (low, high) by name, and area-weighted estimates if asked.

    `mapped` are the pixels of each class on the map; `polygons` the number of validation polygons
    of each class.
    """

    confusion: Confusion
    scores: Scores
    intervals: Mapping[str, tuple[Array, Array]]
    mapped: Array
    polygons: Array
    estimates: Estimates | None = None


def assess(
    tally: Tally, labels: Array, how: Bootstrap, *, by_polygon: bool = True, weighted: bool = True
) -> Assessment:
    """Return how right a map is; `labels[n - 1]` is the reference class of polygon n.

    Intervals come from polygons drawn again within each class; with `by_polygon` so do the errors
    of the area-weighted estimates, else they follow from the pixels.
    """
    confusion, polygons = _counted(tally, labels)
    mapped = np.array([tally.mapped.get(label, 0) for label in confusion.labels], np.int64)
    draws = list(drawn(polygons, how.draws, how.seed)) if polygons.reference.size else []
    counts = np.concatenate(draws) if draws else np.empty((0, *confusion.counts.shape))
    estimates = None
    if weighted:
        estimates = _estimates(confusion, tally, labels, mapped)
        if by_polygon and not tally.strata and len(counts) > 1:
            again = (area_weighted(Confusion(confusion.labels, c), mapped) for c in counts)
            estimates = with_errors(estimates, list(again))
    return Assessment(
        confusion,
        scores_of(confusion),
        _intervals(confusion.labels, counts, how.level),
        mapped,
        np.array([int((polygons.reference == label).sum()) for label in confusion.labels]),
        estimates,
    )


def _counted(tally: Tally, labels: Array) -> tuple[Confusion, PolygonCounts]:
    """Return the confusion, and the counts of each polygon over the same classes."""
    numbers = sorted({number for number, _ in tally.polygons})
    reference = np.asarray(labels, np.int64)[np.array(numbers, int) - 1]
    seen = {label for _, label in tally.polygons if label} | set(tally.mapped)
    classes = tuple(sorted({*reference.tolist(), *seen} - {0}))
    rows, cols = ({value: at for at, value in enumerate(values)} for values in (numbers, classes))
    counts = np.zeros((len(numbers), len(classes)), np.int64)
    missed = 0
    for (number, label), count in tally.polygons.items():
        if label:
            counts[rows[number], cols[label]] += count
        else:
            missed += count
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, np.searchsorted(np.array(classes, int), reference), counts)
    mapped = counts.sum(1) > 0
    polygons = PolygonCounts(classes, reference[mapped], counts[mapped])
    return Confusion(classes, matrix, missed), polygons


def _estimates(confusion: Confusion, tally: Tally, labels: Array, mapped: Array) -> Estimates:
    if not tally.strata:
        return area_weighted(confusion, mapped)
    strata = tuple(sorted(tally.sizes))
    side = len(confusion.labels)
    places = {label: place for place, label in enumerate(confusion.labels)}
    counts = np.zeros((len(strata), side, side))
    for (number, stratum, label), count in tally.strata.items():
        if label and stratum in tally.sizes:
            row = places[int(labels[number - 1])]
            counts[strata.index(stratum), row, places[label]] += count
    sizes = np.array([tally.sizes[stratum] for stratum in strata], float)
    return stratified(confusion.labels, counts, sizes, strata)


def _intervals(
    labels: tuple[int, ...], counts: Array, level: float
) -> dict[str, tuple[Array, Array]]:
    if not len(counts):
        return {}
    scores = [scores_of(Confusion(labels, one)) for one in counts]
    return {
        name: bounds(np.array([getattr(one, name) for one in scores], float), level)
        for name in BOUNDED
    }
