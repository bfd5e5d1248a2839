# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples of brightness classes that stand for the same ground wherever it lies (LIRRN).

After Moghimi, Sadeghi and others 2024, doi:10.3390/s24072272.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..image import Array
from .histograms import Histogram

BINS = 256
TAIL = 0.001
"""Part of all values, at either end, that classes are not chosen by."""

LOW, HIGH = 0.01, 0.99
"""Quantiles of a class near which samples are taken, besides its mean."""

HUBER = 1.345
ROUNDS = 50
SETTLED = 1e-10


def class_limits(histogram: Histogram, count: int) -> Array:
    """Return the edges of `count` brightness classes, the outermost infinite.

    The classes differ the most from one another (Otsu 1979, doi:10.1109/TSMC.1979.4310076, for
    several classes at once).
    """
    low, high = histogram.quantiles(np.array([TAIL, 1 - TAIL]))
    edges = np.linspace(low, high, BINS + 1)
    counts = np.diff(histogram.below(edges))
    values = 0.5 * (edges[1:] + edges[:-1])
    inner = edges[_cuts(counts, values - values.mean(), count)]
    return np.concatenate([[-np.inf], inner, [np.inf]])


def _cuts(counts: Array, values: Array, count: int) -> list[int]:
    """First bins of all classes but the first, so that the spread between classes is largest."""
    number = np.concatenate([[0.0], np.cumsum(counts)])
    total = np.concatenate([[0.0], np.cumsum(counts * values)])
    inside = number[None, :] - number[:, None]
    sums = total[None, :] - total[:, None]
    # [first bin, end]: how much a class of these bins adds
    gain = np.where(inside > 0, sums**2 / np.where(inside > 0, inside, 1.0), 0.0)
    gain[np.tril_indices(len(gain))] = -np.inf
    best, came = gain[0], []
    for _ in range(count - 1):
        through = best[:, None] + gain
        came.append(np.argmax(through, axis=0))
        best = through.max(0)
    cuts = [len(counts)]
    for before in reversed(came):
        cuts.append(int(before[cuts[-1]]))
    return cuts[:0:-1]


def class_samples(
    histogram: Histogram, limits: Array, samples: int
) -> Iterator[tuple[tuple[int, int], tuple[Array, Array]]]:
    """Yield ((class, level), (values, counts)) of the values nearest to each level of each class.

    The levels are the 1 % quantile, the mean and the 99 % quantile. Whole bins are taken, outward
    from the level, until there are as many values as asked for, or all of the class.
    """
    for number, (low, high) in enumerate(zip(limits, limits[1:])):
        part = histogram.between(low, high)
        if part is None:
            continue
        ends = part.quantiles(np.array([LOW, HIGH]))
        filled = np.flatnonzero(part.counts)
        values, counts = part.middles[filled], part.counts[filled]
        for level, at in enumerate((ends[0], part.mean, ends[1])):
            order = np.argsort(np.abs(values - at), kind="stable")
            enough = int(np.searchsorted(np.cumsum(counts[order]), samples)) + 1
            yield (number, level), (values[order[:enough]], counts[order[:enough]])


def drawn(values: Array, counts: Array, number: int, seed: tuple[int, ...]) -> Array:
    """Return `number` of the values, each bin's as often as there are, in rising order."""
    order = np.argsort(values)
    reached = np.cumsum(counts[order])
    chosen = np.random.default_rng(seed).choice(int(reached[-1]), number, replace=False)
    chosen.sort()
    return np.asarray(values[order][np.searchsorted(reached, chosen, side="right")])


def straight_line(x: Array, y: Array, *, robust: bool) -> tuple[float, float]:
    """Return gain and offset of y = gain · x + offset; Huber's weights when `robust`.

    NaN when all x are equal.
    """
    if np.ptp(x) == 0:
        return float("nan"), float("nan")
    weights = np.ones(len(x))
    gain = offset = 0.0
    for _ in range(ROUNDS if robust else 1):
        before = gain
        total = weights.sum()
        mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
        spread = (weights * (x - mean_x) ** 2).sum()
        gain = float((weights * (x - mean_x) * (y - mean_y)).sum() / spread)
        offset = float(mean_y - gain * mean_x)
        apart = np.abs(y - gain * x - offset)
        limit = HUBER * 1.4826 * np.median(apart)
        if abs(gain - before) < SETTLED * abs(gain):
            break
        weights = np.minimum(1.0, limit / np.maximum(apart, 1e-99)) if limit > 0 else weights
    return gain, offset
