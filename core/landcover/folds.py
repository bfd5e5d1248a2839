# SPDX-License-Identifier: GPL-2.0-or-later
"""Folds for cross-validation: whole groups, every class in every fold where it can be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution
from ..image import Array


def groups_per_class(indices: Array, groups: Array, classes: int) -> NDArray[np.int64]:
    """Return how many groups hold samples of each class."""
    pairs = np.unique(np.stack([indices, groups], 1), axis=0)
    return np.bincount(pairs[:, 0], minlength=classes)


def usable_folds(indices: Array, groups: Array, wanted: int) -> int:
    """Return the number of folds that every class can fill.

    Raises NoSolution when a class has one group only.
    """
    classes = int(indices.max()) + 1
    fewest = int(groups_per_class(indices, groups, classes).min())
    if fewest < 2:
        raise NoSolution(
            "These samples cannot cross-validate: a class has a single polygon. Choose the "
            "classifier rf, or give every class two polygons."
        )
    return min(wanted, fewest)


def dealt(indices: Array, groups: Array, folds: int) -> NDArray[np.int64]:
    """Return the fold of each row: groups go whole, largest first, class by class.

    A group counts for the class most of its rows have, and goes to the fold that has fewest rows
    of it, and of all classes on a tie.
    """
    names, group = np.unique(groups, return_inverse=True)
    group = group.reshape(-1)
    classes = int(indices.max()) + 1
    counts = np.bincount(group * classes + indices, minlength=len(names) * classes)
    counts = counts.reshape(len(names), classes)
    major, size = counts.argmax(1), counts.sum(1)
    held = np.zeros((folds, classes), np.int64)
    found = np.zeros(len(names), np.int64)
    for one in np.lexsort((names, -size, major)).tolist():
        loads = list(zip(held[:, major[one]].tolist(), held.sum(1).tolist()))
        fold = loads.index(min(loads))
        found[one] = fold
        held[fold] += counts[one]
    return found[group]
