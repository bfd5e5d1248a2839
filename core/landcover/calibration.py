# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn the outputs of classifiers into probabilities."""

from __future__ import annotations

import numpy as np

from ..image import Array, Mask
from .products import log_loss, softmax

STEPS = 100
TEMPERATURES = np.geomspace(0.05, 20, 61)


def platt(values: Array, first: Mask) -> tuple[float, float]:
    """Return A, B of 1 / (1 + exp(A d + B)), the chance that d belongs to the first class.

    Newton's method with backtracking on targets that are a little away from 0 and 1: Lin, Lin and
    Weng 2007, doi:10.1007/s10994-007-5018-6.
    """
    ones = int(first.sum())
    others = len(first) - ones
    if not ones or not others:
        return -1.0, 0.0
    target = np.where(first, (ones + 1) / (ones + 2), 1 / (others + 2))
    a, b = 0.0, float(np.log((others + 1) / (ones + 1)))
    value = _entropy(values, target, a, b)
    for _ in range(STEPS):
        chance = sigmoid(a * values + b)
        slope = np.array([np.sum(values * (target - chance)), np.sum(target - chance)])
        if np.abs(slope).max() < 1e-5:
            break
        weight = chance * (1 - chance)
        cross = np.sum(values * weight)
        curve = np.array([[np.sum(values * values * weight), cross], [cross, np.sum(weight)]])
        step = -np.linalg.solve(curve + 1e-12 * np.eye(2), slope)
        size, found = _shortened(values, target, (a, b), step, value)
        if size == 0:
            break
        a, b, value = a + size * step[0], b + size * step[1], found
    return float(a), float(b)


def sigmoid(values: Array) -> Array:
    """Return 1 / (1 + exp(values))."""
    return np.asarray(1 / (1 + np.exp(np.clip(values, -500, 500))))


def coupled(pairs: Array, classes: int) -> Array:
    """Return P[class, pixel] from r[pair, pixel], the chance of the first of each two classes.

    Pairs are (0, 1), (0, 2), … (1, 2), …; P is proportional to 1 / (sum of 1 / r - (K - 2)):
    Price and others 1995.
    """
    kept = np.clip(pairs, 1e-7, 1 - 1e-7)
    sums = np.full((classes, pairs.shape[1]), -(classes - 2.0))
    pair = 0
    for one in range(classes):
        for other in range(one + 1, classes):
            sums[one] += 1 / kept[pair]
            sums[other] += 1 / (1 - kept[pair])
            pair += 1
    found = 1 / sums
    found /= found.sum(0)
    return found


def temperature(outputs: Array, indices: Array) -> float:
    """Return the T for which softmax(outputs[class, sample] / T) has the smallest log-loss."""
    losses = [log_loss(softmax(outputs / t), indices) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _entropy(values: Array, target: Array, a: float, b: float) -> float:
    score = a * values + b
    return float(np.sum(target * score + np.logaddexp(0, -score)))


def _shortened(
    values: Array, target: Array, at: tuple[float, float], step: Array, value: float
) -> tuple[float, float]:
    """Return the share of a Newton step that improves, and the value there; 0 when none does."""
    size = 1.0
    while size > 1e-10:
        found = _entropy(values, target, at[0] + size * step[0], at[1] + size * step[1])
        if found < value:
            return size, found
        size /= 2
    return 0.0, value
