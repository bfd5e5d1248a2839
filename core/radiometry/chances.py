# SPDX-License-Identifier: GPL-2.0-or-later
"""Tails of the chi-square, Student's and Fisher's distributions, by numpy alone."""

from __future__ import annotations

import math

import numpy as np

from ..image import Array

NODES, REACH = 1 << 14, 6.0
"""The error function is looked up between so many points up to here; beyond it is 1 to 17 digits.
Between the points a straight line is off by less than 2e-8."""

_AT = np.linspace(0.0, REACH, NODES + 1)
_OUTSIDE = np.array([math.erfc(x) for x in _AT])
STEPS = 500
TINY = 1e-300


def chi_square_tail(values: Array, freedom: int) -> Array:
    """Return the chance that a chi-square with so many degrees of freedom exceeds the values.

    The finite series for whole numbers of degrees.
    """
    half = 0.5 * np.maximum(values, 0.0)
    falling = np.exp(-np.minimum(half, 700.0))
    if freedom % 2:
        root = np.sqrt(half)
        found, term, power = np.interp(root, _AT, _OUTSIDE), falling * root / math.gamma(1.5), 1.5
    else:
        found, term, power = falling, falling * half, 2.0
    for _ in range((freedom - 1) // 2):
        found = found + term
        term = term * half / power
        power += 1
    return np.asarray(np.clip(found, 0.0, 1.0))


def student_chance(t: float, freedom: float) -> float:
    """Return the chance that |t| is exceeded when there is no difference."""
    if not math.isfinite(t):
        return 0.0
    return _beta_share(freedom / (freedom + t * t), freedom / 2, 0.5)


def fisher_chance(ratio: float, above: float, below: float) -> float:
    """Return the two-sided chance of a ratio of variances when they are equal.

    `above` and `below` are the degrees of freedom of the two variances.
    """
    if not (math.isfinite(ratio) and ratio > 0):
        return 0.0
    if ratio < 1:  # the tail above is the precise one
        ratio, above, below = 1 / ratio, below, above
    tail = _beta_share(below / (below + above * ratio), below / 2, above / 2)
    return min(1.0, 2 * min(tail, 1 - tail))


def _beta_share(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, by its continued fraction (Lentz's method)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_share(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front += a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        before = found
        for part in (even, odd):
            d = 1 / _apart(1 + part * d)
            c = _apart(1 + part / c)
            found *= c * d
        if abs(found - before) < 1e-14 * abs(found):
            break
    return math.exp(front) * found / a


def _apart(value: float) -> float:
    return value if abs(value) > TINY else TINY
