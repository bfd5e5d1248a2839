# SPDX-License-Identifier: GPL-2.0-or-later
"""Fit a smooth field of cubic B-splines: sparse normal equations of what is seen, and stiffness."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..deps import require
from .bspline import BSplineField, weights

Floats = NDArray[np.float64]
Sparse = Any
"""A matrix of scipy.sparse."""

PURPOSE = "MODEL local"

OUTSIDE = 2.0
"""Steps beyond what is seen that nodes may lie without being held."""

REACH = 3
"""Nodes that two basis functions may be apart and still overlap."""

OFFSETS = range(-REACH, REACH + 1)

TINY = 1e-9
"""Least scale of an unknown, relative to the mean one."""

SOLVED, STEPS = 1e-3, 500
"""Relative error at which equations count as solved, and most steps to get there."""


@dataclass(frozen=True)
class Nodes:
    """A lattice of nodes: position of the first, distance, px; rows and columns."""

    origin: tuple[float, float]
    step: float
    rows: int
    columns: int

    @classmethod
    def over(cls, shape: tuple[int, ...], step: float, first: tuple[int, int] = (0, 0)) -> Nodes:
        """Return nodes whose functions cover an array [row, col] that begins at `first`."""
        rows, columns = (max(1, math.ceil((size - 1) / step)) + REACH for size in shape)
        spare = [
            (count - REACH) * step - size + 1 for count, size in zip((columns, rows), shape[::-1])
        ]
        origin = tuple(at - extra / 2 - step for at, extra in zip(first, spare))
        return cls((origin[0], origin[1]), step, rows, columns)

    @property
    def count(self) -> int:
        """Number of nodes."""
        return self.rows * self.columns

    def field(self, coefficients: Floats) -> BSplineField:
        """Return the field of coefficients[axis, row, col]."""
        return BSplineField(self.origin, (self.step, self.step), *coefficients)

    def across(self, x: Floats) -> Sparse:
        """Return the weights[position, column] of the functions at columns x."""
        return _basis((x - self.origin[0]) / self.step, self.columns)

    def down(self, y: Floats) -> Sparse:
        """Return the weights[position, row] of the functions at rows y."""
        return _basis((y - self.origin[1]) / self.step, self.rows)


def _basis(position: Floats, count: int) -> Sparse:
    sparse = require("scipy.sparse", PURPOSE)
    first = np.floor(position)
    values = weights(position - first)[0]
    node = first.astype(np.int64) - 1 + np.arange(4)[:, None]
    place = np.broadcast_to(np.arange(len(position)), node.shape)
    kept = (node >= 0) & (node < count)
    shape = (len(position), count)
    return sparse.csr_matrix((values[kept], (place[kept], node[kept])), shape=shape)


class Displacements(NamedTuple):
    """Displacements (dx, dy) at positions, with a weight for each axis: 1 / variance, px."""

    x: Floats
    y: Floats
    dx: Floats
    dy: Floats
    weight_x: Floats
    weight_y: Floats

    def weighted(self, share: Floats) -> Displacements:
        """Return the same with a share of each weight."""
        return self._replace(weight_x=self.weight_x * share, weight_y=self.weight_y * share)


@dataclass(frozen=True)
class Normal:
    """Normal equations of a motion: energy[node, node] for x x, x y, y y; pull[axis, node]."""

    energy: tuple[Sparse, Sparse, Sparse]
    pull: Floats

    def __add__(self, other: Normal) -> Normal:
        """Return both pieces of evidence together."""
        xx, xy, yy = (a + b for a, b in zip(self.energy, other.energy))
        return Normal((xx, xy, yy), self.pull + other.pull)

    def cost(self, motion: Floats) -> float:
        """Return what a motion [axis, row, col] adds to the squared rest."""
        x, y = (axis.ravel() for axis in motion)
        xx, xy, yy = self.energy
        energy = x @ (xx @ x) + 2 * (x @ (xy @ y)) + y @ (yy @ y)
        return float(energy - 2 * (self.pull[0] @ x + self.pull[1] @ y))

    def solved(self, stiffness: Sparse, now: Floats) -> Floats:
        """Return the motion [axis, row, col] of coefficients that are `now`, against stiffness."""
        right = self.pull - np.array([stiffness @ axis.ravel() for axis in now])
        return _descended(self, stiffness, right).reshape(now.shape)


def _descended(normal: Normal, stiffness: Sparse, right: Floats) -> Floats:
    """Solve by conjugate gradients, scaled by the diagonal (Hestenes and Stiefel 1952)."""
    xx, xy, yy = normal.energy[0] + stiffness, normal.energy[1], normal.energy[2] + stiffness
    diagonal = np.array([xx.diagonal(), yy.diagonal()])
    diagonal += max(TINY * float(diagonal.mean()), np.finfo(float).tiny)
    found, rest = np.zeros_like(right), right.copy()
    scaled = rest / diagonal
    ahead, size = scaled.copy(), float((rest * scaled).sum())
    enough = SOLVED**2 * size
    for _ in range(STEPS):
        if size <= enough:
            break
        bent = np.array([xx @ ahead[0] + xy @ ahead[1], xy @ ahead[0] + yy @ ahead[1]])
        length = size / float((ahead * bent).sum())
        found += length * ahead
        rest -= length * bent
        scaled = rest / diagonal
        size, before = float((rest * scaled).sum()), size
        ahead = scaled + (size / before) * ahead
    return found


@dataclass(frozen=True)
class Lattice:
    """Positions in columns x and rows y, and the functions of nodes there, paired with neighbors.

    `pairs_x, pairs_y`: [node, position] of each function times the one REACH before to REACH after.
    """

    nodes: Nodes
    x: Floats
    y: Floats
    pairs_x: tuple[Sparse, ...]
    pairs_y: tuple[Sparse, ...]
    across: Sparse
    down: Sparse

    @classmethod
    def of(cls, nodes: Nodes, x: Floats, y: Floats) -> Lattice:
        """Prepare for positions."""
        across, down = nodes.across(x), nodes.down(y)
        pairs = [tuple(_paired(basis, step) for step in OFFSETS) for basis in (across, down)]
        return cls(nodes, x, y, pairs[0], pairs[1], across.T.tocsr(), down.T.tocsr())

    def normal(self, products: tuple[Floats, ...]) -> Normal:
        """Return the normal equations of products[row, col].

        Products: weighted squares xx, xy, yy of the slopes, and xt, yt of slope and rest.
        """
        pull = [(self.across @ (self.down @ part).T).T.ravel() for part in products[3:]]
        xx, xy, yy = self._energy(products[:3])
        return Normal((xx, xy, yy), np.array(pull))

    def _energy(self, products: tuple[Floats, ...]) -> list[Sparse]:
        """Sum products over positions for all pairs of functions, a pair of offsets at a time."""
        sparse = require("scipy.sparse", PURPOSE)
        shape = (self.nodes.rows, self.nodes.columns)
        index = np.arange(self.nodes.count).reshape(shape)
        first: list[Any] = []
        second: list[Any] = []
        values: list[list[Any]] = [[] for _ in products]
        for row, pairs_y in zip(OFFSETS, self.pairs_y):
            lines = [np.ascontiguousarray((pairs_y @ part).T) for part in products]
            for col, pairs_x in zip(OFFSETS, self.pairs_x):
                block = _block(shape, row, col)
                first.append(index[block].ravel())
                second.append(first[-1] + (row * shape[1] + col))
                for found, line in zip(values, lines):
                    found.append((pairs_x @ line).T[block].ravel())
        at = np.concatenate(first), np.concatenate(second)
        size = (self.nodes.count, self.nodes.count)
        return [sparse.csr_matrix((np.concatenate(one), at), shape=size) for one in values]


def _paired(basis: Sparse, offset: int) -> Sparse:
    """Return [node, position]: each function times the one `offset` nodes on."""
    sparse = require("scipy.sparse", PURPOSE)
    shift = sparse.eye(basis.shape[1], k=-offset, format="csr")
    return basis.multiply(basis @ shift).T.tocsr()


@dataclass(frozen=True)
class Scattered:
    """Positions where displacements are measured in windows: design [position, node]."""

    nodes: Nodes
    design: Sparse

    @classmethod
    def of(cls, nodes: Nodes, x: Floats, y: Floats, spread: float = 0.0) -> Scattered:
        """Prepare for positions of windows whose taper has a sigma of `spread` px."""
        sparse = require("scipy.sparse", PURPOSE)
        across, down = _seen(nodes.across, x, spread), _seen(nodes.down, y, spread).tocsc()
        lines = [across.multiply(down[:, row]) for row in range(nodes.rows)]
        return cls(nodes, sparse.hstack(lines, format="csr"))

    def at(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Return the displacements that the windows see."""
        dx, dy = (self.design @ axis.ravel() for axis in coefficients)
        return dx, dy

    def normal(self, seen: Displacements) -> Normal:
        """Return the normal equations of displacements measured there."""
        sparse = require("scipy.sparse", PURPOSE)
        weights = (seen.weight_x, seen.weight_y)
        xx, yy = (self.design.T @ sparse.diags(one) @ self.design for one in weights)
        pull = [self.design.T @ (one * d) for one, d in zip(weights, (seen.dx, seen.dy))]
        return Normal((xx, xx * 0.0, yy), np.array(pull))


