# SPDX-License-Identifier: GPL-2.0-or-later
"""Smooth fields on top of the transforms of a network: what single transforms leave in overlaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deps import require
from ..transform.bspline import BSplineField
from ..transform.models import RAYLEIGH_MEDIAN, Linear
from .bases import field_of, taps
from .network import INNER, LOSSES, Adjusting, Nodes, Ties, ground_of, residuals

Floats = NDArray[np.float64]
Column = NDArray[np.float64]
Sparse = Any
"""A matrix of scipy.sparse."""

PURPOSE = "LOCAL_MODEL"

SHARE = 16
"""Part of the shorter side of the images that nodes are apart, where nothing is said."""

EVERYWHERE = 1e-6
"""Weight with which a node beside a tie point is held, relative to one far away."""

SETTLED = 1e-6
"""Change of coefficients, as a share of the largest one, that ends the rounds."""


@dataclass(frozen=True)
class Smoothing:
    """How fields are fitted; lengths in the unit of the positions, 0 = automatic.

    `smoothness, bending`: weights of the first and second differences of neighboring nodes, `hold`
    [image]: how a field resists where no tie point is near, within `falloff` of one; `surface`: one
    of SURFACES.
    """

    hold: Column
    spacing: float = 0.0
    smoothness: float = 1.0
    bending: float = 1.0
    falloff: float = 0.0
    surface: str = "smooth"


@dataclass(frozen=True)
class Bent:
    """A transform and the field on top of it."""

    linear: Linear
    field: BSplineField | None = None

    def predict(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the displacements at positions."""
        dx, dy = self.linear.predict(x, y)
        if self.field is None:
            return dx, dy
        more = self.field.at(x, y)
        return dx + more[0], dy + more[1]


@dataclass(frozen=True)
class _Lattice:
    """The nodes of an image: the first, their distance, rows and columns, first unknown, what
    they make."""

    origin: tuple[float, float]
    step: float
    rows: int
    columns: int
    first: int
    surface: str = "smooth"

    @property
    def count(self) -> int:
        return self.rows * self.columns

    @property
    def places(self) -> Floats:
        """Positions[node, (u, v)]."""
        rows, cols = np.indices((self.rows, self.columns)).reshape(2, -1)
        return np.asarray(np.stack((cols, rows), 1) * self.step + np.array(self.origin))

    def basis(self, at: Floats, size: int) -> Sparse:
        """Return the weights[point, unknown] of the functions at positions."""
        sparse = require("scipy.sparse", PURPOSE)
        found = taps(self.surface, (at - self.origin) / self.step)
        col = np.clip(found.column, 0, self.columns - 1)
        row = np.clip(found.row, 0, self.rows - 1)
        node = self.first + row * self.columns + col
        point = np.broadcast_to(np.arange(len(at))[:, None], node.shape)
        entries = (found.weight.ravel(), (point.ravel(), node.ravel()))
        return sparse.coo_matrix(entries, shape=(len(at), size)).tocsr()


def fit_fields(
    nodes: Nodes,
    ties: Sequence[Ties],
    models: Sequence[Linear],
    how: Smoothing,
    weighing: Adjusting,
) -> tuple[BSplineField | None, ...]:
    """Return a field for each image with tie points that is not fixed, on top of its transform.

    Tie points are weighed as in the adjustment. Fields take what is left at tie points, are as
    smooth as they can be, and fade to nothing where no tie point is near. Needs SciPy.
    """
    used = [pair for pair in (pair.fitted() for pair in ties) if len(pair)]
    lattices = _lattices(nodes, used, how)
    size = sum(lattice.count for lattice in lattices.values())
    if not size:
        return (None,) * len(nodes)
    rows = _Rows.of(used, models, lattices, size)
    mean = sum(map(len, used)) / len(used)
    share = [np.full(len(pair), mean / len(pair) if weighing.equal else 1.0) for pair in used]
    weight = np.concatenate([pair.weight * part for pair, part in zip(used, share)])
    stiff = _stiffness(lattices, used, models, how) * float(np.median(weight))
    found = _solved(rows, weight, stiff, weighing)
    return tuple(
        _field(lattices[image], found) if image in lattices else None for image in range(len(nodes))
    )


