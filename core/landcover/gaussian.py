# SPDX-License-Identifier: GPL-2.0-or-later
"""Gaussian maximum likelihood with covariances shrunk toward that of all classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import NoSolution
from ..image import Array
from ..progress import SILENT, Progress
from .folds import dealt, usable_folds
from .products import filled_up, log_loss, product, softmax
from .rules import Rows
from .settings import Settings

SHRINKAGES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
USUAL = 0.1
"""Shrinkage of samples that cannot be cross-validated."""

BLOCK = 8192


@dataclass(frozen=True)
class Gaussian:
    """Class k has the score constant - |whiten (x - center) - offset|² / 2.

    whiten[class, feature, feature] is the inverse of the Cholesky factor of its covariance.
    """

    center: Array
    whiten: Array
    offset: Array
    constant: Array
    shrinkage: float

    def probabilities(self, columns: Array) -> Array:
        """Return P[class, pixel] by Bayes' rule."""
        count = columns.shape[1]
        found = np.empty((len(self.constant), count))
        for start in range(0, count, BLOCK):
            block = columns[:, start : start + BLOCK].astype(np.float64)
            block -= self.center[:, None]
            found[:, start : start + BLOCK] = self._block(filled_up(block))[:, : block.shape[1]]
        return found

    def _block(self, block: Array) -> Array:
        scores = np.empty((len(self.constant), block.shape[1]))
        for index, (whiten, offset) in enumerate(zip(self.whiten, self.offset)):
            white = product(whiten, block)
            white -= offset[:, None]
            scores[index] = self.constant[index] - np.einsum("fn,fn->n", white, white) / 2
        return softmax(scores)

    def arrays(self) -> Mapping[str, Array]:
        """Return center, whitening matrices, offsets and constants."""
        names = ("center", "whiten", "offset", "constant")
        return {name: getattr(self, name) for name in names}

    def numbers(self) -> Mapping[str, Any]:
        """Return the shrinkage."""
        return {"shrinkage": self.shrinkage}


class _Moments(NamedTuple):
    """Counts[class], sums[class, feature] and products[class, feature, feature] of rows."""

    counts: Array
    sums: Array
    products: Array

    def without(self, other: _Moments) -> _Moments:
        return _Moments(*(a - b for a, b in zip(self, other)))


def train_gaussian(rows: Rows, how: Settings, progress: Progress = SILENT) -> Gaussian:
    """Estimate means and covariances; shrinkage -1 is chosen by log-loss over grouped folds."""
    center = rows.values.mean(0, dtype=np.float64)
    shrinkage = how.shrinkage
    if shrinkage < 0:
        shrinkage = _chosen(rows, center, how, progress)
    return _gaussian(_moments(rows, center), center, shrinkage, rows.priors)


def load_gaussian(arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> Gaussian:
    """Return the Gaussians of a model file."""
    parts = {name: arrays[name] for name in ("center", "whiten", "offset", "constant")}
    return Gaussian(**parts, shrinkage=float(numbers["shrinkage"]))


def _chosen(rows: Rows, center: Array, how: Settings, progress: Progress) -> float:
    try:
        count = usable_folds(rows.indices, rows.groups, how.folds)
    except NoSolution:
        return USUAL
    losses = np.zeros(len(SHRINKAGES))
    for without, held in _held_out(rows, center, count):
        for place, shrinkage in enumerate(SHRINKAGES):
            progress.check()
            rule = _gaussian(without, center, shrinkage, rows.priors)
            losses[place] += log_loss(rule.probabilities(held.columns), held.indices) * len(held)
    return SHRINKAGES[int(np.argmin(losses))]


def _held_out(rows: Rows, center: Array, count: int) -> Iterator[tuple[_Moments, Rows]]:
    """Yield the moments of all rows outside a fold, and the rows in it."""
    fold = dealt(rows.indices, rows.groups, count)
    everything = _moments(rows, center)
    for number in range(count):
        held = rows.taken(fold == number)
        yield everything.without(_moments(held, center)), held


def _moments(rows: Rows, center: Array) -> _Moments:
    features = rows.values.shape[1]
    sums = np.zeros((rows.classes, features))
    products = np.zeros((rows.classes, features, features))
    for index in range(rows.classes):
        mine = rows.values[rows.indices == index].astype(np.float64) - center
        sums[index], products[index] = mine.sum(0), mine.T @ mine
    counts = np.bincount(rows.indices, minlength=rows.classes).astype(np.float64)
    return _Moments(counts, sums, products)


def _gaussian(moments: _Moments, center: Array, shrinkage: float, priors: Array) -> Gaussian:
    counts, sums, products = moments
    classes, features = sums.shape
    known = np.maximum(counts, 1)
    means = sums / known[:, None]
    scatter = products - np.einsum("kf,kg->kfg", means, sums)
    pooled = scatter.sum(0) / max(1.0, counts.sum() - classes)
    whiten, constant = np.empty_like(scatter), np.empty(classes)
    for index in range(classes):
        few = counts[index] < 2
        own = pooled if few else scatter[index] / (counts[index] - 1)
        covariance = (1 - shrinkage) * own + shrinkage * pooled
        level = max(float(np.trace(covariance)), 1e-9) / features
        covariance[np.diag_indices(features)] += 1e-6 * level
        factor = np.linalg.cholesky(covariance)
        whiten[index] = np.linalg.inv(factor)
        halved = np.log(np.diag(factor)).sum()
        constant[index] = np.log(max(float(priors[index]), 1e-12)) - halved
    offset = np.einsum("kfg,kg->kf", whiten, means)
    return Gaussian(center, whiten, offset, constant, shrinkage)
