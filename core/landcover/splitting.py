# SPDX-License-Identifier: GPL-2.0-or-later
"""Which reference polygons to learn from and which to validate with, so that none does both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..image import Array, Mask

UNUSED, LEARN, VALIDATION = range(3)
"""Roles of a polygon in a run."""

ROLES = ("unused", "learn", "validation")
"""The roles as they are written."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Features:
    """Reference polygons: label, area, number of the region, and what is kept whole.

    Polygons of one `unit` never stand in two sets. `x`, `y` are their centers. `streams` holds what
    the random numbers of a label depend on, where that is not the label itself.
    """

    labels: Numbers
    areas: Array
    regions: Numbers
    units: Numbers
    x: Array = field(default_factory=lambda: np.empty(0))
    y: Array = field(default_factory=lambda: np.empty(0))
    streams: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Splitting:
    """How polygons are split; see `splitreference`."""

    ratio: float = 0.5
    runs: int = 1
    method: str = "random"
    balance: str = "count"
    single: str = "learn"
    hold_out: float = 0.0
    split: bool = True
    seed: int = 0


def split(features: Features, how: Splitting) -> tuple[Array, Mask]:
    """Return roles[run, polygon], and which polygons are held out of every run.

    `folds` gives one run less than there are folds, because the last one validates them all.
    Each class of each region is split on its own, by random numbers that depend on nothing but
    seed, run, region and label: another class changes nothing. When units hold polygons of several
    classes (blocks, groups) whole units are drawn so that the shares of all classes come near the
    ratio.
    """
    held = _held_out(features, how)
    free = np.flatnonzero(~held)
    folds = how.split and how.method == "folds"
    roles = np.zeros((how.runs - folds, len(features.labels)), np.int8)
    if not how.split:
        roles[:, free] = LEARN
    elif folds:
        roles[:, free] = _by_folds(features, free, how.runs)
    else:
        for run in range(how.runs):
            for rows, region in _parted(features.regions, free):
                roles[run, rows] = _region(features, rows, region, how, run)
    return roles, held


def mixed(features: Features) -> bool:
    """Return True when a unit holds more than one polygon."""
    return len(np.unique(features.units)) < len(features.units)


def _parted(values: Numbers, rows: Numbers) -> Iterator[tuple[Numbers, int]]:
    """Yield the rows of each value, ascending."""
    for value in np.unique(values[rows]).tolist():
        yield rows[values[rows] == value], value


def _held_out(features: Features, how: Splitting) -> Mask:
    """Return units set apart to test a fusion of runs; each class keeps two units."""
    held = np.zeros(len(features.labels), bool)
    if not how.hold_out:
        return held
    every = np.arange(len(held))
    for inside, region in _parted(features.regions, every):
        for rows, label in _parted(features.labels, inside):
            units, stream = np.unique(features.units[rows]), features.streams.get(label, label)
            count = min(int(np.rint(len(units) * how.hold_out)), max(len(units) - 2, 0))
            random = np.random.default_rng([how.seed, region, stream, 1])
            chosen = random.permutation(units)[:count]
            held |= np.isin(features.units, chosen)
    return held


def _region(features: Features, rows: Numbers, region: int, how: Splitting, run: int) -> Array:
    """Return the roles of the polygons of one region in one run."""
    if mixed(features):
        return _whole_units(features, rows, region, how, run)
    roles = np.zeros(len(rows), np.int8)
    for places, label in _parted(features.labels[rows], np.arange(len(rows))):
        if len(places) == 1:
            roles[places] = ROLES.index(how.single)
            continue
        stream = features.streams.get(label, label)
        random = np.random.default_rng([how.seed + run, region, stream])
        order = random.permutation(places)
        areas = features.areas[rows[order]]
        count = _learned(len(order), how.ratio)
        if how.balance == "area":
            count = _nearest(np.cumsum(areas) / max(float(areas.sum()), 1e-300), how.ratio)
        roles[order[:count]] = LEARN
        roles[order[count:]] = VALIDATION
    return roles


def _learned(count: int, ratio: float) -> int:
    """Return how many of count units to learn from: at least one, and one stays."""
    return int(np.clip(np.rint(count * ratio), 1, count - 1))


def _nearest(shares: Array, ratio: float) -> int:
    """Return after how many units the summed share is nearest the ratio; one stays."""
    return int(np.argmin(np.abs(shares[:-1] - ratio))) + 1


