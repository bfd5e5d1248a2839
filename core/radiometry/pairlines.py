# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines through pixels that two images share, how sure they are, and tests of what they do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..image import Array, Mask
from .chances import fisher_chance, student_chance
from .classes import straight_line

PAIRS = 2000
"""Pairs of pixels whose slopes are compared (Theil-Sen)."""

SEED = 0
TRIALS, LOOKED_AT = 500, 2000
"""Lines tried, and samples that each is tried on, to find the one that most samples are on."""

ROUNDS = 30
FAR, FEWEST = 2.0, 10
"""Robust spreads beyond which samples are left out; how many must remain."""

MEDIAN_COST = 1.2533
"""How much less sure a median is than a mean."""


@dataclass(frozen=True)
class Line:
    """y = gain · x + offset, and the standard errors of both."""

    gain: float
    offset: float
    gain_error: float = math.nan
    offset_error: float = math.nan


@dataclass(frozen=True)
class Test:
    """A test of equal means (t) or variances (F): its statistic and the chance of it by luck."""

    statistic: float
    chance: float


def line(x: Array, y: Array, method: str) -> Line:
    """Return the line through samples: "orthogonal", "ordinary" or "theil_sen".

    Gain is NaN when x (or both, for the orthogonal one) have no contrast.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    if len(x) < 3 or not np.ptp(x) > 0:
        return Line(math.nan, math.nan)
    if method == "theil_sen":
        return _median_slope(x, y)
    if method == "ordinary":
        gain, offset = straight_line(x, y, robust=False)
        return _with_errors(x, y, gain, offset)
    return _orthogonal(x, y)


def near_line(x: Array, y: Array) -> Mask:
    """Return which samples lie near the line that most of them are on.

    From the line with the smallest median residual on (Rousseeuw 1984,
    doi:10.1080/01621459.1984.10477105), those farther than 2 robust spreads are left out, again
    and again.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    near = np.ones(len(x), bool)
    start = _least_median(x, y)
    if start is None:
        return near
    gain, offset = start
    for _ in range(ROUNDS):
        apart = np.abs(gain * x + offset - y)
        limit = FAR * 1.4826 * float(np.median(apart[near]))
        kept = apart <= limit
        if not limit > 0 or kept.sum() < FEWEST or (kept == near).all():
            break
        near = kept
        found = _orthogonal(x[near], y[near])
        if not np.isfinite(found.gain):
            break
        gain, offset = found.gain, found.offset
    return near


def _least_median(x: Array, y: Array) -> tuple[float, float] | None:
    """Gain and offset through two of the samples that lie the nearest to half of them."""
    few = np.arange(min(len(x), LOOKED_AT)) * len(x) // min(len(x), LOOKED_AT)
    first, second = np.random.default_rng(SEED).integers(0, len(x), (2, PAIRS))
    apart = x[second] - x[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = (y[second] - y[first]) / apart
    possible = np.isfinite(gains) & (gains > 0)
    spread_x, spread_y = _scatter(x[few]), _scatter(y[few])
    if not (spread_x > 0 and spread_y > 0):
        return None
    best = None
    smallest = math.inf
    for gain, at in zip(gains[possible][:TRIALS].tolist(), first[possible][:TRIALS].tolist()):
        offset = float(y[at] - gain * x[at])
        middle = float(np.median(np.abs(gain * x[few] + offset - y[few])))
        # both images are noisy; otherwise the flattest line would be the nearest one
        middle /= math.hypot(gain * spread_x, spread_y)
        if middle < smallest:
            best, smallest = (gain, offset), middle
    return best


def held_out(count: int) -> Array:
    """Return which samples are for testing only: every third one."""
    return np.asarray(np.arange(count) % 3 == 2)


def correlation(x: Array, y: Array) -> float:
    """Return the correlation of samples; NaN without contrast."""
    x, y = (v.astype(np.float64) - v.mean(dtype=np.float64) for v in (x, y))
    spread = math.sqrt(float((x * x).sum()) * float((y * y).sum()))
    return float((x * y).sum()) / spread if spread > 0 else math.nan


def means_test(x: Array, y: Array) -> Test:
    """Return the paired t-test of equal means."""
    apart = x.astype(np.float64) - y
    error = float(apart.std(ddof=1)) / math.sqrt(len(apart)) if len(apart) > 1 else 0.0
    mean = float(apart.mean())
    if error == 0:
        return Test(0.0, 1.0) if mean == 0 else Test(math.copysign(math.inf, mean), 0.0)
    return Test(mean / error, student_chance(mean / error, len(apart) - 1))


def variances_test(x: Array, y: Array) -> Test:
    """Return the F-test of equal variances."""
    above, below = (float(v.var(ddof=1, dtype=np.float64)) if len(v) > 1 else 0.0 for v in (x, y))
    if below == 0:
        return Test(1.0, 1.0) if above == 0 else Test(math.inf, 0.0)
    freedom = len(x) - 1
    return Test(above / below, fisher_chance(above / below, freedom, freedom))


def _orthogonal(x: Array, y: Array) -> Line:
    """The line nearest to the points in both directions (errors as Canty and others 2004,
    doi:10.1016/j.rse.2003.10.024)."""
    count = len(x)
    mean_x, mean_y = float(x.mean()), float(y.mean())
    dx, dy = x - mean_x, y - mean_y
    xx, yy, xy = (float((a * b).mean()) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    if xy == 0:
        return Line(math.nan, math.nan)
    gain = (yy - xx + math.sqrt((yy - xx) ** 2 + 4 * xy * xy)) / (2 * xy)
    rest = count / (count - 2) / (1 + gain**2) * max(0.0, yy - 2 * gain * xy + gain**2 * xx)
    tau = rest * gain / ((1 + gain**2) * xy)
    common = rest * gain * (1 + gain**2) / (count * xy)
    return Line(
        gain,
        mean_y - gain * mean_x,
        math.sqrt(max(0.0, common * (1 + tau))),
        math.sqrt(max(0.0, common * (mean_x**2 * (1 + tau) + xy / gain))),
    )


def _with_errors(x: Array, y: Array, gain: float, offset: float) -> Line:
    """A line with the standard errors of ordinary regression."""
    count, mean = len(x), float(x.mean())
    apart = y - gain * x - offset
    sigma = math.sqrt(float((apart**2).sum()) / (count - 2))
    spread = math.sqrt(float(((x - mean) ** 2).sum()))
    error = sigma / spread
    return Line(gain, offset, error, math.hypot(error * mean, sigma / math.sqrt(count)))


def _median_slope(x: Array, y: Array) -> Line:
    """The median slope of pairs drawn by a fixed seed (Theil-Sen)."""
    first, second = np.random.default_rng(SEED).integers(0, len(x), (2, PAIRS))
    apart = x[second] - x[first]
    moved = apart != 0
    if not moved.any():
        return Line(math.nan, math.nan)
    slopes = (y[second] - y[first])[moved] / apart[moved]
    gain = float(np.median(slopes))
    rest = y - gain * x
    offset = float(np.median(rest))
    error = MEDIAN_COST * _scatter(slopes) / math.sqrt(len(slopes))
    level = MEDIAN_COST * _scatter(rest) / math.sqrt(len(x))
    return Line(gain, offset, error, math.hypot(error * float(x.mean()), level))


def _scatter(values: Array) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