def _seen(basis: Callable[[Floats], Sparse], at: Floats, spread: float) -> Sparse:
    """Return the mean of the functions under a window: exact for polynomials of degree five."""
    if not spread > 0:
        return basis(at)
    side = math.sqrt(3) * spread
    return (basis(at) * 4 + basis(at - side) + basis(at + side)) / 6


def _block(shape: tuple[int, ...], row: int, col: int) -> tuple[slice, slice]:
    """Return the nodes that have another one `row, col` on."""
    rows, cols = (
        slice(max(0, -step), size - max(0, step)) for size, step in zip(shape, (row, col))
    )
    return rows, cols


def holding(nodes: Nodes, x: Floats, y: Floats, supported: NDArray[np.bool_]) -> Sparse:
    """Return how firmly nodes are held at 0: from 0 near supported[row, col] to 1 far from it.

    `x, y`: columns and rows of `supported`, evenly apart.
    """
    sparse = require("scipy.sparse", PURPOSE)
    if not supported.any():
        return sparse.identity(nodes.count, format="csr")
    ndimage = require("scipy.ndimage", PURPOSE)
    cells = ndimage.distance_transform_edt(~supported)
    side = x[1] - x[0] if len(x) > 1 else 1.0
    node_x = nodes.origin[0] + nodes.step * np.arange(nodes.columns)
    node_y = nodes.origin[1] + nodes.step * np.arange(nodes.rows)
    col, beyond_x = _nearest(node_x, x, side)
    row, beyond_y = _nearest(node_y, y, side)
    distance = np.hypot(side * cells[np.ix_(row, col)], np.hypot(beyond_y[:, None], beyond_x))
    # nodes beyond the border still shape the field inside it
    distance = np.maximum(0.0, distance - nodes.step * OUTSIDE)
    firm = 1 - np.exp(-((distance / (2 * nodes.step)) ** 2))
    return sparse.diags(firm.ravel(), format="csr")


def _nearest(at: Floats, centers: Floats, side: float) -> tuple[NDArray[np.int64], Floats]:
    """Return the index of the nearest center, and how far beyond the last ones positions are."""
    index = np.rint((at - centers[0]) / side).astype(np.int64)
    kept = np.clip(index, 0, len(centers) - 1)
    return kept, np.abs(index - kept) * side


def bending(nodes: Nodes) -> Sparse:
    """Return the squared second differences of coefficients: 0 for planes."""
    sparse = require("scipy.sparse", PURPOSE)
    one_x, two_x = (_squared_differences(nodes.columns, order) for order in (1, 2))
    one_y, two_y = (_squared_differences(nodes.rows, order) for order in (1, 2))
    along = sparse.kron(sparse.identity(nodes.rows), two_x)
    along += sparse.kron(two_y, sparse.identity(nodes.columns))
    return (along + 2 * sparse.kron(one_y, one_x)).tocsr()


def _squared_differences(count: int, order: int) -> Sparse:
    sparse = require("scipy.sparse", PURPOSE)
    matrix = sparse.identity(count, format="csr")
    for _ in range(order):
        matrix = matrix[1:] - matrix[:-1]
    return matrix.T @ matrix
