# SPDX-License-Identifier: GPL-2.0-or-later
"""Least squares for many images with few unknowns each, tied in pairs, and what holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..deps import available, require
from ..errors import NoSolution

Floats = NDArray[np.float64]
Column = NDArray[np.float64]
Whole = NDArray[np.int64]

SPARSE = 600
"""Unknowns from which the equations are solved as sparse ones, where SciPy is there."""

OPEN = "The tie points do not fix the transforms of all images."


class Equations:
    """Normal equations of images of which each has few others beside it.

    `resistance`[image]: infinite = fixed, which has no unknowns. Where none is fixed, the sum of
    resistance x unknown is 0 for each unknown, exactly.
    """

    def __init__(self, resistance: Column, unknowns: int) -> None:
        self._free = np.isfinite(resistance)
        self._place = np.cumsum(self._free) - 1
        self._unknowns = unknowns
        self._resistance = resistance
        self._blocks: dict[tuple[int, int], Floats] = {}
        self._right = np.zeros((int(self._free.sum()), unknowns))

    def add(
        self, images: Sequence[int], bases: Sequence[Floats], rest: Floats, weight: Column
    ) -> None:
        """Add rows: sum of bases[point, axis, unknown] x unknowns of the images = rest."""
        for one, mine in zip(images, bases):
            if not self._free[one]:
                continue
            weighted = mine * weight[:, None, None]
            self._right[self._place[one]] += np.einsum("pak,pa->k", weighted, rest)
            for other, theirs in zip(images, bases):
                if self._free[other]:
                    key = (int(self._place[one]), int(self._place[other]))
                    block = np.einsum("pak,pal->kl", weighted, theirs)
                    self._blocks[key] = self._blocks[key] + block if key in self._blocks else block

    def solved(self, theta: Floats) -> Floats:
        """Return the steps[image, unknown]; with the datum when no image is fixed."""
        count, size = self._right.shape
        row, col, value = (np.concatenate(part) for part in zip(*self._entries()))
        total, right = count * size, [self._right.ravel()]
        if self._free.all():
            weight = self._weights() * float(np.abs(value[row == col]).mean())
            at = np.arange(total)
            border = (np.repeat(weight, size), total + at % size)
            row, col = np.r_[row, at, border[1]], np.r_[col, border[1], at]
            value = np.r_[value, border[0], border[0]]
            right.append(-(weight[:, None] * theta).sum(0))
            total += size
        steps = _solution(row, col, value, np.concatenate(right))[: count * size]
        found = np.zeros((len(self._free), size))
        found[self._free] = steps.reshape(count, size)
        return found

    def _entries(self) -> Iterator[tuple[Whole, Whole, Column]]:
        inner = np.indices((self._unknowns, self._unknowns)).reshape(2, -1)
        for (one, other), block in sorted(self._blocks.items(), key=lambda item: item[0]):
            rows, cols = inner[0] + one * self._unknowns, inner[1] + other * self._unknowns
            yield rows, cols, block.ravel()

    def _weights(self) -> Column:
        """Return the resistances with mean 1; all alike when none resists."""
        mean = float(self._resistance.mean())
        return self._resistance / mean if mean > 0 else np.ones(len(self._resistance))


def _solution(row: Whole, col: Whole, value: Column, right: Column) -> Column:
    """Solve linear equations given by their entries."""
    size = len(right)
    try:
        if size >= SPARSE and available("scipy"):
            sparse = require("scipy.sparse", "A large network")
            linear = require("scipy.sparse.linalg", "A large network")
            matrix = sparse.coo_matrix((value, (row, col)), (size, size)).tocsc()
            found = np.asarray(linear.splu(matrix).solve(right))
        else:
            dense = np.zeros((size, size))
            np.add.at(dense, (row, col), value)
            found = np.linalg.solve(dense, right)
    except (np.linalg.LinAlgError, RuntimeError) as error:  # what NumPy and SciPy call singular
        raise NoSolution(OPEN) from error
    if not np.isfinite(found).all():
        raise NoSolution(OPEN)
    return found
