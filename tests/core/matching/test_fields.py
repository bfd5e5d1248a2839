# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.bases import field_of, taps
from orthoweave.core.matching.fields import Bent, Smoothing, fit_fields
from orthoweave.core.matching.network import Adjusting, Nodes, Ties, held_out, residuals
from orthoweave.core.requests.shared.sets import SURFACES
from orthoweave.core.transform.models import Linear

pytest.importorskip("scipy")

BOXES = np.array([(0.0, 0.0), (600.0, 0.0)])
HOW = Adjusting(floor=0.02)
STILL = [Linear("translation", y_up=True)] * 2


def bend(u, v):
    """A smooth displacement of up to 2 px over some hundred px."""
    return np.stack((2 * np.sin(u / 150), 2 * np.cos(v / 130)), 1)


def pair(count=500, noise=0.0, bent=True):
    """Two images of 1000 px; only the second is bent."""
    rng = np.random.default_rng(0)
    ground = rng.uniform((600, 0), (1000, 1000), (count, 2))
    q = ground + (bend(*ground.T) if bent else 0) + rng.normal(0, noise, ground.shape)
    weight = np.full(count, 1 / max(noise, 0.05) ** 2)
    return Ties(0, 1, ground, q, weight, held_out(count), 1.0)


def nodes(*resistance):
    ends = np.array([(0, 0), (1000, 0), (0, 1000), (1000, 1000)], float)
    return Nodes(BOXES[:, None] + ends, np.full(2, 20.0), np.array(resistance, float))


def fitted(ties, resistance=(1, 1), how=None, **options):
    how = how or Smoothing(np.ones(2), **options)
    fields = fit_fields(nodes(*resistance), [ties], STILL, how, HOW)
    return [Bent(model, field) for model, field in zip(STILL, fields)]


def rest(ties, models):
    return float(np.sqrt(np.mean(residuals(ties.checked(), models) ** 2)))


def test_fields_take_what_transforms_leave():
    ties = pair(noise=0.05)
    assert rest(ties, STILL) > 1.3
    # held-out points have noise of their own, and at the rim of the overlap the field fades
    how = {"smoothness": 0.01, "bending": 0.01, "falloff": 300.0}
    assert rest(ties, fitted(ties, **how)) < 0.1


@pytest.mark.parametrize("surface", SURFACES)
def test_surfaces_of_all_kinds_take_what_transforms_leave(surface):
    ties = pair(noise=0.05)
    # cells of 60 px cut the corners of a wave whose radius is 100 px by .05 px
    how = {"smoothness": 0.001, "bending": 0.001, "falloff": 300.0, "surface": surface}
    assert rest(ties, fitted(ties, **how)) < 0.15


@pytest.mark.parametrize("surface", SURFACES)
def test_a_saved_surface_is_the_one_that_was_fitted(surface):
    values = np.random.default_rng(2).normal(0, 1, (2, 12, 14))
    field = field_of(surface, (100.0, 200.0), 50.0, values)
    # in the middle of cells and triangles; at their edges a spline rounds
    at = np.random.default_rng(3).integers(2, 9, (200, 2)) + np.array([0.25, 0.375])
    found = taps(surface, at)
    wanted = (values[:, found.row, found.column] * found.weight).sum(2)
    du, dv = field.at(*(at * 50 + np.array([100.0, 200.0])).T)
    tolerance = 1e-9 if surface == "smooth" else 0.12
    assert np.abs(np.array([du, dv]) - wanted).max() < tolerance


def test_both_images_bend_half_unless_one_is_fixed():
    ties = pair()
    both, alone = fitted(ties), fitted(ties, (np.inf, 1))
    at = (np.array([800.0]), np.array([500.0]))
    halves = [np.array(model.predict(*at)).ravel() for model in both]
    assert halves[0] == pytest.approx(-halves[1], abs=0.05)
    assert alone[0].field is None
    moved = np.array(alone[1].predict(*at)).ravel()
    assert moved == pytest.approx(halves[1] - halves[0], abs=0.3)


def test_a_perfect_set_is_not_bent():
    for model in fitted(pair(bent=False)):
        assert np.abs(model.field.dx).max() < 1e-12 and np.abs(model.field.dy).max() < 1e-12


def test_fields_fade_away_from_tie_points():
    models = fitted(pair())
    far = np.array(models[0].predict(np.array([150.0]), np.array([500.0])))
    assert np.abs(far).max() < 0.02
    longer = fitted(pair(), falloff=600.0)
    spread = np.array(longer[0].predict(np.array([400.0]), np.array([500.0])))
    assert (
        np.abs(spread).max()
        > 4 * np.abs(np.array(models[0].predict(np.array([400.0]), np.array([500.0])))).max()
    )


def test_more_stiffness_bends_less():
    ties = pair()
    left = [rest(ties, fitted(ties, smoothness=s, bending=s)) for s in (0.01, 1.0, 100.0)]
    assert left == sorted(left) and left[2] > 3 * left[0]


def test_one_gross_error_makes_no_dent():
    clean, dirty = pair(), pair()
    dirty.q[0] += 50
    at = dirty.p[:1].T
    ends = [np.array(fitted(ties)[1].predict(*at)) for ties in (clean, dirty)]
    assert ends[1] == pytest.approx(ends[0], abs=0.05)


def test_images_without_tie_points_have_no_field():
    fields = fit_fields(nodes(1, 1), [], STILL, Smoothing(np.ones(2)), HOW)
    assert fields == (None, None)
