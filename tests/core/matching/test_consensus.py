# SPDX-License-Identifier: GPL-2.0-or-later
"""Consensus: truth among outliers, support, chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.matching.consensus import Points, Search, cell_of, consensus, simpler
from orthoweave.core.transform.models import Linear

BOX = (0.0, 0.0, 800.0, 600.0)
SEARCH = Search(BOX, radius=6.0, apart=64.0)


def turned(kind, angle=0.0, scale=1.0, shift=(1.5, -0.7), shear=0.0):
    cos, sin = scale * math.cos(math.radians(angle)), scale * math.sin(math.radians(angle))
    return Linear(kind, ((cos, -sin + shear), (sin, cos)), shift, (400.0, 300.0))


TRUTHS = [
    turned("translation"),
    turned("rigid", 0.4),
    turned("similarity", -0.3, 1.004),
    turned("affine", 0.2, 0.998, shear=0.003),
]


def points_of(model, count=200, wrong=0.0, noise=0.03, seed=0, box=BOX):
    """Points of a model, a share of them anywhere within the search radius."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(box[0], box[2], count), rng.uniform(box[1], box[3], count)
    dx, dy = (part + rng.normal(0, noise, count) for part in model.predict(x, y))
    bad = rng.random(count) < wrong
    dx[bad], dy[bad] = rng.uniform(-6.5, 6.5, (2, int(bad.sum())))
    return Points(x, y, dx, dy, np.ones(count)), bad


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda one: one.kind)
def test_the_model_is_found_among_half_outliers(truth):
    points, bad = points_of(truth, wrong=0.5)
    found = consensus(truth.kind, points, SEARCH)
    assert found.kind == truth.kind and not found.lowered
    x, y = np.meshgrid([0.0, 800.0], [0.0, 600.0])
    error = np.hypot(*(a - b for a, b in zip(found.model.predict(x, y), truth.predict(x, y))))
    assert error.max() < 0.05  # 100 points of 0.03 px, at the corners
    assert (found.inliers & bad).sum() <= 3 and (found.inliers & ~bad).mean() > 0.4
    # the robust deviation of lengths lies above that of an axis
    assert 0.02 <= found.scale < 0.06 and found.chance < 1e-6


def test_one_gross_error_changes_next_to_nothing():
    points, _ = points_of(TRUTHS[1])
    wrong = Points(
        *(
            np.append(part, new)
            for part, new in zip(
                (points.x, points.y, points.dx, points.dy, points.weight),
                (10.0, 10.0, 50.0, 0.0, 1.0),
            )
        )
    )
    ends = [consensus("rigid", one, SEARCH).model for one in (points, wrong)]
    apart = np.hypot(*(a - b for a, b in zip(*(end.predict(points.x, points.y) for end in ends))))
    assert apart.max() < 0.01


def test_points_without_weight_do_not_count():
    points, _ = points_of(TRUTHS[0], count=40)
    points.weight[:20] = 0
    points.dx[:20] = 5
    found = consensus("translation", points, SEARCH)
    assert not found.inliers[:20].any() and found.inliers[20:].all()
    assert found.model.shift[0] == pytest.approx(1.5, abs=0.03)


def test_too_little_support_lowers_the_model():
    points, _ = points_of(TRUTHS[0], count=8)
    found = consensus("affine", points, SEARCH)
    assert found.kind == "rigid" and "8 windows" in found.lowered
    corner, _ = points_of(TRUTHS[0], count=30, box=(0.0, 0.0, 90.0, 80.0))
    assert consensus("rigid", corner, SEARCH).kind == "translation"


def test_a_narrow_blob_of_points_does_not_fix_a_rotation():
    points, _ = points_of(TRUTHS[0], count=60, noise=0.3, box=(190.0, 140.0, 260.0, 210.0))
    found = consensus("rigid", points, Search(BOX, radius=6.0, apart=10.0))
    assert found.kind == "translation" and "rotation" in found.lowered


def test_chance_is_no_agreement():
    nothing, _ = points_of(TRUTHS[0], wrong=1.0, count=150)
    with pytest.raises(NoSolution, match=r"Only \d+ of 150 windows agree on one rigid model"):
        consensus("rigid", nothing, SEARCH)


def test_no_point_is_no_agreement():
    empty = Points(*np.empty((5, 0)))
    with pytest.raises(NoSolution, match="Only 0 of 0 windows"):
        consensus("affine", empty, SEARCH)


def test_a_given_tolerance_decides_who_agrees():
    points, _ = points_of(TRUTHS[0], noise=0.3)
    tight = consensus("translation", points, Search(BOX, tolerance=0.3))
    wide = consensus("translation", points, Search(BOX, tolerance=1.5))
    assert tight.inliers.sum() < 0.7 * wide.inliers.sum()


def test_local_models_keep_smooth_deviations_and_drop_wrong_points():
    points, bad = points_of(TRUTHS[0], count=400, wrong=0.1)
    points.dx[~bad] += 1.5 * np.sin(points.x[~bad] / 120)
    found = consensus("local", points, SEARCH)
    assert found.kind == "local" and found.model.kind == "affine"
    far = np.hypot(points.dx - 1.5, points.dy + 0.7) > 3
    assert found.inliers[~bad].mean() > 0.95 and not found.inliers[bad & far].any()


def test_points_and_kinds_are_counted_as_written():
    assert simpler("local") == ["local", "affine", "rigid", "translation"]
    assert simpler("similarity") == ["similarity", "rigid", "translation"]
    points = Points(
        *(np.array(part) for part in ([0.0, 799.0], [0.0, 599.0], [0, 0], [0, 0], [1, 1]))
    )
    np.testing.assert_array_equal(cell_of(points, BOX), [0, 15])
    np.testing.assert_allclose(points.finer(2).x, [0.5, 1598.5])
