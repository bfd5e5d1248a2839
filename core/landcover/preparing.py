# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done to features before a classifier sees them: choice, scale, principal components."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidOption
from ..image import Array
from .products import filled_up, product

STANDARDIZED = ("svm", "mlp", "knn")
"""Classifiers whose features are standardized unless the user says no."""

_NAME = re.compile(r"(?P<band>.+)_(?P<date>\d{8}(?:\.\d)?)$")


@dataclass(frozen=True)
class Preparation:
    """Takes some features, centers and scales them, projects them; empty arrays do nothing.

    `columns` are numbers from 0; mean and scale[feature]; projection[component, feature].
    """

    columns: Array
    mean: Array
    scale: Array
    projection: Array

    def applied(self, columns: Array) -> Array:
        """Return what the classifier sees of columns[feature, pixel] (float32)."""
        count = len(self.columns)
        everything = count == len(columns) and np.array_equal(self.columns, np.arange(count))
        found = columns if everything else columns[self.columns]
        if self.mean.size:
            found = (found - self.mean[:, None]) * self.scale[:, None]
        if self.projection.size:
            width = found.shape[1]
            found = product(self.projection, filled_up(found))[:, :width]
        return found.astype(np.float32, copy=False)

    def rows(self, values: Array) -> Array:
        """Return what the classifier sees of values[row, feature]."""
        return np.ascontiguousarray(self.applied(np.ascontiguousarray(values.T)).T)


def plain(features: int) -> Preparation:
    """Return the preparation that does nothing."""
    none = np.empty(0, np.float32)
    return Preparation(np.arange(features), none, none, none.reshape(0, 0))


def prepared(
    values: Array, names: Sequence[str], *, standardize: bool, components: int, mode: str
) -> Preparation:
    """Return the preparation that values[row, feature] ask for; constant features are left out.

    Raises InvalidOption when no feature varies.
    """
    deviation = values.std(0, dtype=np.float64)
    kept = np.flatnonzero(deviation > 0)
    if not len(kept):
        raise InvalidOption("All features are constant; a classifier needs one that varies.")
    none = np.empty(0, np.float32)
    if not standardize and not components:
        return Preparation(kept, none, none, none.reshape(0, 0))
    mean = values[:, kept].mean(0, dtype=np.float64).astype(np.float32)
    scale = (1 / deviation[kept]).astype(np.float32)
    projection = none.reshape(0, 0)
    if components:
        scaled = (values[:, kept] - mean) * scale
        groups = grouped([names[number] for number in kept], mode)
        projection = _components(scaled, groups, components, standardize)
    return Preparation(kept, mean, scale, projection)


def grouped(names: Sequence[str], mode: str) -> list[list[int]]:
    """Return which features are reduced together, by the date or band in their names.

    Raises InvalidOption for names without date where it is needed.
    """
    if mode == "global":
        return [list(range(len(names)))]
    found: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        match = _NAME.match(name)
        if match is None:
            raise InvalidOption(
                f"Components over each {mode} need features called <sensor>_<band>_<YYYYMMDD>; "
                f"{name!r} is not. Choose global."
            )
        found.setdefault(match[mode], []).append(number)
    return list(found.values())


def _components(
    scaled: Array, groups: Sequence[Sequence[int]], most: int, standardize: bool
) -> Array:
    """Return the leading eigenvectors of each group's correlations, the strongest first."""
    rows = []
    for group in groups:
        part = scaled[:, list(group)].astype(np.float64)
        strength, vectors = np.linalg.eigh(part.T @ part / max(1, len(part) - 1))
        order = np.argsort(-strength, kind="stable")[: min(most, len(group))]
        for number in order:
            vector = vectors[:, number]
            # eigenvectors have no sign of their own
            vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
            row = np.zeros(scaled.shape[1])
            row[list(group)] = vector
            rows.append(row / np.sqrt(max(strength[number], 1e-12)) if standardize else row)
    return np.array(rows, np.float32)
