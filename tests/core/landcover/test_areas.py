# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.areas import NORMAL, area_weighted, stratified, with_errors
from orthoweave.core.landcover.confusion import Confusion

# Olofsson et al. 2014, doi:10.1016/j.rse.2014.02.015, tables 8 and 9: rows are map classes there
LABELS = (1, 2, 3, 4)
MAP_ROWS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED = np.array([200_000, 150_000, 3_200_000, 6_450_000])
HECTARES = 0.09


@pytest.fixture
def published():
    return area_weighted(Confusion(LABELS, MAP_ROWS.T), MAPPED)


def test_the_published_accuracies_come_out(published):
    assert published.overall == pytest.approx(0.947, abs=5e-4)
    assert published.overall_error * NORMAL == pytest.approx(0.018, abs=5e-4)
    # the paper prints two digits
    assert np.round(published.user, 2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert np.round(published.user_errors * NORMAL, 2).tolist() == [0.07, 0.10, 0.04, 0.02]
    assert np.round(published.producer, 2).tolist() == [0.75, 0.85, 0.93, 0.96]


def test_the_published_areas_come_out(published):
    hectares = MAPPED.sum() * HECTARES
    # whole hectares in the paper; its interim values are rounded
    assert published.areas * hectares == pytest.approx([21158, 11686, 285770, 581386], abs=1)
    halves = NORMAL * published.area_errors * hectares
    assert halves == pytest.approx([6158, 3756, 15510, 16282], rel=2e-3)


def test_the_error_of_the_producer_follows_the_written_formula(published):
    counts, drawn = MAP_ROWS.T.astype(float), MAP_ROWS.sum(1)
    for r in range(4):
        shares = counts[r] / drawn
        estimated = (MAPPED * shares).sum()
        p, u = published.producer[r], published.user[r]
        first = MAPPED[r] ** 2 * (1 - p) ** 2 * u * (1 - u) / (drawn[r] - 1)
        others = [m for m in range(4) if m != r]
        rest = sum(MAPPED[m] ** 2 * shares[m] * (1 - shares[m]) / (drawn[m] - 1) for m in others)
        expected = np.sqrt((first + p**2 * rest) / estimated**2)
        assert published.producer_errors[r] == pytest.approx(expected, rel=1e-9)


def test_a_class_that_is_not_assessed_is_named_and_the_rest_renormalized():
    counts = MAP_ROWS.T.copy()
    counts[:, 1] = 0
    found = area_weighted(Confusion(LABELS, counts), MAPPED)
    assert found.not_assessed == (2,)
    assert found.assessed == pytest.approx(1 - 150 / 10_000, abs=1e-12)
    assert found.areas.sum() == pytest.approx(1, abs=1e-12)
    assert np.isnan(found.user[1])


def test_a_class_that_nobody_mapped_has_no_user_accuracy():
    labels = (1, 2, 3)
    counts = np.array([[50, 5, 0], [5, 40, 0], [3, 2, 0]])
    found = area_weighted(Confusion(labels, counts), np.array([600, 400, 0]))
    assert np.isnan(found.user[2])
    assert found.producer[2] == 0
    assert found.not_assessed == ()


def test_strata_that_are_no_map_classes_weigh_their_share():
    # half of the ground, sampled twice as densely, is always right; the other half to 80 %
    counts = np.zeros((2, 2, 2))
    counts[0] = [[100, 0], [0, 100]]
    counts[1] = [[40, 10], [10, 40]]
    found = stratified((1, 2), counts, np.array([500.0, 500.0]), (7, 8))
    assert found.overall == pytest.approx(0.9, abs=1e-12)
    assert found.overall_error == pytest.approx(0.5 * np.sqrt(0.16 / 99), rel=1e-12)
    assert found.areas == pytest.approx([0.5, 0.5])


def test_errors_of_a_bootstrap_take_the_place_of_the_formulas(published):
    other = area_weighted(Confusion(LABELS, MAP_ROWS.T + np.eye(4, dtype=int)), MAPPED)
    found = with_errors(published, [published, other])
    expected = abs(published.overall - other.overall) / np.sqrt(2)
    assert found.overall_error == pytest.approx(expected, rel=1e-9)
    assert found.overall == published.overall
