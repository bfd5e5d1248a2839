# SPDX-License-Identifier: GPL-2.0-or-later
"""Cross-validation by groups: what a classifier is worth on polygons it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..image import Array
from ..progress import SILENT, Progress
from .fitting import Fitted, Task, fit

BINS = 10
TESTED = 2000
"""Held-out rows of a fold on which the importance of features is measured."""


@dataclass(frozen=True)
class Assessment:
    """A classifier over grouped folds.

    predicted[row] and confidence[row] of each sample while it was held out; importance[fold,
    feature] is the drop of overall accuracy when a feature is shuffled.
    """

    classifier: str
    predicted: NDArray[np.int64]
    confidence: Array
    by_fold: Array
    sizes: Array
    importance: Array
    text: str = ""

    @property
    def accuracy(self) -> float:
        """Overall accuracy, pooled over the folds."""
        return float((self.by_fold * self.sizes).sum() / self.sizes.sum())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean accuracy over the folds."""
        return float(self.by_fold.std(ddof=1) / np.sqrt(len(self.by_fold)))

    def confusion(self, indices: Array, classes: int) -> NDArray[np.int64]:
        """Return counts[true, predicted]."""
        pairs = np.bincount(indices * classes + self.predicted, minlength=classes * classes)
        return pairs.reshape(classes, classes)

    def calibration(self, indices: Array) -> list[tuple[float, float, int]]:
        """Return mean confidence, share that is right and number of samples, bin by bin."""
        place = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        right = self.predicted == indices
        return [
            (float(self.confidence[here].mean()), float(right[here].mean()), int(here.sum()))
            for here in (place == number for number in range(BINS))
            if here.any()
        ]

    def facts(self) -> dict[str, Any]:
        """Return the numbers that a model file keeps."""
        return {
            "classifier": self.classifier,
            "parameters": self.text,
            "overall_accuracy": round(self.accuracy, 6),
            "standard_error": round(self.standard_error, 6),
            "folds": [round(float(one), 6) for one in self.by_fold],
        }


def assess(
    task: Task,
    classifier: str,
    folds: Array,
    *,
    most: int = 0,
    importance: bool = False,
    progress: Progress = SILENT,
) -> Assessment:
    """Train on all folds but one and predict it, for every fold number in folds[row].

    Without `importance` only labels and accuracies count: confidence may be uncalibrated.
    """
    indices, values = task.samples.indices, task.samples.values
    predicted = np.zeros(len(indices), np.int64)
    confidence = np.zeros(len(indices))
    accuracy, sizes, drops = [], [], []
    count = int(folds.max()) + 1
    for number, part in enumerate(progress.split(count)):
        progress.check()
        held = np.flatnonzero(folds == number)
        some = folds != number
        fitted = fit(task, classifier, some, most=most, calibrated=importance, progress=part)
        chances = fitted.probabilities(values[held])
        predicted[held], confidence[held] = chances.argmax(0), chances.max(0)
        accuracy.append(float((predicted[held] == indices[held]).mean()))
        sizes.append(len(held))
        if importance:
            drops.append(_drops(fitted, values[held], indices[held], task.how.seed + number))
        part.advance(1.0)
    features = values.shape[1]
    return Assessment(
        classifier,
        predicted,
        confidence,
        np.array(accuracy),
        np.array(sizes),
        np.array(drops).reshape(-1, features),
    )


def _drops(fitted: Fitted, values: Array, indices: Array, seed: int) -> Array:
    """Return how much accuracy is lost when each feature is shuffled (Breiman 2001)."""
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(indices))[:TESTED]
    values, indices = values[some].copy(), indices[some]
    base = (fitted.probabilities(values).argmax(0) == indices).mean()
    found = np.empty(values.shape[1])
    for feature in range(values.shape[1]):
        kept = values[:, feature].copy()
        values[:, feature] = rng.permutation(kept)
        found[feature] = base - (fitted.probabilities(values).argmax(0) == indices).mean()
        values[:, feature] = kept
    return found


def highest(found: Sequence[Assessment]) -> int:
    """Return the number of the assessment with the highest accuracy; the first on a tie."""
    return int(np.argmax([one.accuracy for one in found]))
