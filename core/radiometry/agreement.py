# SPDX-License-Identifier: GPL-2.0-or-later
"""How well images agree where they overlap, before and after correction, without reading them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image import Array
from .moments import Overlaps, Whole
from .regression import MOSTLY_CHANGED, Solution


@dataclass(frozen=True)
class PairAgreement:
    """Numbers of a pair; one value per band where a tuple.

    `before` and `after` are differences of means, cell by cell and without sign, in % of the
    band's mean and averaged over bands (None where the mean is 0).
    """

    first: str
    second: str
    pixels: int
    used: bool
    before: float | None
    after: float | None
    mean_difference: tuple[float, ...]
    std_ratio: tuple[float, ...]
    correlation: tuple[float, ...]
    down_weighted: float

    @property
    def mostly_changed(self) -> bool:
        """True when less than a fifth of the overlap was believed."""
        return self.used and self.down_weighted > 1 - MOSTLY_CHANGED


@dataclass(frozen=True)
class Agreement:
    """Overlap differences of the whole set (% of the mean) and of each pair."""

    before: float | None
    after: float | None
    pairs: tuple[PairAgreement, ...]


def agreement(whole: Whole, overlaps: Overlaps, solution: Solution) -> Agreement:
    """Return how far overlaps differ before and after the solution."""
    center = overlaps.center
    zero = np.zeros_like(solution.offsets)
    after_offsets = solution.offsets + (solution.gains - 1.0) * center
    before = np.abs(overlaps.cell_differences(np.ones_like(zero), zero))
    after = np.abs(overlaps.cell_differences(solution.gains, after_offsets))
    share = whole.size[:, None] / max(1.0, float(whole.size.sum()))
    means = [
        np.abs(whole.pooled_mean),
        np.abs((share * (solution.gains * whole.mean + solution.offsets)).sum(0)),
    ]
    flat = 1e-9 * whole.pooled_std
    sums = [overlaps.over_pairs(values * overlaps.count) for values in (before, after)]
    size = overlaps.size
    shares = [_percent(total / size, mean, flat) for total, mean in zip(sums, means)]
    used = solution.used
    pooled = [
        _percent(total[:, used].sum(1, keepdims=True) / max(1.0, size[used].sum()), mean, flat)
        for total, mean in zip(sums, means)
    ]
    found = _pairs(whole, overlaps, solution, shares)
    if not used.any():
        return Agreement(None, None, found)
    return Agreement(number_or_none(pooled[0][0]), number_or_none(pooled[1][0]), found)


def _pairs(
    whole: Whole, overlaps: Overlaps, solution: Solution, shares: list[Array]
) -> tuple[PairAgreement, ...]:
    moments = overlaps.moments()
    sides = [overlaps.pairs[:, side] for side in (0, 1)]
    center = overlaps.center[:, None]
    corrected = [
        solution.gains[at].T * (mean + center) + solution.offsets[at].T
        for at, mean in zip(sides, moments.mean)
    ]
    spreads = [np.abs(solution.gains[at].T) * std for at, std in zip(sides, moments.std)]
    ratio = spreads[0] / np.where(spreads[1] > 0, spreads[1], np.nan)
    believed = overlaps.over_pairs(solution.weights * overlaps.count) / overlaps.size
    size = overlaps.size
    return tuple(
        PairAgreement(
            first=whole.names[first],
            second=whole.names[second],
            pixels=int(size[pair]),
            used=bool(solution.used[pair]),
            before=number_or_none(shares[0][pair]),
            after=number_or_none(shares[1][pair]),
            mean_difference=tuple(map(float, (corrected[0] - corrected[1])[:, pair])),
            std_ratio=tuple(map(float, ratio[:, pair])),
            correlation=tuple(map(float, overlaps.correlation[pair])),
            down_weighted=float(1.0 - believed[:, pair].mean()),
        )
        for pair, (first, second) in enumerate(overlaps.pairs)
    )


def _percent(differences: Array, mean: Array, flat: Array) -> Array:
    """Differences[band, …] in % of the band's mean, averaged over bands; NaN for a mean of 0."""
    usable = np.where(mean > flat, mean, np.nan)
    return np.asarray(100.0 * (differences / usable[:, None]).mean(0))


def number_or_none(value: float) -> float | None:
    """Return a number, None where it is not finite."""
    return float(value) if np.isfinite(value) else None
