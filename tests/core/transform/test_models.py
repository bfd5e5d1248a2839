# SPDX-License-Identifier: GPL-2.0-or-later
"""Linear models: exact truth, signs as seen, inverse and composition, honest standard errors."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.transform.models import (
    UNKNOWNS,
    Linear,
    Reweighting,
    bisquare,
    fit,
    robust_fit,
    uncertainty,
)

TURN = math.radians(1.5)
TRUTH = {
    "translation": Linear("translation", shift=(2.37, -1.62)),
    "rigid": Linear(
        "rigid",
        ((math.cos(TURN), -math.sin(TURN)), (math.sin(TURN), math.cos(TURN))),
        (0.37, -0.62),
        (500.0, 400.0),
    ),
    "similarity": Linear(
        "similarity",
        (
            (1.005 * math.cos(TURN), -1.005 * math.sin(TURN)),
            (1.005 * math.sin(TURN), 1.005 * math.cos(TURN)),
        ),
        (5.0, 7.0),
    ),
    "affine": Linear("affine", ((1.01, 0.004), (-0.002, 0.99)), (-3.0, 4.0), (100.0, 900.0)),
}


def points(n=200, seed=0, span=1000.0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, span, n), rng.uniform(0, span, n)


@pytest.mark.parametrize("kind", TRUTH)
def test_displacements_of_a_model_give_the_model_back(kind):
    x, y = points()
    found = fit(kind, x, y, *TRUTH[kind].predict(x, y))
    ends = [model.at(x, y) for model in (found, TRUTH[kind])]
    assert np.abs(np.subtract(*ends)).max() < 1e-9  # double precision at 1000 px


@pytest.mark.parametrize("kind", TRUTH)
def test_weighted_fits_are_those_of_the_singular_value_decomposition(kind):
    x, y = points(40)
    rng = np.random.default_rng(1)
    w, noise = rng.uniform(0.1, 2, 40), rng.normal(0, 3, (2, 40))
    dx, dy = np.array(TRUTH["affine"].predict(x, y)) + noise
    found = fit(kind, x, y, dx, dy, w)
    p, q = np.array([x, y]), np.array([x + dx, y + dy])
    p, q = (v - (w * v).sum(1, keepdims=True) / w.sum() for v in (p, q))
    cross = (w * p) @ q.T
    u, s, vt = np.linalg.svd(cross)
    flip = np.diag([1, np.linalg.det(vt.T @ u.T)])
    turn = vt.T @ flip @ u.T
    expected = {
        "translation": np.eye(2),
        "rigid": turn,
        "similarity": turn * np.trace(np.diag(s) @ flip) / (w * (p**2).sum(0)).sum(),
        "affine": ((w * q) @ p.T) @ np.linalg.inv((w * p) @ p.T),
    }
    assert np.allclose(found.matrix, expected[kind], atol=1e-12)


def test_metric_coordinates_of_a_utm_zone_lose_nothing():
    x, y = points(span=6e4)
    x, y = x + 5e5, y + 5e6
    truth = replace(TRUTH["rigid"], center=(5.3e5, 5.03e6))
    found = fit("rigid", x, y, *truth.predict(x, y))
    assert found.rotation == pytest.approx(1.5, abs=1e-10)
    assert np.abs(np.subtract(found.at(x, y), truth.at(x, y))).max() < 1e-7  # of 5e6 in doubles


def test_no_turn_is_not_minus_zero():
    assert str(Linear("translation", shift=(1.0, 2.0), y_up=True).rotation) == "0.0"


def test_rotation_is_clockwise_as_seen_with_both_directions_of_y():
    assert TRUTH["rigid"].rotation == pytest.approx(1.5)
    assert replace(TRUTH["rigid"], y_up=True).rotation == pytest.approx(-1.5)
    quarter = fit("rigid", *np.array([[0.0, 1], [0, 0], [0, -1], [0, 1]]))
    assert quarter.rotation == pytest.approx(90)  # right goes down: clockwise on the screen


def test_scale_and_shear_are_told_apart():
    assert TRUTH["similarity"].scale == pytest.approx(1.005)
    assert TRUTH["similarity"].shear == pytest.approx(0, abs=1e-12)
    lean = Linear("affine", ((1.0, math.sin(0.01)), (0.0, math.cos(0.01))))
    assert lean.shear == pytest.approx(math.degrees(0.01))
    assert Linear("affine", ((1.01, 0.0), (0.0, 0.98))).scales == (1.01, 0.98)


@pytest.mark.parametrize("kind", TRUTH)
def test_the_inverse_leads_back(kind):
    x, y = points()
    there = TRUTH[kind].at(x, y)
    assert np.allclose(TRUTH[kind].inverse().at(*there), (x, y), atol=1e-9)
    assert TRUTH[kind].inverse().kind == kind


@pytest.mark.parametrize("first", TRUTH)
@pytest.mark.parametrize("second", TRUTH)
def test_composed_models_do_one_after_the_other(first, second):
    x, y = points()
    both = TRUTH[second].after(TRUTH[first])
    assert np.allclose(both.at(x, y), TRUTH[second].at(*TRUTH[first].at(x, y)), atol=1e-9)
    assert UNKNOWNS[both.kind] == max(UNKNOWNS[first], UNKNOWNS[second])


def test_another_center_changes_no_position():
    x, y = points()
    moved = TRUTH["affine"].centered(0.0, 0.0)
    assert moved.center == (0, 0)
    assert np.allclose(moved.at(x, y), TRUTH["affine"].at(x, y), atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "x", "y"),
    [
        ("translation", [], []),
        ("rigid", [1.0], [1.0]),
        ("similarity", [2.0, 2.0], [3.0, 3.0]),
        ("affine", [1.0, 2.0], [1.0, 3.0]),
        ("affine", [0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 4.0, 6.0]),
    ],
)
def test_too_few_points_are_refused_with_a_sentence(kind, x, y):
    zero = np.zeros(len(x))
    with pytest.raises(NoSolution, match=r"do(es)? not fix"):
        fit(kind, np.array(x), np.array(y), zero, zero)


def test_points_without_weight_do_not_count():
    x, y = points(10)
    with pytest.raises(NoSolution):
        fit("affine", x, y, x * 0, y * 0, np.arange(10) < 2.0)


def test_a_flat_model_has_no_inverse():
    with pytest.raises(NoSolution, match="no inverse"):
        Linear("affine", ((1.0, 1.0), (1.0, 1.0))).inverse()


@pytest.mark.parametrize("kind", ["translation", "rigid", "similarity", "affine"])
def test_wrong_points_do_not_pull_a_robust_model(kind):
    x, y = points(400)
    rng = np.random.default_rng(2)
    d = np.array(TRUTH[kind].predict(x, y)) + rng.normal(0, 0.02, (2, 400))
    d[:, :80] += rng.uniform(3, 20, (2, 80))
    found = robust_fit(kind, x, y, *d)
    rest = np.subtract(found.model.at(x, y), TRUTH[kind].at(x, y))
    assert np.abs(rest).max() < 0.015  # noise / sqrt(points per unknown), three times
    assert (found.weights[:80] == 0).all()
    # 1.4826 median / 1.177 is 1.26 times the true deviation, by the definition of the page
    assert found.deviation == pytest.approx(0.02 * 1.4826, rel=0.35)


def test_exact_displacements_and_prior_weights_are_no_trouble():
    x, y = points(30)
    prior = (np.arange(30) < 20).astype(float)
    d = np.array(TRUTH["similarity"].predict(x, y))
    d[:, 20:] += 50
    found = robust_fit("similarity", x, y, *d, Reweighting(prior, floor=0.02))
    assert np.allclose(found.model.at(x, y), TRUTH["similarity"].at(x, y), atol=1e-9)
    assert found.deviation == 0.02
    assert (found.weights[20:] == 0).all()


def test_bisquare_weights_fall_from_one_to_nothing():
    assert bisquare(np.array([0.0, 0.5, 1.0, 9.0])).tolist() == [1.0, 0.5625, 0.0, 0.0]


@pytest.mark.parametrize("kind", ["similarity", "affine"])
def test_standard_errors_are_the_scatter_of_repeated_fits(kind):
    x, y = points(300)
    rng = np.random.default_rng(3)
    base = np.array(TRUTH[kind].predict(x, y))
    found, told = [], []
    for _ in range(150):
        d = base + rng.normal(0, 0.1, (2, 300))
        robust = robust_fit(kind, x, y, *d)
        # the center follows the weights: the shift is compared at one place
        model = robust.model.centered(x.mean(), y.mean())
        found.append((*model.shift, model.rotation, model.scale, model.shear))
        error = uncertainty(robust, x, y, *d)
        told.append((error.shift_x, error.shift_y, error.rotation, error.scale, error.shear))
    scatter, mean = np.std(found, 0), np.mean(told, 0)
    known = scatter > 1e-9
    assert known.sum() == (5 if kind == "affine" else 4)
    # 150 repeats know a deviation to 6 %
    assert np.abs(mean[known] / scatter[known] - 1).max() < 0.2


def test_points_that_err_together_make_the_error_larger():
    x, y = points(2000, seed=5)
    rng = np.random.default_rng(4)
    blocks = (y // 125).astype(int) * 8 + (x // 125).astype(int)
    d = rng.normal(0, 0.1, (2, 64))[:, blocks]
    robust = robust_fit("similarity", x, y, *d)
    apart, together = (uncertainty(robust, x, y, *d, owner) for owner in (None, blocks))
    assert together.rotation > 3 * apart.rotation  # sqrt(2000 / 64) = 5.6 at most


def test_errors_of_too_few_points_are_not_known():
    x, y = points(2)
    robust = robust_fit("similarity", x, y, x * 0, y * 0)
    assert math.isnan(uncertainty(robust, x, y, x * 0, y * 0).rotation)


def test_one_block_is_taken_as_single_points():
    x, y = points(100)
    d = np.random.default_rng(6).normal(0, 0.1, (2, 100))
    robust = robust_fit("affine", x, y, *d)
    errors = [uncertainty(robust, x, y, *d, owner) for owner in (None, np.zeros(100, int))]
    assert errors[0] == errors[1]


def test_points_without_weight_leave_the_error_unknown():
    x, y = points(20)
    robust = robust_fit("rigid", x, y, x * 0, y * 0)
    nothing = replace(robust, prior=np.zeros(20), weights=np.zeros(20))
    assert math.isnan(uncertainty(nothing, x, y, x * 0, y * 0).rotation)


def test_without_residuals_nothing_is_uncertain():
    x, y = points(50)
    robust = robust_fit("translation", x, y, x * 0 + 1, y * 0)
    error = uncertainty(robust, x, y, x * 0 + 1, y * 0)
    assert (error.shift_x, error.rotation, error.scale) == (0, 0, 0)
