# SPDX-License-Identifier: GPL-2.0-or-later
"""Accuracy and area of classes, weighted by how much of the map each stratum covers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..image import Array
from .confusion import Confusion, ratio

NORMAL = 1.959963984540054
"""95 % of a normal distribution lie within ± this many standard deviations."""


@dataclass(frozen=True)
class Estimates:
    """Area-weighted estimates with their standard errors; NaN: undefined.

    `areas` and `area_errors` are shares (0-1) of the assessed area, for each of `labels`;
    `assessed` is the share of the map whose strata have at least two reference pixels, and
    `not_assessed` the labels of the others.
    """

    labels: tuple[int, ...]
    overall: float
    overall_error: float
    user: Array
    user_errors: Array
    producer: Array
    producer_errors: Array
    areas: Array
    area_errors: Array
    assessed: float
    not_assessed: tuple[int, ...]


def area_weighted(confusion: Confusion, mapped: Array) -> Estimates:
    """Return estimates of a map whose classes are the strata of the reference sample.

    `mapped[k]` are the pixels of class `labels[k]` on the map. Olofsson et al. 2014,
    doi:10.1016/j.rse.2014.02.015, equations 1 to 11.
    """
    side = len(confusion.labels)
    counts = np.zeros((side, side, side))
    for stratum in range(side):
        counts[stratum, :, stratum] = confusion.counts[:, stratum]
    return stratified(confusion.labels, counts, np.asarray(mapped, float), confusion.labels)


def stratified(
    labels: tuple[int, ...], counts: Array, sizes: Array, strata: tuple[int, ...]
) -> Estimates:
    """Return estimates for any strata: counts[stratum, reference, map], sizes[stratum] in pixels.

    Means of strata weighted by their size, and ratios of them (Stehman 2014,
    doi:10.1080/01431161.2014.930207); for strata that are the map classes these are the estimators
    of Olofsson et al. 2014. Strata with less than two reference pixels are left out.
    """
    drawn = counts.sum((1, 2))
    kept = (drawn >= 2) & (sizes > 0)
    whole = float(sizes.sum())
    missing = tuple(s for s, keep, size in zip(strata, kept, sizes) if not keep and size > 0)
    sample = _Sample(counts[kept], drawn[kept], sizes[kept] / max(sizes[kept].sum(), 1.0))
    side = len(labels)
    same = np.eye(side, dtype=bool)
    overall, overall_error = sample.mean(same)
    user, producer, area = np.empty((3, 2, side))
    for place in range(side):
        reference = np.zeros((side, side), bool)
        reference[place] = True
        right = reference & same
        user[:, place] = sample.ratio(right, reference.T)
        producer[:, place] = sample.ratio(right, reference)
        area[:, place] = sample.mean(reference)
    return Estimates(
        labels,
        overall,
        overall_error,
        user[0],
        user[1],
        producer[0],
        producer[1],
        area[0],
        area[1],
        assessed=float(sizes[kept].sum() / whole) if whole else 0.0,
        not_assessed=missing,
    )


@dataclass(frozen=True)
class _Sample:
    """Counts[stratum, reference, map], pixels drawn in each stratum, shares of the strata."""

    counts: Array
    drawn: Array
    weights: Array

    def mean(self, cells: Array) -> tuple[float, float]:
        """Return the weighted share of pixels that fall into cells[reference, map], its error."""
        if not self.drawn.size:
            return np.nan, np.nan
        share = (self.counts * cells).sum((1, 2)) / self.drawn
        variance = share * (1 - share) / (self.drawn - 1)
        error = np.sqrt((self.weights**2 * variance).sum())
        return float((self.weights * share).sum()), float(error)

    def ratio(self, above: Array, below: Array) -> tuple[float, float]:
        """Return the ratio of two weighted shares, its error; `above` cells lie in `below`."""
        y = (self.counts * above).sum((1, 2)) / self.drawn
        x = (self.counts * below).sum((1, 2)) / self.drawn
        total = float((self.weights * x).sum())
        if not total:
            return np.nan, np.nan
        found = float((self.weights * y).sum()) / total
        # variance of y - found · x in each stratum; y is 1 only where x is
        spread = y * (1 - y) + found**2 * x * (1 - x) - 2 * found * y * (1 - x)
        variance = (self.weights**2 * spread / (self.drawn - 1)).sum()
        return found, float(np.sqrt(max(variance, 0.0)) / total)


def with_errors(estimates: Estimates, draws: list[Estimates]) -> Estimates:
    """Return estimates whose standard errors are the spread over draws of a bootstrap."""

    def spread(name: str) -> Array:
        values = np.array([getattr(one, name) for one in draws])
        count = (~np.isnan(values)).sum(0)
        mean = ratio(np.nansum(values, 0), count)
        return np.sqrt(ratio(np.nansum((values - mean) ** 2, 0), np.maximum(count - 1, 0)))

    return replace(
        estimates,
        overall_error=float(spread("overall")),
        user_errors=spread("user"),
        producer_errors=spread("producer"),
        area_errors=spread("areas"),
    )
