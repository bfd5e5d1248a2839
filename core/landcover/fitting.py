# SPDX-License-Identifier: GPL-2.0-or-later
"""One classifier on some samples: preparation, then training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..errors import InvalidOption
from ..image import Array
from ..progress import SILENT, Progress
from .gaussian import train_gaussian
from .nearest import train_neighbors
from .perceptron import train_perceptron, uncalibrated
from .preparing import STANDARDIZED, Preparation, prepared
from .randomforest import train_forest
from .rules import Rows, Rule
from .samples import Samples
from .settings import Settings
from .vectormachine import train_vectors

TRAINERS: dict[str, Callable[[Rows, Settings, Progress], Rule]] = {
    "rf": train_forest,
    "svm": train_vectors,
    "mlp": train_perceptron,
    "knn": train_neighbors,
    "maxlik": train_gaussian,
}


@dataclass(frozen=True)
class Task:
    """Samples of two classes or more, what is asked for, and the weights of the classes."""

    samples: Samples
    how: Settings
    weights: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        """Raise InvalidOption for fewer than two classes."""
        if len(self.samples.classes) < 2:
            only = ", ".join(map(str, self.samples.classes)) or "none"
            raise InvalidOption(
                f"A classifier needs samples of two classes or more; there are: {only}."
            )


class Fitted(NamedTuple):
    """A preparation and what was trained behind it."""

    preparation: Preparation
    rule: Rule

    def probabilities(self, values: Array) -> Array:
        """Return P[class, row] of values[row, feature]."""
        return self.rule.probabilities(self.preparation.applied(np.ascontiguousarray(values.T)))


def fit(
    task: Task,
    classifier: str,
    rows: Array | None = None,
    *,
    most: int = 0,
    calibrated: bool = True,
    progress: Progress = SILENT,
) -> Fitted:
    """Train a classifier on the samples of a task, or on some rows, thinned to `most`.

    Where only labels count, `calibrated` False spares what changes probabilities but no label.
    """
    samples, how = task.samples, task.how
    indices = samples.indices
    everything = Rows(samples.values, indices, samples.groups, len(samples.classes), task.weights)
    taken = everything if rows is None else everything.taken(rows)
    taken = taken.thinned(most, how.seed) if most else taken
    wanted = how.standardize == "yes" or (how.standardize == "auto" and classifier in STANDARDIZED)
    preparation = prepared(
        taken.values,
        samples.names,
        standardize=wanted,
        components=how.reduce,
        mode=how.reduce_mode,
    )
    seen = Rows(
        preparation.rows(taken.values), taken.indices, taken.groups, taken.classes, task.weights
    )
    plain = classifier == "mlp" and not calibrated
    trainer = uncalibrated if plain else TRAINERS[classifier]
    return Fitted(preparation, trainer(seen, how, progress))
