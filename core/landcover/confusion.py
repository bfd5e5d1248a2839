# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts of reference classes against map classes, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..image import Array


@dataclass(frozen=True)
class Confusion:
    """Validation pixels counted by class: `counts[reference, map]` over ascending `labels`.

    `not_mapped` pixels have a reference class but none on the map; they are not in the counts.
    """

    labels: tuple[int, ...]
    counts: Array
    not_mapped: int = 0

    @property
    def total(self) -> int:
        """Pixels in the counts."""
        return int(self.counts.sum())

    def over(self, labels: Sequence[int]) -> Confusion:
        """Return the same counts over more classes (ascending labels that hold all of ours)."""
        places = np.searchsorted(np.asarray(labels), np.asarray(self.labels))
        counts = np.zeros((len(labels), len(labels)), self.counts.dtype)
        counts[np.ix_(places, places)] = self.counts
        return Confusion(tuple(labels), counts, self.not_mapped)


@dataclass(frozen=True)
class Scores:
    """Scores of a confusion; NaN where a denominator is zero: undefined.

    `overall` accuracy and `kappa` (Cohen 1960, doi:10.1177/001316446002000104) are numbers;
    `precision`, `recall` and `fscore` hold one value for each class.
    """

    labels: tuple[int, ...]
    overall: float
    kappa: float
    precision: Array
    recall: Array
    fscore: Array


def confusion_of(reference: Array, mapped: Array, labels: Sequence[int] = ()) -> Confusion:
    """Count pixels with a reference class and what the map says there.

    `reference` and `mapped` are whole numbers of one shape, 0 = none; pixels without reference do
    not count. `labels` are classes that stand in the result even where no pixel has them.
    """
    reference, mapped = np.ravel(reference), np.ravel(mapped)
    known, seen = reference > 0, mapped > 0
    both = known & seen
    found = np.unique(np.concatenate([reference[known], mapped[both], np.asarray(labels, int)]))
    row = np.searchsorted(found, reference[both])
    col = np.searchsorted(found, mapped[both])
    side = found.size
    flat = np.bincount(row * side + col, minlength=side * side)
    classes = tuple(int(label) for label in found)
    return Confusion(classes, flat.reshape(side, side), int(np.count_nonzero(known & ~seen)))


def scores_of(confusion: Confusion) -> Scores:
    """Return the scores of a confusion."""
    counts = confusion.counts.astype(np.float64)
    right, rows, cols, total = np.diag(counts), counts.sum(1), counts.sum(0), counts.sum()
    chance = float((rows * cols).sum())
    precision, recall = ratio(right, cols), ratio(right, rows)
    return Scores(
        labels=confusion.labels,
        overall=float(ratio(right.sum(), total)),
        kappa=float(ratio(right.sum() * total - chance, total * total - chance)),
        precision=precision,
        recall=recall,
        fscore=ratio(2 * precision * recall, precision + recall),
    )


def ratio(above: Array | float, below: Array | float) -> Array:
    """Return above / below, NaN where below is zero."""
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)


def union_of(confusions: Iterable[Confusion]) -> tuple[int, ...]:
    """Return all classes of several confusions, ascending."""
    return tuple(sorted({label for one in confusions for label in one.labels}))


def mean_of(confusions: Sequence[Confusion]) -> tuple[tuple[int, ...], Array]:
    """Return all classes and the mean counts of several runs."""
    labels = union_of(confusions)
    return labels, np.mean([one.over(labels).counts for one in confusions], axis=0)