def _whole_units(features: Features, rows: Numbers, region: int, how: Splitting, run: int) -> Array:
    """Draw units until the learned share of each class is as near the ratio as it gets.

    The class that lacks most gets the next unit that brings all shares nearer, in random order. A
    class in one unit follows `single`; each other class has a unit to learn from and one more.
    """
    units, which = np.unique(features.units[rows], return_inverse=True)
    labels, column = np.unique(features.labels[rows], return_inverse=True)
    held = np.zeros((len(units), len(labels)))
    np.add.at(held, (which, column), features.areas[rows] if how.balance == "area" else 1.0)
    held /= held.sum(0)
    alone = (held > 0).sum(0) == 1
    fixed = (held[:, alone] > 0).any(1)
    order = np.random.default_rng([how.seed + run, region]).permutation(len(units))
    drawn = _Drawn(held, order[~fixed[order]] if how.single == "validation" else order, how.ratio)
    if how.single == "learn":
        drawn.learned[fixed] = True
    drawn.fill(np.flatnonzero(~alone))
    roles = np.where(drawn.learned[which], LEARN, VALIDATION)
    if how.single == "unused":
        roles[alone[column]] = UNUSED
    return roles.astype(np.int8)


class _Drawn:
    """Units that are learned from, drawn in an order; held[unit, class] are shares of classes."""

    def __init__(self, held: Array, order: Array, ratio: float) -> None:
        self.held, self.order, self.ratio = held, order, ratio
        self.learned = np.zeros(len(held), bool)

    def fill(self, labels: Numbers) -> None:
        """Draw units for some classes."""
        open_classes = set(labels.tolist())
        while open_classes:
            shares = self.held[self.learned].sum(0)
            label = min(open_classes, key=lambda one: (shares[one] - self.ratio, one))
            found = self._better(label, shares)
            if found is None:
                open_classes.discard(label)
            else:
                self.learned[found] = True
        for label in labels.tolist():
            shares = self.held[self.learned].sum(0)
            free = self._free(label)
            if not shares[label] and len(free):
                self.learned[
                    free[np.argmin(np.abs(shares + self.held[free] - self.ratio).sum(1))]
                ] = True

    def _free(self, label: int) -> Array:
        """Return units with the class, in order, that leave a unit of each of their classes."""
        left = (self.held[~self.learned] > 0).sum(0)
        some = self.order[~self.learned[self.order] & (self.held[self.order, label] > 0)]
        last = (self.held[some] > 0) & (left == 1) & ((self.held > 0).sum(0) > 1)
        return np.asarray(some[~last.any(1)])

    def _better(self, label: int, shares: Array) -> int | None:
        """Return the first unit whose learning brings the shares nearer the ratio."""
        free = self._free(label)
        gaps = np.abs(shares + self.held[free] - self.ratio).sum(1)
        nearer = free[gaps < np.abs(shares - self.ratio).sum()]
        return int(nearer[0]) if len(nearer) else None


def _by_folds(features: Features, free: Numbers, runs: int) -> Array:
    """Return roles of runs - 1 runs: run s learns from fold s, the last fold validates all.

    Units are dealt, largest area first, to the fold with the least area.
    """
    folds = np.zeros(len(free), np.int64)
    for places, _ in _parted(_classes_of_regions(features)[free], np.arange(len(free))):
        units, which = np.unique(features.units[free[places]], return_inverse=True)
        areas = np.bincount(which, features.areas[free[places]], len(units))
        filled = np.zeros(runs)
        dealt = np.zeros(len(units), np.int64)
        for unit in np.argsort(-areas, kind="stable"):
            dealt[unit] = int(np.argmin(filled))
            filled[dealt[unit]] += areas[unit]
        folds[places] = dealt[which]
    roles = np.where(folds == np.arange(runs - 1)[:, None], LEARN, UNUSED)
    roles[:, folds == runs - 1] = VALIDATION
    return roles.astype(np.int8)


def _classes_of_regions(features: Features) -> Numbers:
    """Return one number for each pair of region and class; one for all when units are mixed."""
    if mixed(features):
        return np.asarray(features.regions)
    pairs = np.stack([features.regions, features.labels], 1)
    return np.unique(pairs, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
