# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.confusion import (
    Confusion,
    confusion_of,
    mean_of,
    scores_of,
    union_of,
)


def test_pixels_are_counted_by_reference_and_map():
    reference = np.array([[11, 11, 12, 0], [12, 11, 300, 11]])
    mapped = np.array([[11, 12, 12, 11], [0, 11, 300, 11]])
    found = confusion_of(reference, mapped)
    assert found.labels == (11, 12, 300)
    assert found.counts.tolist() == [[3, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert found.not_mapped == 1


def test_pixels_without_reference_change_nothing():
    reference, mapped = np.array([1, 2, 2]), np.array([1, 2, 1])
    more = confusion_of(np.append(reference, [0, 0]), np.append(mapped, [2, 9]))
    assert more.labels == (1, 2)
    assert np.array_equal(more.counts, confusion_of(reference, mapped).counts)


def test_scores_follow_their_definitions():
    found = scores_of(Confusion((1, 2), np.array([[40, 10], [20, 30]])))
    assert found.overall == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.precision == pytest.approx([40 / 60, 30 / 40])
    assert found.recall == pytest.approx([0.8, 0.6])
    assert found.fscore == pytest.approx([80 / 110, 60 / 90])


def test_a_class_that_is_mapped_but_not_in_the_reference_is_undefined_in_recall():
    found = scores_of(confusion_of(np.array([1, 1, 2]), np.array([1, 3, 2])))
    assert np.isnan(found.recall[2])
    assert found.precision[2] == 0
    assert np.isnan(found.fscore[2])


def test_nothing_to_count_is_undefined():
    found = scores_of(Confusion((1,), np.zeros((1, 1), int)))
    assert np.isnan([found.overall, found.kappa]).all()


def test_runs_with_other_classes_are_brought_together():
    one = Confusion((1, 2), np.array([[2, 0], [0, 2]]))
    two = Confusion((2, 5), np.array([[4, 0], [2, 6]]))
    assert union_of([one, two]) == (1, 2, 5)
    labels, mean = mean_of([one, two])
    assert labels == (1, 2, 5)
    assert mean.tolist() == [[1, 0, 0], [0, 3, 0], [0, 1, 3]]
