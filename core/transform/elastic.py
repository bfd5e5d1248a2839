# SPDX-License-Identifier: GPL-2.0-or-later
"""Fit a smooth field of cubic B-splines: sparse normal equations of what is seen, and stiffness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

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

TINY = 1e-9
"""Added to the diagonal, relative to its mean: nodes that nothing fixes stay where they are."""


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
        sparse = require("scipy.sparse", PURPOSE)
        linalg = require("scipy.sparse.linalg", PURPOSE)
        xx, xy, yy = self.energy
        matrix = sparse.bmat([[xx + stiffness, xy], [xy, yy + stiffness]], format="csc")
        diagonal = matrix.diagonal()
        matrix = matrix + sparse.identity(len(diagonal), format="csc") * (TINY * diagonal.mean())
        right = self.pull - np.array([stiffness @ axis.ravel() for axis in now])
        found = linalg.spsolve(matrix, right.ravel(), permc_spec="MMD_AT_PLUS_A")
        return np.asarray(found.reshape(now.shape))


def holding(nodes: Nodes, x: Floats, y: Floats, supported: NDArray[np.bool_]) -> Sparse:
    """Return how firmly nodes are held at 0: from 0 where supported[row, col] to 1 far from it.

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


def normal_of_lattice(nodes: Nodes, x: Floats, y: Floats, products: tuple[Floats, ...]) -> Normal:
    """Return the normal equations of products[row, col] at columns x and rows y.

    Products: weighted squares xx, xy, yy of the derivatives, and xt, yt of derivative and rest.
    """
    across, down = nodes.across(x), nodes.down(y)
    pull = [(across.T @ (down.T @ part).T).T.ravel() for part in products[3:]]
    xx, xy, yy = _gram(nodes, across, down, products[:3])
    return Normal((xx, xy, yy), np.array(pull))


def _gram(nodes: Nodes, across: Sparse, down: Sparse, products: tuple[Floats, ...]) -> list[Sparse]:
    """Sum products over positions for all pairs of functions, one pair of offsets at a time."""
    sparse = require("scipy.sparse", PURPOSE)
    offsets = range(-REACH, REACH + 1)
    pairs_x = [_paired(across, offset) for offset in offsets]
    index = np.arange(nodes.count).reshape(nodes.rows, nodes.columns)
    first: list[Any] = []
    second: list[Any] = []
    values: list[list[Any]] = [[] for _ in products]
    for row in offsets:
        pairs_y = _paired(down, row)
        lines = [pairs_y @ part for part in products]
        for col, pair in zip(offsets, pairs_x):
            here, there = _overlapping(index, row, col)
            first.append(here.ravel())
            second.append(there.ravel())
            block = _block(index.shape, row, col)
            for found, line in zip(values, lines):
                found.append((pair @ line.T).T[block].ravel())
    at = np.concatenate(first), np.concatenate(second)
    shape = (nodes.count, nodes.count)
    return [sparse.csr_matrix((np.concatenate(one), at), shape=shape) for one in values]


def _paired(basis: Sparse, offset: int) -> Sparse:
    """Return [node, position]: each function times the one `offset` nodes on."""
    sparse = require("scipy.sparse", PURPOSE)
    shift = sparse.eye(basis.shape[1], k=-offset, format="csr")
    return basis.multiply(basis @ shift).T.tocsr()


def _block(shape: tuple[int, ...], row: int, col: int) -> tuple[slice, slice]:
    """Return the nodes that have another one `row, col` on."""
    rows, cols = (
        slice(max(0, -step), size - max(0, step)) for size, step in zip(shape, (row, col))
    )
    return rows, cols


def _overlapping(index: NDArray[np.int64], row: int, col: int) -> tuple[Any, Any]:
    rows, cols = _block(index.shape, row, col)
    there = index[
        max(0, row) : index.shape[0] + min(0, row), max(0, col) : index.shape[1] + min(0, col)
    ]
    return index[rows, cols], there


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
