# SPDX-License-Identifier: GPL-2.0-or-later
"""Smooth fields inside images, such as vignetting and tilt, solved for all overlaps at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import NoSolution
from ..image import Array
from ..progress import SILENT, Progress
from .cellmeans import CellMeans, huber_weights
from .projected import minimize

SHAPES = ("radial_tilt", "radial")
"""Kinds of fields, the richer one first; it is tried first too."""

ACCEPTED = {"radial_tilt": 0.65, "radial": 0.40}
"""Part of the disagreement that a field must explain on cells it was not fitted to.

Chosen on made scenes whose truth is known: fields that reached it brought images nearer to the
truth, also among strong haze, of which no field explains much.
"""

UNKNOWNS = {"radial_tilt": 4, "radial": 2}
RIDGE = np.array([1e-5, 1e-4, 0.1, 0.1])
ROUNDS = 6
LOW, HIGH = 0.5, 2.0
"""Factors that a field may reach anywhere on an image's frame."""

FRAME = np.linspace(-1.0, 1.0, 9)
FEWEST = 8
"""Cells of one color that a fit needs for each unknown that is free in a pair."""


@dataclass(frozen=True)
class Trial:
    """A kind of field that was tried: the part it explains of what it was not fitted to."""

    kind: str
    explained: float
    accepted: bool


@dataclass(frozen=True)
class Shading:
    """Fields of all images: `fields`[image, term, band]; 0 where no field was accepted.

    The value at (u, v) of an image's frame is `1 + field`, see `field_at`. `trials` tell for each
    group of images what was tried.
    """

    fields: Array
    trials: tuple[tuple[int, Trial], ...] = ()

    @classmethod
    def nothing(cls, shape: tuple[int, ...]) -> Shading:
        """Return no fields for (images, bands)."""
        return cls(np.zeros((shape[0], len(RIDGE), shape[1])))

    @property
    def any(self) -> bool:
        """True when some image has a field."""
        return bool(self.fields.any())

    @property
    def explained(self) -> float | None:
        """The part that fields explain: of accepted ones the least, else the best of the rest."""
        accepted = [trial.explained for _, trial in self.trials if trial.accepted]
        if accepted:
            return min(accepted)
        return max((trial.explained for _, trial in self.trials), default=None)

    def factors(self, cells: CellMeans) -> Array:
        """Return what the images' means are multiplied by, [side, band, cell]."""
        return _factors(cells, self.fields)


def terms(u: Array, v: Array) -> Array:
    """Return the four terms [term, …] of a field at places of the frame."""
    one = np.ones(np.broadcast(u, v).shape)
    return np.stack([one, (u * u + v * v) / 2 - 1 / 3, u * one, v * one])


def field_at(coefficients: Array, u: Array, v: Array) -> Array:
    """Return the field [band, …] of an image with coefficients[term, band]."""
    return np.tensordot(coefficients.T, terms(u, v), 1)


def solve_shading(
    cells: CellMeans, groups: Array, scale: Array, kind: str, progress: Progress = SILENT
) -> Shading:
    """Return the fields that make cells agree, each group of connected images on its own.

    `groups`[image] counts from 1, `scale` is the spread of each band; a band of
    `scale` 0 has no field. A field is accepted only when it explains cells that
    it was not fitted to; else a simpler one is tried.
    """
    bands = np.flatnonzero(scale > 0)
    fields = np.zeros((len(groups), len(RIDGE), len(scale)))
    trials: list[tuple[int, Trial]] = []
    if kind == "none" or not len(cells.share) or not len(bands):
        return Shading(fields)
    cells = replace(cells, means=cells.means[:, bands])
    of_pair = groups[cells.overlaps.pairs[:, 0]]
    for group in np.unique(of_pair):
        progress.check()
        members = np.flatnonzero(groups == group)
        part = cells.part(np.flatnonzero(of_pair == group))
        for shape in SHAPES[SHAPES.index(kind) :]:
            trial, found = _tried(part, members, scale[bands], shape, progress)
            trials.append((int(group), trial))
            if trial.accepted:
                fields[np.ix_(members, np.arange(found.shape[1]), bands)] = found
                break
    return Shading(fields, tuple(trials))


def _tried(
    cells: CellMeans, members: Array, scale: Array, shape: str, progress: Progress
) -> tuple[Trial, Array]:
    """Fit on the cells of one color of a chessboard, judge on the other, then fit on all."""
    nothing = np.zeros((len(members), UNKNOWNS[shape], len(scale)))
    whole = np.ones(len(cells.share), bool)
    least = FEWEST * UNKNOWNS[shape]
    if min(int(cells.odd.sum()), int((~cells.odd).sum())) < least:
        return Trial(shape, 0.0, False), nothing
    try:
        halves = [
            _reduction(cells, _fitted(cells, members, scale, fit, shape), members, ~fit)
            for fit in (cells.odd, ~cells.odd)
        ]
        explained = min(halves)
        if explained < ACCEPTED[shape]:
            return Trial(shape, explained, False), nothing
        found = _fitted(cells, members, scale, whole, shape, progress)
    except NoSolution:
        return Trial(shape, 0.0, False), nothing
    u, v = np.meshgrid(FRAME, FRAME)
    reached = 1.0 + np.einsum("nkb,kyx->nbyx", found, terms(u, v)[: found.shape[1]])
    fine = bool(reached.min() >= LOW and reached.max() <= HIGH)
    return Trial(shape, explained, fine), found if fine else nothing


