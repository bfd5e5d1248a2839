# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutual information of features, and the motion that raises it.

Mattes et al. 2003, "PET-CT image registration in the chest using free-form deformations",
doi:10.1109/TMI.2003.809072: the joint histogram is smooth in the moving image's values, so that
its derivative by a motion is known. Each sample's derivative is that of ln p(f | m); the mean of
its square, Fisher's information, serves as the curvature (Dowson and Bowden 2008,
doi:10.1109/TPAMI.2007.70757).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .refinement import Metric, Pull, Samples

Floats = NDArray[np.float32]
Column = NDArray[np.float64]
Index = NDArray[np.int64]

BINS = 32
TAILS = (0.5, 99.5)
"""Percentiles between which the bins lie."""

PADDING = 2
"""Bins beyond the range that the cubic kernel reaches."""

EMPTY = 1e-12

STRAY = 0.02
"""Share of the samples that may pair any values: no sample pulls without limit."""

RARE = 1e-9
"""Share of a bin nobody fell into."""


class _Bins(NamedTuple):
    """First bin and weights[tap] of each sample along one axis, their derivatives, bins a unit."""

    first: Index
    taps: Column
    slopes: Column
    scale: float


def mutual_information(reference: Floats, moving: Floats, weight: Floats) -> float:
    """Return the mutual information of features at the same pixels, nats."""
    return _information(_histogram(*_binned(reference, moving, weight), weight))


def information_pull(samples: Samples) -> Pull:
    """Return the pull of mutual information, from both images' slopes in equal parts."""
    f, g, weight = samples.reference, samples.moving, samples.weight
    fx, fy, gx, gy = samples.slopes
    ahead, back = _score(f, g, weight), _score(g, f, weight)
    # the bins blur the densities: what the samples' squares say of the curvature is corrected
    rest = 1 / np.sqrt(np.float32((ahead.curvature + back.curvature) / 2))
    half = np.float32(0.5) / rest
    along_x = half * (ahead.values * gx - back.values * fx)
    along_y = half * (ahead.values * gy - back.values * fy)
    return Pull(np.full_like(f, rest), along_x, along_y, weight)


class _Score(NamedTuple):
    """The derivative of ln p(fixed | varied) by the varied value, one entry a sample.

    `curvature`: Fisher's information of the histogram over the samples' mean square.
    """

    values: Floats
    curvature: float


def _score(fixed: Floats, varied: Floats, weight: Floats) -> _Score:
    one, other = _binned(fixed, varied, weight)
    table = _histogram(one, other, weight)
    alone = table.sum(1, keepdims=True) * table.sum(0, keepdims=True)
    table = (1 - STRAY) * table + STRAY * alone + RARE
    logs = np.log(table / table.sum(0))
    flat, cols = logs.ravel(), logs.shape[1]
    found = np.zeros(len(fixed))
    for row, along in enumerate(one.taps):
        for col, across in enumerate(other.slopes):
            found += along * across * flat[(one.first + row) * cols + other.first + col]
    slopes = (logs[:, 2:] - logs[:, :-2]) / 2
    expected = float((table[:, 1:-1] * slopes**2).sum() / table.sum())
    mean = float((weight * found**2).sum(dtype=np.float64) / max(weight.sum(), EMPTY))
    curvature = expected / mean if mean > 0 else 1.0
    return _Score(np.asarray(found * other.scale, np.float32), curvature)


def _binned(fixed: Floats, varied: Floats, weight: Floats) -> tuple[_Bins, _Bins]:
    """Return the bins of both: a first-order kernel for the fixed, a cubic one for the varied."""
    return _linear(*_placed(fixed, weight)), _cubic(*_placed(varied, weight))


def _placed(values: Floats, weight: Floats) -> tuple[Column, float]:
    """Return the positions of values among the bins, 0 to BINS - 1, and bins a unit."""
    used = values[weight > 0]
    low, high = np.percentile(used, TAILS) if used.size else (0.0, 1.0)
    scale = (BINS - 1) / max(float(high - low), EMPTY)
    return np.clip((values.astype(np.float64) - low) * scale, 0, BINS - 1), scale


def _linear(position: Column, scale: float) -> _Bins:
    first = np.minimum(position.astype(np.int64), BINS - 2)
    t = position - first
    return _Bins(first, np.array((1 - t, t)), np.array((-np.ones_like(t), np.ones_like(t))), scale)


def _cubic(position: Column, scale: float) -> _Bins:
    first = np.minimum(position.astype(np.int64), BINS - 2)
    t = position - first
    s = 1 - t
    taps = np.array((s**3, 4 - 3 * t * t * (2 - t), 4 - 3 * s * s * (2 - s), t**3)) / 6
    slopes = np.array((-s * s, t * (3 * t - 4), -s * (3 * s - 4), t * t)) / 2
    slopes[:, (position <= 0) | (position >= BINS - 1)] = 0
    return _Bins(first + PADDING - 1, taps, slopes, scale)


def _histogram(one: _Bins, other: _Bins, weight: Floats) -> Column:
    """Return the joint shares[fixed bin, varied bin]."""
    cols = BINS + 2 * PADDING
    table = np.zeros(BINS * cols)
    for row, along in enumerate(one.taps):
        for col, across in enumerate(other.taps):
            place = (one.first + row) * cols + other.first + col
            table += np.bincount(place, along * across * weight, table.size)
    return np.asarray((table / max(float(table.sum()), EMPTY)).reshape(BINS, cols))


def _information(table: Column) -> float:
    own = table.sum(1, keepdims=True) * table.sum(0, keepdims=True)
    known = table > EMPTY
    return float((table[known] * np.log(table[known] / own[known])).sum())


INFORMATION = Metric("mutual_information", False, information_pull)
