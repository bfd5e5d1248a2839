# SPDX-License-Identifier: GPL-2.0-or-later
"""Local fields from key points."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.matching.local import Elastic
from orthoweave.core.matching.localpoints import solve_points
from orthoweave.core.transform.elastic import Displacements
from orthoweave.core.transform.models import Linear

pytest.importorskip("scipy")

AREA = (900, 1200)
NOISE = 0.04
STILL = Linear("affine")


def warp(x, y):
    return 1.5 * np.sin(x / 130) * np.cos(y / 150), 1.2 * np.cos(x / 160 + 0.5) * np.sin(y / 120)


def points(displacement=warp, noise=NOISE, spacing=40, wrong=0.0, seed=4):
    rng = np.random.default_rng(seed)
    y, x = (
        at.ravel() for at in np.mgrid[20.0 : AREA[0] - 10 : spacing, 20.0 : AREA[1] - 10 : spacing]
    )
    dx, dy = displacement(x, y)
    dx, dy = (one + noise * rng.standard_normal(x.size) for one in (dx, dy))
    bad = rng.random(x.size) < wrong
    dx = np.where(bad, dx + rng.uniform(-5, 5, x.size), dx)
    weight = np.full(x.size, 1 / max(noise, 0.01) ** 2)
    return Displacements(x, y, dx, dy, weight, weight)


def rms(found, displacement=warp, linear=STILL):
    x, y = np.arange(0.0, AREA[1], 9)[None], np.arange(0.0, AREA[0], 9)[:, None]
    ends = zip(found.predict(x, y), displacement(x, y), linear.predict(x, y))
    return float(np.sqrt(np.mean(sum((got - true - part) ** 2 for got, true, part in ends))))


def test_a_field_of_points_is_better_than_the_points():
    assert rms(solve_points(points(), STILL, AREA)) < NOISE


def test_wrong_points_have_no_say():
    assert rms(solve_points(points(wrong=0.15), STILL, AREA)) < 1.2 * NOISE


def test_displacements_are_whole_and_the_field_is_what_the_model_leaves():
    drift = Linear("affine", ((1.001, 0.002), (-0.001, 1.0)), (7.0, -3.0), (600.0, 450.0))
    seen = points()
    px, py = drift.predict(seen.x, seen.y)
    found = solve_points(seen._replace(dx=seen.dx + px, dy=seen.dy + py), drift, AREA)
    assert found.linear == drift
    assert rms(found, linear=drift) < NOISE


def test_without_a_warp_there_is_next_to_no_field():
    def none(x, y):
        return 0 * (x + y), 0 * (x + y)

    assert rms(solve_points(points(none), STILL, AREA), none) < NOISE / 3


def test_a_window_that_flattens_is_made_up_for():
    def short(x, y):
        return np.sin(2 * np.pi * x / 90) + 0 * y, 0 * (x + y)

    def seen_through(x, y):
        """The mean under a taper of sigma 12 px."""
        dx, dy = short(x, y)
        return dx * np.exp(-((2 * np.pi / 90 * 12) ** 2) / 2), dy

    seen = points(seen_through, noise=0.001, spacing=16)
    plain, sharp = (
        rms(solve_points(seen, STILL, AREA, Elastic(20), window=side), short)
        for side in (0, 12 / 0.18)
    )
    assert sharp < plain / 3


def test_far_from_points_the_field_fades():
    def drift(x, y):
        return 1.0 + 0 * (x + y), 0 * (x + y)

    seen = points(drift)
    near = seen._replace(
        weight_x=seen.weight_x * (seen.x < 300), weight_y=seen.weight_y * (seen.x < 300)
    )
    found = solve_points(near, STILL, AREA)
    x = np.array([150.0, 1180.0])
    dx, _ = found.predict(x, np.full(2, 450.0))
    assert abs(dx[0] - 1) < 0.03
    assert abs(dx[1]) < 0.1


def test_no_points_are_a_sentence():
    none = Displacements(*[np.empty(0)] * 6)
    with pytest.raises(NoSolution, match="no key points"):
        solve_points(none, STILL, AREA)
