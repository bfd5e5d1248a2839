# SPDX-License-Identifier: GPL-2.0-or-later
"""Least squares with exact side conditions, for any number of images, without forming a matrix.

The solver is the method of conjugate gradients, projected on the conditions by the preconditioner
(Gould, Hribar and Nocedal 2001, doi:10.1137/S1064827598345667).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..errors import NoSolution
from ..image import Array
from ..progress import SILENT, Progress

TOLERANCE = 1e-12
STEPS_PER_UNKNOWN = 10
CHECKED_EVERY = 50


class System(Protocol):
    """Normal equations of unknowns[image, unknown, band]."""

    def normal(self, unknowns: Array) -> Array:
        """Return their left side."""

    def blocks(self) -> Array:
        """Return the diagonal blocks [image, unknown, unknown, band]."""


@dataclass(frozen=True)
class Rows:
    """Two equations per pair and band, weighted: means agree, spreads agree.

    Unknowns are the changes of [image, (gain, offset), band]. `level` and `spread`
    [side, pair, band] multiply the gain; the offset has the factor 1 in the first equation only.
    `weights`[equation, pair, band] are square roots.
    """

    pairs: Array
    images: int
    level: Array
    spread: Array
    weights: Array
    ridge: float

    def __post_init__(self) -> None:
        """Sort the ends of the pairs by image once, so that sums over images are fast."""
        ends = self.pairs.T.ravel()
        order = np.argsort(ends, kind="stable")
        touched, starts = np.unique(ends[order], return_index=True)
        object.__setattr__(self, "_sorted", (order, touched, starts))

    def differences(self, unknowns: Array) -> Array:
        """Return weighted left sides[equation, pair, band] of the equations."""
        first, second = (unknowns[self.pairs[:, side]] for side in (0, 1))
        means = self.level[0] * first[:, 0] - self.level[1] * second[:, 0]
        means += first[:, 1] - second[:, 1]
        spreads = self.spread[0] * first[:, 0] - self.spread[1] * second[:, 0]
        return np.asarray(self.weights * np.stack([means, spreads]))

    def transposed(self, residuals: Array) -> Array:
        """Return the sums of residuals[equation, pair, band] over each unknown."""
        means, spreads = self.weights * residuals
        ends = np.empty((2, len(self.pairs), 2, means.shape[1]))
        for side, sign in enumerate((1.0, -1.0)):
            ends[side, :, 0] = sign * (self.level[side] * means + self.spread[side] * spreads)
            ends[side, :, 1] = sign * means
        return self._summed(ends)

    def normal(self, unknowns: Array) -> Array:
        """Return the normal equations' left side."""
        return np.asarray(self.transposed(self.differences(unknowns)) + self.ridge * unknowns)

    def blocks(self) -> Array:
        """Return the diagonal blocks [image, 2, 2, band] of the normal equations."""
        means, spreads = self.weights**2
        ends = np.empty((2, len(self.pairs), 2, 2, means.shape[1]))
        for side in (0, 1):
            level = self.level[side] * means
            ends[side, :, 0, 0] = level * self.level[side] + spreads * self.spread[side] ** 2
            ends[side, :, 0, 1] = ends[side, :, 1, 0] = level
            ends[side, :, 1, 1] = means
        return np.asarray(self._summed(ends) + self.ridge * np.eye(2)[None, :, :, None])

    def _summed(self, ends: Array) -> Array:
        order, touched, starts = self._sorted  # type: ignore[attr-defined]
        out = np.zeros((self.images, *ends.shape[2:]))
        out[touched] = np.add.reduceat(ends.reshape(-1, *ends.shape[2:])[order], starts, axis=0)
        return out


def solve(
    rows: Rows,
    targets: Array,
    conditions: Array,
    start: Array,
    progress: Progress = SILENT,
) -> Array:
    """Return the unknowns[image, 2, band] that bring the rows nearest to their targets.

    `conditions`[condition, image, 2, band] · unknowns = 0 holds exactly, as it must for `start`.
    Raises NoSolution when the residual does not fall below 1e-12 of the first one.
    """
    constant = rows.transposed(rows.weights * targets)
    return minimize(rows, constant, conditions, start, progress)


def minimize(
    system: System,
    constant: Array,
    conditions: Array,
    start: Array,
    progress: Progress = SILENT,
) -> Array:
    """Return the unknowns[image, unknown, band] that solve normal equations = constant.

    Conditions, start and NoSolution are those of `solve`.
    """
    project = _Projection(_inverse(system.blocks()), conditions)
    first = project.norm(project.residual(constant))
    unknowns = start.copy()
    residual = project.residual(constant - system.normal(unknowns))
    step = project.preconditioned(residual)
    now = _inner(residual, step)
    limit = np.maximum(TOLERANCE**2 * first, np.finfo(float).tiny)
    for count in range(STEPS_PER_UNKNOWN * start.shape[0] * start.shape[1] + 1):
        open_bands = now > limit
        if not open_bands.any():
            return unknowns
        if count % CHECKED_EVERY == 0:
            progress.check()
        image = system.normal(step)
        curve = _inner(step, image)
        length = np.where(open_bands, now / np.where(curve > 0, curve, 1.0), 0.0)
        unknowns += length * step
        residual = project.residual(residual - length * image)
        direction = project.preconditioned(residual)
        after = _inner(residual, direction)
        step = direction + after / np.where(now > 0, now, 1.0) * step
        now = after
    worst = float(np.sqrt((now / np.maximum(first, np.finfo(float).tiny)).max()))
    raise NoSolution(
        f"The equations of {len(start)} images did not converge: a relative residual of "
        f"{worst:.1e} remains. Remove images that overlap little, or set ROBUST to false."
    )


class _Projection:
    """Removes from a residual what the conditions forbid to change."""

    def __init__(self, inverse: Array, conditions: Array) -> None:
        self._inverse, self._conditions = inverse, conditions
        scaled = np.einsum("nxyb,cnyb->cnxb", inverse, conditions)
        gram = np.einsum("cnxb,dnxb->bcd", conditions, scaled)
        idle = np.einsum("bcc->bc", gram)
        idle[idle == 0] = 1.0  # a condition without coefficients
        self._gram = np.linalg.inv(gram)
        self._scaled = scaled

    def residual(self, residual: Array) -> Array:
        forbidden = np.einsum("cnxb,nxb->bc", self._scaled, residual)
        factors = np.einsum("bcd,bd->bc", self._gram, forbidden)
        return np.asarray(residual - np.einsum("bc,cnxb->nxb", factors, self._conditions))

    def preconditioned(self, residual: Array) -> Array:
        return np.asarray(np.einsum("nxyb,nyb->nxb", self._inverse, residual))

    def norm(self, residual: Array) -> Array:
        return _inner(residual, self.preconditioned(residual))


def _inner(a: Array, b: Array) -> Array:
    return np.asarray(np.einsum("nxb,nxb->b", a, b))


def _inverse(blocks: Array) -> Array:
    return np.moveaxis(np.linalg.inv(np.moveaxis(blocks, -1, 1)), 1, -1)
