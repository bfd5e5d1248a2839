# SPDX-License-Identifier: GPL-2.0-or-later
"""The nearest samples vote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from ..progress import SILENT, Progress
from .rules import Rows
from .settings import Settings

MOST = 20_000
"""Samples that are kept."""


@dataclass(frozen=True)
class Neighbors:
    """Samples[row, feature] (standardized) with class numbers, of which the nearest k vote."""

    samples: Array
    indices: Array
    k: int
    classes: int

    def probabilities(self, columns: Array) -> Array:
        """Return (votes + 1 / K) / (k + 1) for each class and pixel; raises MissingPackage."""
        count = columns.shape[1]
        near = self._tree.query(columns.T, k=self.k)[1].reshape(count, self.k)
        votes = np.full((self.classes, count), 1 / self.classes)
        for column in self.indices[near].T:
            votes[column, np.arange(count)] += 1
        return votes / (self.k + 1)

    def arrays(self) -> Mapping[str, Array]:
        """Return the samples and their classes."""
        return {"samples": self.samples, "indices": self.indices}

    def numbers(self) -> Mapping[str, Any]:
        """Return k and the number of classes."""
        return {"k": self.k, "classes": self.classes}

    @cached_property
    def _tree(self) -> Any:
        spatial = require("scipy.spatial", "The classifier knn")
        return spatial.cKDTree(self.samples)


def train_neighbors(rows: Rows, how: Settings, progress: Progress = SILENT) -> Neighbors:
    """Keep samples for voting, at most 20,000: the same share of every class."""
    require("scipy.spatial", "Training knn")
    if len(rows) > MOST:
        progress.info(f"knn keeps {MOST} of {len(rows)} samples.")
    rows = rows.reweighted(how.seed).thinned(MOST, how.seed)
    k = min(how.neighbors, len(rows))
    return Neighbors(rows.values, rows.indices.astype(np.int32), k, rows.classes)


def load_neighbors(arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> Neighbors:
    """Return the samples of a model file; raises ValueError when their classes are not known."""
    indices, classes = arrays["indices"], int(numbers["classes"])
    if not ((indices >= 0) & (indices < classes)).all() or len(indices) < int(numbers["k"]):
        raise ValueError("its samples have classes that are not there")
    return Neighbors(
        arrays["samples"], arrays["indices"], int(numbers["k"]), int(numbers["classes"])
    )
