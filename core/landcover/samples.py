# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples: rows of feature values with a label, the polygon they come from and their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidOption
from ..image import Array, Mask

LARGEST = 65535
"""Largest label."""


@dataclass(frozen=True)
class Samples:
    """Values[row, feature] (float32) with labels, groups (polygons), regions and map positions.

    `regions` is empty when there is one region only; `x`, `y` are NaN where unknown. `named`
    holds the names of text labels by their codes.
    """

    values: Array
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    names: tuple[str, ...]
    regions: tuple[str, ...] = ()
    x: Array = field(default_factory=lambda: np.empty(0))
    y: Array = field(default_factory=lambda: np.empty(0))
    named: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        """Bring the arrays to their types; raises InvalidOption when their lengths differ."""
        count = len(self.labels)
        object.__setattr__(self, "values", np.ascontiguousarray(self.values, np.float32))
        object.__setattr__(self, "labels", np.asarray(self.labels, np.int64))
        object.__setattr__(self, "groups", np.asarray(self.groups, np.int64))
        for name in ("x", "y"):
            given = np.asarray(getattr(self, name), np.float64)
            object.__setattr__(self, name, given if given.size else np.full(count, np.nan))
        lengths = {len(self.values), len(self.groups), len(self.x), len(self.y), count}
        if len(lengths) > 1 or self.values.shape[1:] != (len(self.names),):
            raise InvalidOption("Samples: values, labels, groups and names do not fit together.")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)

    @property
    def classes(self) -> NDArray[np.int64]:
        """The labels that occur, ascending."""
        return np.unique(self.labels)

    @property
    def indices(self) -> NDArray[np.int64]:
        """The place of each row's label in `classes`."""
        return np.searchsorted(self.classes, self.labels).astype(np.int64)

    def taken(self, rows: Array | Mask | slice) -> Samples:
        """Return some rows (numbers or booleans)."""
        regions = tuple(np.array(self.regions, object)[rows]) if self.regions else ()
        return replace(
            self,
            values=self.values[rows],
            labels=self.labels[rows],
            groups=self.groups[rows],
            regions=regions,
            x=self.x[rows],
            y=self.y[rows],
        )

    def only(self, columns: Sequence[int]) -> Samples:
        """Return some features, by their numbers from 0."""
        names = tuple(self.names[column] for column in columns)
        return replace(self, values=self.values[:, list(columns)], names=names)

    def complete(self) -> Samples:
        """Return the rows whose values are all finite."""
        usable = np.isfinite(self.values).all(1)
        return self if usable.all() else self.taken(usable)


def joined(several: Sequence[Samples]) -> Samples:
    """Return samples of one schema as one; rows of one group stay together across parts.

    Raises InvalidOption when the features differ.
    """
    first = several[0]
    for one in several[1:]:
        if one.names != first.names or one.named != first.named:
            differing = sorted(set(one.names) ^ set(first.names))[:5] or ["their order"]
            raise InvalidOption(
                f"The layers of samples have different features: {', '.join(differing)}."
            )
    together = {
        name: np.concatenate([getattr(one, name) for one in several])
        for name in ("values", "labels", "groups", "x", "y")
    }
    regions = tuple(region for one in several for region in one.regions)
    complete = all(len(one.regions) == len(one) for one in several)
    return replace(first, regions=regions if complete else (), **together)


def chosen(names: Sequence[str], patterns: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers (from 0) of the names that glob patterns mean, in the order of names.

    Raises InvalidOption for a pattern that means none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            listed = ", ".join(names[:5])
            raise InvalidOption(f"Features: {pattern!r} means none of the features ({listed}, …).")
    return tuple(
        number
        for number, name in enumerate(names)
        if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
    )


def blocks(x: Array, y: Array, side: float) -> NDArray[np.int64]:
    """Return the number of the square block in which each position lies, as groups."""
    cells = np.stack([np.floor(x / side), np.floor(y / side)], 1)
    return np.asarray(np.unique(cells, axis=0, return_inverse=True)[1], np.int64).reshape(-1)
