# SPDX-License-Identifier: GPL-2.0-or-later
"""What the invariant pixels of a pair say: lines, the moments that a solver takes, and tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..image import Array, Mask
from .invariant import Sample
from .moments import Overlaps
from .pairlines import (
    Line,
    Test,
    correlation,
    held_out,
    line,
    means_test,
    near_line,
    variances_test,
)
from .regression import EXACT, HIGH_GAIN, LOW_GAIN

LEAST_CORRELATION = 0.8
"""Pixels with a smaller one are not taken as lying on a line from one image to the other."""

TAIL = 0.05
"""Part of all pixels, at either end, left out where images are on no line."""

MOST = 0.3
"""Part of the common pixels that must lie on a line before it is believed."""


@dataclass(frozen=True)
class BandFit:
    """A band of a pair: the line from the image to its reference, and how well both agree.

    `rmse` and the tests of equal means (t) and variances (F), before and after correction, are
    those of pixels that took no part in the estimate.
    """

    line: Line
    correlation: float
    rmse: float
    t_before: Test
    t_after: Test
    f_before: Test
    f_after: Test


@dataclass(frozen=True)
class PairFit:
    """A pair of images: pixels used, differences without sign in % of the mean, and its bands."""

    first: str
    second: str
    invariant: int
    pixels: int
    robust: bool
    before: float | None
    after: float | None
    bands: tuple[BandFit, ...]


@dataclass(frozen=True)
class PairMoments:
    """Pixels, and mean and std[side, band] over them."""

    count: float
    mean: Array
    std: Array


def split(sample: Sample) -> tuple[Sample, Sample]:
    """Return two thirds to estimate from and one third to test with; all for both when few."""
    test = held_out(sample.count)
    if sample.count < 9:
        return sample, sample
    return sample.chosen(~test), sample.chosen(test)


def lines_of(sample: Sample, method: str) -> tuple[Line, ...]:
    """Return the line of each band, from two thirds of the pixels; identity where all are equal.

    "robust" is meant for pixels of which many may have changed: the line that most of them are on,
    or, where they are on none, the one that makes means and spreads equal, the tails left out.
    """
    part = split(sample)[0]
    make = _believed_line if method == "robust" else partial(line, method=method)
    return tuple(_exact(make(x, r), x) for x, r in zip(part.x, part.r))


def lowest_correlation(sample: Sample) -> tuple[int, float]:
    """Return the band (from 1) in which pixels are the least on a line, and the correlation."""
    found = np.array([correlation(x, r) for x, r in zip(sample.x, sample.r)])
    if not np.isfinite(found).any():
        return 1, math.nan
    band = int(np.nanargmin(found))
    return band + 1, float(found[band])


def usable(found: Line, x: Array, r: Array) -> Line:
    """Return a line, or where its gain makes no sense the one of gain 1 with the same mean."""
    if LOW_GAIN <= found.gain <= HIGH_GAIN:
        return found
    return Line(1.0, float(r.mean(dtype=np.float64) - x.mean(dtype=np.float64)))


def moments_of(sample: Sample, *, robust: bool) -> PairMoments:
    """Return mean and std of two thirds of the pixels; `robust` as for lines."""
    part = split(sample)[0]
    mean, std = np.zeros((2, len(part.x))), np.zeros((2, len(part.x)))
    for band, (x, r) in enumerate(zip(part.x, part.r)):
        near = _believed(x, r) if robust else np.ones(part.count, bool)
        for side, values in enumerate((x, r)):
            mean[side, band], std[side, band] = _level(values, near)
    return PairMoments(float(part.count), mean, std)


def _believed_line(x: Array, r: Array) -> Line:
    near = _believed(x, r)
    if near is not None:
        return line(x[near], r[near], "orthogonal")
    (mean_x, std_x), (mean_r, std_r) = _level(x, None), _level(r, None)
    gain = std_r / std_x if std_x > 0 and std_r > 0 else math.nan
    return Line(gain, mean_r - gain * mean_x)


def _believed(x: Array, r: Array) -> Mask | None:
    """Where pixels are on the line that most of them are on; None when they are on none."""
    near = near_line(x, r)
    lies = correlation(x[near], r[near]) >= LEAST_CORRELATION
    return near if lies and near.mean() >= MOST else None


def _level(values: Array, near: Mask | None) -> tuple[float, float]:
    """Mean and std of some pixels; of all but the tails where nothing is known of them (None)."""
    if near is None:
        low, high = np.quantile(values, (TAIL, 1 - TAIL))
        near = (values >= low) & (values <= high)
    return float(values[near].mean(dtype=np.float64)), float(values[near].std(dtype=np.float64))


def distance(everything: Sample, first: tuple[Array, Array], second: tuple[Array, Array]) -> float:
    """Return the median difference of common pixels without sign, in spreads, over all bands.

    `first` and `second` are gains and offsets[band] of the image and its reference.
    """
    found = []
    for band, sides in enumerate(zip(everything.x, everything.r)):
        a, b = (g[band] * v + o[band] for v, (g, o) in zip(sides, (first, second)))
        spread = float(b.std(dtype=np.float64))
        if spread > 0:
            found.append(float(np.median(np.abs(a - b))) / spread)
    return float(np.mean(found)) if found else 0.0


def overlaps_of(
    pairs: Sequence[tuple[int, int]], found: Sequence[PairMoments], center: Array
) -> Overlaps:
    """Return the moments of pairs (image, image) as overlaps of one cell each, for the solver."""
    bands = len(center)
    count = np.array([one.count for one in found])
    shape = (2, bands, len(found))
    mean = np.array([one.mean for one in found]).reshape(-1, 2, bands).transpose(1, 2, 0)
    std = np.array([one.std for one in found]).reshape(-1, 2, bands).transpose(1, 2, 0)
    mean = mean - center[:, None]
    return Overlaps(
        pairs=np.array(pairs, int).reshape(-1, 2),
        starts=np.arange(len(found)),
        center=center,
        count=count,
        total=(count * mean).reshape(shape),
        square=(count * (std**2 + mean**2)).reshape(shape),
        correlation=np.full((len(found), bands), np.nan),
    )


def assessed(
    sample: Sample, lines: Sequence[Line], first: tuple[Array, Array], second: tuple[Array, Array]
) -> tuple[tuple[BandFit, ...], float | None, float | None]:
    """Return the bands of a pair, and its difference before and after in % of the mean.

    `first` and `second` are gains and offsets[band] that the image and its reference get.
    """
    test = split(sample)[1]
    fits: list[BandFit] = []
    before: list[float] = []
    after: list[float] = []
    for band, (x, r) in enumerate(zip(test.x, test.r)):
        sides = (x.astype(np.float64), r.astype(np.float64))
        ends = [
            gains[band] * v + offsets[band] for v, (gains, offsets) in zip(sides, (first, second))
        ]
        fits.append(
            BandFit(
                lines[band],
                correlation(sample.x[band], sample.r[band]),
                float(np.sqrt(((ends[0] - ends[1]) ** 2).mean())),
                means_test(*sides),
                means_test(ends[0], ends[1]),
                variances_test(*sides),
                variances_test(ends[0], ends[1]),
            )
        )
        for listed, (a, b) in ((before, sides), (after, ends)):
            level = abs(float(b.mean()))
            if level > 1e-9 * float(b.std()) and level > 0:
                listed.append(100 * float(np.abs(a - b).mean()) / level)
    means = [float(np.mean(listed)) if listed else None for listed in (before, after)]
    return tuple(fits), means[0], means[1]


def _exact(found: Line, x: Array) -> Line:
    """Identity where the difference is rounding."""
    spread = float(x.std(dtype=np.float64)) if len(x) else 1.0
    center = float(x.mean(dtype=np.float64)) if len(x) else 0.0
    moved = abs(found.offset + (found.gain - 1) * center)
    if abs(found.gain - 1) < EXACT and moved < EXACT * max(spread, abs(center)):
        return Line(1.0, 0.0, 0.0, 0.0)
    return found
