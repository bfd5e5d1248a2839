# SPDX-License-Identifier: GPL-2.0-or-later
"""Sparse equations of B-spline fields against dense sums over all positions."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core import deps
from orthoweave.core.errors import MissingPackage
from orthoweave.core.transform.bspline import BSplineField
from orthoweave.core.transform.elastic import (
    Displacements,
    Lattice,
    Nodes,
    Scattered,
    bending,
    holding,
)

pytest.importorskip("scipy")

NODES = Nodes.over((50, 70), 11.0, (5, 9))
X, Y = 5 + np.arange(1.5, 70, 4), 9 + np.arange(1.5, 50, 4)


def functions(x, y):
    """Each node's function at positions: design[position, node]."""
    columns = []
    for node in range(NODES.count):
        table = np.zeros(NODES.count)
        table[node] = 1
        one = table.reshape(NODES.rows, NODES.columns)
        columns.append(NODES.field(np.array([one, one])).at(x, y)[0])
    return np.array(columns).T


def test_nodes_cover_the_array_evenly():
    x = np.array([5.0, 5 + 69.0])
    y = np.array([9.0, 9 + 49.0])
    assert NODES.origin[0] + NODES.step <= x[0]
    assert NODES.origin[0] + (NODES.columns - 2) * NODES.step >= x[1]
    assert NODES.origin[1] + NODES.step <= y[0]
    assert NODES.origin[1] + (NODES.rows - 2) * NODES.step >= y[1]
    ones = np.ones((2, NODES.rows, NODES.columns))
    np.testing.assert_allclose(NODES.field(ones).at(x, y)[0], 1)


def test_equations_of_a_lattice_are_sums_over_its_positions():
    rng = np.random.default_rng(1)
    products = tuple(rng.standard_normal((len(Y), len(X))) for _ in range(5))
    normal = Lattice.of(NODES, X, Y).normal(products)
    x, y = (at.ravel() for at in np.meshgrid(X, Y))
    design = functions(x, y)
    for part, product in zip(normal.energy, products):
        dense = np.einsum("pn,p,pm->nm", design, product.ravel(), design)
        np.testing.assert_allclose(part.toarray(), dense, atol=1e-12)
    for part, product in zip(normal.pull, products[3:]):
        np.testing.assert_allclose(part, design.T @ product.ravel(), atol=1e-12)


def test_equations_of_points_give_the_field_back():
    rng = np.random.default_rng(2)
    true = NODES.field(rng.standard_normal((2, NODES.rows, NODES.columns)))
    x, y = rng.uniform(5, 74, 4000), rng.uniform(9, 58, 4000)
    dx, dy = true.at(x, y)
    places = Scattered.of(NODES, x, y)
    normal = places.normal(Displacements(x, y, dx, dy, np.ones(4000), np.full(4000, 3.0)))
    none = np.zeros((2, NODES.rows, NODES.columns))
    motion = normal.solved(bending(NODES) * 1e-9, none)
    got = places.at(motion)
    # conjugate gradients stop at a relative error of 1e-3 in the norm of the energy
    assert np.abs(got[0] - dx).max() < 0.05
    assert np.abs(got[1] - dy).max() < 0.05
    assert normal.cost(motion) < normal.cost(none)


def test_planes_do_not_bend():
    row, col = np.mgrid[0 : NODES.rows, 0 : NODES.columns]
    stiff = bending(NODES)
    assert np.abs(stiff @ (3.0 + 2 * row - col).ravel()).max() < 1e-9
    assert np.abs(stiff @ (row * col).ravel().astype(float)).max() > 1


def test_motion_stops_where_stiffness_and_evidence_agree():
    rng = np.random.default_rng(3)
    gx, gy, rest = rng.standard_normal((3, len(Y), len(X)))
    normal = Lattice.of(NODES, X, Y).normal((gx * gx, gx * gy, gy * gy, gx * rest, gy * rest))
    stiff = bending(NODES) * 0.5
    none = np.zeros((2, NODES.rows, NODES.columns))
    first = normal.solved(stiff, none)
    xx, xy, yy = normal.energy
    a, b = (axis.ravel() for axis in first)
    left = normal.pull - np.array([xx @ a + xy @ b + stiff @ a, xy @ a + yy @ b + stiff @ b])
    assert np.abs(left).max() < 0.01 * np.abs(normal.pull).max()


def test_nodes_are_held_only_far_from_what_is_seen():
    nodes = Nodes.over((200, 400), 10.0)
    x, y = np.arange(2.0, 400, 4), np.arange(2.0, 200, 4)
    seen = np.zeros((len(y), len(x)), bool)
    seen[:, :40] = True
    firm = holding(nodes, x, y, seen).diagonal().reshape(nodes.rows, nodes.columns)
    assert firm[:, :17].max() == 0
    assert firm[:, -8:].min() > 0.99
    nobody = holding(nodes, x, y, np.zeros_like(seen))
    assert (nobody.diagonal() == 1).all()


def test_without_scipy_there_is_a_sentence(monkeypatch):
    def refused(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(deps.importlib, "import_module", refused)
    with pytest.raises(MissingPackage, match="MODEL local needs SciPy"):
        bending(NODES)


def test_a_field_of_nodes_has_their_places():
    field = NODES.field(np.zeros((2, NODES.rows, NODES.columns)))
    assert isinstance(field, BSplineField)
    assert field.origin == NODES.origin
    assert field.step == (11.0, 11.0)
