# SPDX-License-Identifier: GPL-2.0-or-later
"""Support vector machines: trained by OpenCV, evaluated by numpy, scaled to probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ..deps import require
from ..errors import NoSolution
from ..image import Array
from ..progress import SILENT, Progress
from .calibration import coupled, platt, sigmoid
from .folds import dealt, usable_folds
from .products import filled_up, product
from .rules import Rows
from .settings import Settings

BLOCK = 2048
FOLDS = 3
"""Folds whose held-out values the probabilities are scaled by."""


@dataclass(frozen=True)
class VectorMachine:
    """One against one: pair p has the value sum of weights[p, s] K(x, vectors[s]) - rho[p].

    gamma 0 stands for the linear kernel; A, B[pair] turn values into chances.
    """

    vectors: Array
    weights: Array
    rho: Array
    scales: Array
    gamma: float
    classes: int

    def decisions(self, columns: Array) -> Array:
        """Return values[pair, pixel] of columns[feature, pixel]."""
        count = columns.shape[1]
        found = np.empty((len(self.rho), count))
        for start in range(0, count, BLOCK):
            block = columns[:, start : start + BLOCK].astype(np.float32)
            kernel = self._kernel(filled_up(block))
            values = product(self.weights, kernel)[:, : block.shape[1]]
            found[:, start : start + BLOCK] = values - self.rho[:, None]
        return found

    def probabilities(self, columns: Array) -> Array:
        """Return P[class, pixel], coupled from the chances of all pairs of classes."""
        a, b = self.scales[:, :1], self.scales[:, 1:]
        return coupled(sigmoid(a * self.decisions(columns) + b), self.classes)

    def arrays(self) -> Mapping[str, Array]:
        """Return vectors, weights, thresholds and scales."""
        return {name: getattr(self, name) for name in ("vectors", "weights", "rho", "scales")}

    def numbers(self) -> Mapping[str, Any]:
        """Return gamma and the number of classes."""
        return {"gamma": self.gamma, "classes": self.classes}

    def _kernel(self, block: Array) -> Array:
        inner = product(self.vectors, block)
        if self.gamma == 0:
            return inner
        inner *= np.float32(2 * self.gamma)
        own = np.einsum("sf,sf->s", self.vectors, self.vectors) * np.float32(self.gamma)
        inner -= own[:, None]
        inner -= np.einsum("fn,fn->n", block, block) * np.float32(self.gamma)
        return np.asarray(np.exp(inner, out=inner))


def train_vectors(rows: Rows, how: Settings, progress: Progress = SILENT) -> VectorMachine:
    """Train on standardized samples; scale by values of 3 grouped folds (Platt).

    Raises MissingPackage without OpenCV.
    """
    rows = rows.reweighted(how.seed)
    plain = np.tile([-1.0, 0.0], (rows.classes * (rows.classes - 1) // 2, 1))
    whole = _trained(rows, how, plain)
    try:
        count = usable_folds(rows.indices, rows.groups, FOLDS)
    except NoSolution:
        return whole
    fold = dealt(rows.indices, rows.groups, count)
    values = np.empty((len(plain), len(rows)))
    for number in range(count):
        progress.check()
        held = fold == number
        part = _trained(rows.taken(~held), how, plain)
        values[:, held] = part.decisions(rows.taken(held).columns)
    scales = []
    for pair, (one, other) in enumerate(combinations(range(rows.classes), 2)):
        mine = (rows.indices == one) | (rows.indices == other)
        scales.append(platt(values[pair, mine], rows.indices[mine] == one))
    return VectorMachine(
        whole.vectors, whole.weights, whole.rho, np.array(scales), whole.gamma, rows.classes
    )


def load_vectors(arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> VectorMachine:
    """Return the machine of a model file."""
    parts = {name: arrays[name] for name in ("vectors", "weights", "rho", "scales")}
    gamma, classes = float(numbers["gamma"]), int(numbers["classes"])
    return VectorMachine(**parts, gamma=gamma, classes=classes)


def _trained(rows: Rows, how: Settings, scales: Array) -> VectorMachine:
    cv2 = require("cv2", "Training svm")
    gamma = 0.0 if how.kernel == "linear" else how.gamma or 1 / rows.values.shape[1]
    made = cv2.ml.SVM_create()
    made.setType(cv2.ml.SVM_C_SVC)
    made.setKernel(cv2.ml.SVM_RBF if gamma else cv2.ml.SVM_LINEAR)
    made.setC(how.c)
    made.setGamma(gamma or 1.0)
    made.setTermCriteria((cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 100_000, 1e-4))
    order = np.random.default_rng(how.seed).permutation(len(rows))
    made.train(rows.values[order], cv2.ml.ROW_SAMPLE, rows.indices[order].astype(np.int32))
    vectors = np.asarray(made.getSupportVectors(), np.float32)
    weights = np.zeros((len(scales), len(vectors)), np.float32)
    rho = np.zeros(len(scales))
    for pair in range(len(scales)):
        rho[pair], alpha, places = made.getDecisionFunction(pair)
        weights[pair, np.asarray(places).ravel()] = np.asarray(alpha).ravel()
    return VectorMachine(vectors, weights, rho, scales, gamma, rows.classes)
