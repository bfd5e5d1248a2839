# SPDX-License-Identifier: GPL-2.0-or-later
"""What every classifier gives once it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..image import Array


class Rule(Protocol):
    """A trained classifier: features in, class probabilities out."""

    def probabilities(self, columns: Array) -> Array:
        """Return P[class, pixel] (float64) of columns[feature, pixel] (float32)."""

    def arrays(self) -> Mapping[str, Array]:
        """Return what a model file stores as arrays."""

    def numbers(self) -> Mapping[str, Any]:
        """Return what a model file stores as JSON."""


@dataclass(frozen=True)
class Rows:
    """Prepared samples: values[row, feature] (float32), class numbers 0 … K-1, groups."""

    values: Array
    indices: NDArray[np.int64]
    groups: NDArray[np.int64]
    classes: int
    weights: Array = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.indices)

    @property
    def columns(self) -> Array:
        """The values as columns[feature, row]."""
        return np.ascontiguousarray(self.values.T)

    @property
    def priors(self) -> NDArray[np.float64]:
        """What share of the pixels each class is taken to have."""
        counts = np.bincount(self.indices, minlength=self.classes).astype(np.float64)
        given = self.weights if self.weights.size else counts
        return np.asarray(given / given.sum())

    def taken(self, rows: Array) -> Rows:
        """Return some rows (numbers or booleans)."""
        return Rows(
            self.values[rows], self.indices[rows], self.groups[rows], self.classes, self.weights
        )

    def thinned(self, most: int, seed: int) -> Rows:
        """Return at most so many rows, the same share of every class."""
        if len(self) <= most:
            return self
        order = np.random.default_rng(seed).permutation(len(self))
        parts = []
        for index in range(self.classes):
            mine = order[self.indices[order] == index]
            parts.append(mine[: max(1, round(len(mine) * most / len(self)))])
        return self.taken(np.sort(np.concatenate(parts)))

    def reweighted(self, seed: int) -> Rows:
        """Return rows drawn so that each class has the share that its weight asks for."""
        if not self.weights.size:
            return self
        rng = np.random.default_rng(seed)
        parts = []
        for index, share in enumerate(self.priors):
            mine = rng.permutation(np.flatnonzero(self.indices == index))
            wanted = max(1, round(share * len(self)))
            parts.append(np.resize(mine, wanted) if len(mine) else mine)
        return self.taken(np.sort(np.concatenate(parts)))
