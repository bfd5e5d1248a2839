# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.transform.bspline import BSplineField, fitted_nodes

STEP = (30.0, -20.0)


def field(rows=9, columns=11, seed=1, size=2.0):
    rng = np.random.default_rng(seed)
    return BSplineField((100.0, 50.0), STEP, *rng.normal(0, size, (2, rows, columns)))


def places(count=200, seed=3):
    rng = np.random.default_rng(seed)
    return rng.uniform(30, 480, count), rng.uniform(-180, 120, count)


def b3(t):
    """The cubic B-spline by its definition."""
    t = np.abs(t)
    return np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.where(t < 2, (2 - t) ** 3 / 6, 0.0))


def test_values_are_the_sum_of_the_specification():
    found, (u, v) = field(), places()
    want = np.zeros((2, len(u)))
    for row in range(found.rows):
        for col in range(found.columns):
            weight = b3((u - 100) / 30 - col) * b3((v - 50) / -20 - row)
            want += weight * np.array([found.dx[row, col], found.dy[row, col]])[:, None]
    np.testing.assert_allclose(found.at(u, v), want, atol=1e-12)


def test_slopes_are_those_of_the_values():
    found, (u, v), e = field(), places(), 1e-4
    du, dv, *slopes = found.with_slopes(u, v)
    np.testing.assert_array_equal((du, dv), found.at(u, v))
    along = (np.array(found.at(u + e, v)) - found.at(u - e, v)) / (2 * e)
    down = (np.array(found.at(u, v + e)) - found.at(u, v - e)) / (2 * e)
    want = [along[0], down[0], along[1], down[1]]
    np.testing.assert_allclose(slopes, want, atol=1e-8)


def test_lattices_give_the_bits_of_single_positions():
    found, (u, v) = field(), places(40)
    lattice = np.array(found.at(u[None], v[:, None]))
    np.testing.assert_array_equal(lattice, found.at(*np.meshgrid(u, v)))
    np.testing.assert_array_equal(lattice[:, 3:4, 7:8], found.at(u[None, 7:8], v[3:4, None]))


def test_nodes_that_are_fitted_take_their_values():
    values = np.random.default_rng(5).normal(0, 3, (2, 7, 6))
    found = fitted_nodes((0.0, 0.0), STEP, *values)
    u, v = np.arange(6) * 30.0, np.arange(7) * -20.0
    np.testing.assert_allclose(found.at(u[None], v[:, None]), values, atol=1e-12)


def test_beyond_its_nodes_the_field_fades_to_nothing():
    found = field()
    assert np.all(np.array(found.at(np.array([100 - 60.1, 1e9, -1e9]), np.full(3, 0.0))) == 0)
    u = np.linspace(40, 100, 50)
    size = np.abs(np.array(found.at(u, np.full(50, 0.0)))).max(0)
    assert size[0] == 0 and np.all(size[:10] < 0.1)


def test_the_bend_bounds_the_error_of_bilinear_interpolation():
    found = field(seed=8)
    worst = 0.0
    for u, v in zip(*places(200, 9)):
        ends = [
            np.array(found.at(np.array(u + i), np.array(v + j))) for i in (0, 6) for j in (0, 6)
        ]
        middle = np.array(found.at(np.array(u + 3), np.array(v + 3)))
        worst = max(worst, np.abs(sum(ends) / 4 - middle).max())
    assert 0 < worst <= found.bend * 36 / 8


def test_strength_multiplies_the_displacements():
    u, v = places()
    np.testing.assert_allclose(field().scaled(-0.5).at(u, v), -0.5 * np.array(field().at(u, v)))


@pytest.mark.parametrize("dx", [np.zeros((2, 3)), np.zeros(4), np.zeros((0, 0))])
def test_tables_that_make_no_field_are_refused(dx):
    with pytest.raises(NoSolution, match="two tables"):
        BSplineField((0.0, 0.0), STEP, dx, np.zeros((3, 2)))