def _lattices(nodes: Nodes, ties: Sequence[Ties], how: Smoothing) -> dict[int, _Lattice]:
    """Return the nodes of the images that get a field."""
    sides = np.ptp(nodes.corners, axis=1)
    step = how.spacing or float(np.median(sides.min(1))) / SHARE
    tied = {image for pair in ties for image in (pair.first, pair.second)}
    found: dict[int, _Lattice] = {}
    first = 0
    for image in sorted(tied):
        if nodes.fixed[image]:
            continue
        low, high = nodes.corners[image].min(0), nodes.corners[image].max(0)
        # two nodes on either side: ground lies a little beyond the stored corners
        columns, rows = (math.ceil(side / step) + 5 for side in high - low)
        origin = low - 2 * step
        corner = (float(origin[0]), float(origin[1]))
        lattice = _Lattice(corner, step, rows, columns, first, how.surface)
        found[image] = lattice
        first += lattice.count
    return found


@dataclass(frozen=True)
class _Rows:
    """The equations of tie points: basis[point, unknown] x coefficients = rest[point, axis]."""

    basis: Sparse
    rest: Floats

    @classmethod
    def of(
        cls,
        ties: Sequence[Ties],
        models: Sequence[Linear],
        lattices: dict[int, _Lattice],
        size: int,
    ) -> _Rows:
        sparse = require("scipy.sparse", PURPOSE)
        parts = []
        for pair in ties:
            at = ground_of(pair, models)
            none = sparse.csr_matrix((len(pair), size))
            ends = (
                lattices[image].basis(at, size) if image in lattices else none
                for image in (pair.first, pair.second)
            )
            parts.append(next(ends) - next(ends))
        rest = np.concatenate([residuals(pair, models) for pair in ties])
        return cls(sparse.vstack(parts).tocsr(), rest)


def _stiffness(
    lattices: dict[int, _Lattice],
    ties: Sequence[Ties],
    models: Sequence[Linear],
    how: Smoothing,
) -> Sparse:
    """Return the energy[unknown, unknown] of differences between nodes and of held nodes."""
    sparse = require("scipy.sparse", PURPOSE)
    blocks = []
    for image, lattice in lattices.items():
        own = [pair for pair in ties if image in (pair.first, pair.second)]
        near = np.concatenate([ground_of(pair, models) for pair in own])
        far = _far(lattice, near, how.falloff or lattice.step)
        held = np.maximum(EVERYWHERE, how.hold[image]) * np.maximum(EVERYWHERE, far)
        energy = sparse.diags(held)
        for order, strength in ((1, how.smoothness), (2, how.bending)):
            along = sparse.kron(sparse.eye(lattice.rows), _difference(lattice.columns, order))
            down = sparse.kron(_difference(lattice.rows, order), sparse.eye(lattice.columns))
            energy = energy + strength * (along.T @ along + down.T @ down)
        blocks.append(energy)
    return sparse.block_diag(blocks).tocsc()


def _difference(count: int, order: int) -> Sparse:
    """Return the differences[row, node] of first or second order."""
    sparse = require("scipy.sparse", PURPOSE)
    values = {1: (-1.0, 1.0), 2: (1.0, -2.0, 1.0)}[order]
    return sparse.diags(values, range(order + 1), shape=(count - order, count))


def _far(lattice: _Lattice, points: Floats, falloff: float) -> Column:
    """Return 0 at nodes beside a tie point, up to 1 far from all of them."""
    tree = require("scipy.spatial", PURPOSE).cKDTree(points)
    distance = np.asarray(tree.query(lattice.places)[0])
    return np.asarray(1 - np.exp(-((distance / falloff) ** 2)))


def _solved(rows: _Rows, weight: Column, stiff: Sparse, how: Adjusting) -> Floats:
    """Return the coefficients[unknown, axis] by repeated weighted least squares."""
    solver = require("scipy.sparse.linalg", PURPOSE)
    sparse = require("scipy.sparse", PURPOSE)
    found = np.zeros((rows.basis.shape[1], 2))
    share = np.ones(len(weight))
    for _ in range(INNER):
        weighted = rows.basis.T @ sparse.diags(weight * share)
        factor = solver.splu((weighted @ rows.basis + stiff).tocsc())
        before, found = found, np.stack([factor.solve(weighted @ one) for one in rows.rest.T], 1)
        left = np.hypot(*(rows.rest - rows.basis @ found).T)
        middle = 1.4826 * float(np.median(left)) / RAYLEIGH_MEDIAN
        share = LOSSES[how.loss](left / (how.scale or max(how.floor, middle)))
        if np.abs(found - before).max() <= SETTLED * max(how.floor, float(np.abs(found).max())):
            break
    return found


def _field(lattice: _Lattice, found: Floats) -> BSplineField:
    own = found[lattice.first : lattice.first + lattice.count]
    values = own.T.reshape(2, lattice.rows, lattice.columns)
    return field_of(lattice.surface, lattice.origin, lattice.step, values)