def _reduction(cells: CellMeans, found: Array, members: Array, judged: Array) -> float:
    """How much less the judged cells disagree with the fields than without."""
    fields = np.zeros((int(cells.images.max()) + 1, *found.shape[1:]))
    fields[members[members < len(fields)]] = found[members < len(fields)]
    after = np.abs(cells.times(_factors(cells, fields)).residuals()[:, judged])
    before = np.abs(cells.residuals()[:, judged])
    old, new = np.median(before, axis=1), np.median(after, axis=1)
    usable = old > 0
    return float(np.mean(1.0 - new[usable] / old[usable])) if usable.any() else 0.0


def _factors(cells: CellMeans, fields: Array) -> Array:
    found = np.empty_like(cells.means)
    for side, images in enumerate(cells.images):
        basis = terms(*cells.frame[side])[: fields.shape[1]]
        found[side] = 1.0 + np.einsum("ckb,kc->bc", fields[images], basis)
    return found


def _fitted(
    cells: CellMeans,
    members: Array,
    scale: Array,
    kept: Array,
    shape: str,
    progress: Progress = SILENT,
) -> Array:
    """Fields[image, term, band] of the images of a group, from some of the cells."""
    count = UNKNOWNS[shape]
    equations = _Equations.of(cells, members, count)
    conditions = np.zeros((1, len(members), count, len(scale)))
    conditions[0, :, 0] = 1.0
    found = np.zeros(conditions.shape[1:])
    weights = np.broadcast_to(cells.share * kept, (len(scale), len(kept)))
    for attempt in range(ROUNDS):
        if attempt:
            residuals = equations.residuals(found)
            weights = huber_weights(cells, residuals, scale) * cells.share * kept
        system, constant = equations.weighed(weights)
        found = minimize(system, constant, conditions, found, progress)
    return found


@dataclass(frozen=True)
class _Normal:
    """Normal equations of images in pairs: diagonal blocks and those of two images of a pair."""

    pairs: Array
    diagonal: Array
    across: Array

    def normal(self, unknowns: Array) -> Array:
        """Return the left side."""
        out = np.asarray(np.einsum("nxyb,nyb->nxb", self.diagonal, unknowns))
        first, second = self.pairs.T
        np.add.at(out, first, np.einsum("pxyb,pyb->pxb", self.across, unknowns[second]))
        np.add.at(out, second, np.einsum("pxyb,pxb->pyb", self.across, unknowns[first]))
        return out

    def blocks(self) -> Array:
        """Return the diagonal blocks."""
        return self.diagonal


@dataclass(frozen=True)
class _Equations:
    """One equation per cell and band: the corrected means of both images agree.

    `basis`[side, term, cell]; `means`[side, band, cell] are in units of the band's mean.
    """

    cells: CellMeans
    pairs: Array
    count: int
    basis: Array
    means: Array
    level: Array

    @classmethod
    def of(cls, cells: CellMeans, members: Array, unknowns: int) -> _Equations:
        """Return the equations for the images of a group."""
        basis = np.stack([terms(*cells.frame[side])[:unknowns] for side in (0, 1)])
        size = cells.weight.sum()
        level = np.abs((cells.means * cells.weight).sum((0, 2)) / (2 * size))
        level = np.where(level > 0, level, 1.0)
        pairs = np.searchsorted(members, cells.overlaps.pairs)
        means = cells.means / level[:, None]
        return cls(cells, pairs, len(members), basis, means, level)

    def residuals(self, found: Array) -> Array:
        """Return first minus second mean [band, cell] with fields[image, term, band]."""
        pair = self.cells.overlaps.pair_of_cell
        sides = [
            self.means[side]
            * (1.0 + np.einsum("ckb,kc->bc", found[self.pairs[pair, side]], self.basis[side]))
            for side in (0, 1)
        ]
        return np.asarray((sides[0] - sides[1]) * self.level[:, None])

    def weighed(self, weights: Array) -> tuple[_Normal, Array]:
        """Return the normal equations and their right side for weights[band, cell]."""
        over, terms_, bands = self.cells.overlaps.over_pairs, self.basis.shape[1], len(weights)
        diagonal = np.zeros((self.count, terms_, terms_, bands))
        across = np.empty((len(self.pairs), terms_, terms_, bands))
        constant = np.zeros((self.count, terms_, bands))
        apart = weights * (self.means[1] - self.means[0])
        squares = [weights * self.means[side] ** 2 for side in (0, 1)]
        product = -weights * self.means[0] * self.means[1]
        for x in range(terms_):
            for side, sign in ((0, 1.0), (1, -1.0)):
                mine = sign * apart * self.means[side] * self.basis[side, x]
                np.add.at(constant[:, x], self.pairs[:, side], over(mine).T)
            for y in range(terms_):
                both = self.basis[0, x] * self.basis[1, y]
                across[:, x, y] = over(product * both).T
                for side in (0, 1):
                    both = self.basis[side, x] * self.basis[side, y]
                    np.add.at(diagonal[:, x, y], self.pairs[:, side], over(squares[side] * both).T)
        ridge = np.eye(terms_) * RIDGE[:terms_, None]
        diagonal += ridge[None, :, :, None] * (weights.sum(1) / self.count)
        return _Normal(self.pairs, diagonal, across), constant
