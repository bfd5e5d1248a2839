# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.confusion import Confusion
from orthoweave.core.landcover.fusing import (
    SEVERAL,
    Fusing,
    Given,
    beliefs_of,
    choice,
    fused_confidence,
    fused_labels,
)


def pixels(*columns):
    """Return labels[map, 1, pixel] of columns that hold what the maps say."""
    return np.array(columns).T[:, None, :]


def fuse(labels, how=None, classes=(1, 2, 3), **more):
    return fused_labels(Given(labels, **more), classes, how or Fusing())[0].tolist()


def test_the_majority_wins_and_no_class_does_not_vote():
    maps = pixels((1, 1, 2), (3, 2, 2), (0, 3, 0), (0, 0, 0))
    assert fuse(maps) == [1, 2, 3, 0]


def test_probabilities_that_are_written_beside_do_not_decide_ties():
    maps = pixels((1, 2), (2, 1))
    sure = np.array([[[0.6, 0.6]], [[0.9, 0.5]]])
    chances = np.full((2, 3, 1, 2), 1 / 3)
    assert fuse(maps, Fusing(), chances=chances) == [0, 0]
    tie = Fusing(tie="confidence")
    assert fuse(maps, tie, confidences=sure, chances=chances) == [2, 2]


def test_ties_are_undecided_unless_something_decides():
    maps = pixels((1, 2), (2, 1), (3, 3))
    sure = np.array([[[0.6, 0.6, 0.5]], [[0.9, 0.5, 0.5]]])
    assert fuse(maps) == [0, 0, 3]
    assert fuse(maps, Fusing(undecided=255)) == [255, 255, 3]
    assert fuse(maps, Fusing(tie="priority")) == [1, 2, 3]
    assert fuse(maps, Fusing(tie="confidence"), confidences=sure) == [2, 2, 3]


def test_three_maps_of_three_labels_are_a_tie():
    assert fuse(pixels((1, 2, 3)), Fusing(undecided=9)) == [9]
    assert fuse(pixels((3, 2, 1)), Fusing(tie="priority")) == [3]


def test_confidences_are_summed_by_label():
    maps = pixels((1, 1, 2), (1, 1, 2))
    sure = np.array([[[0.3, 0.5]], [[0.3, 0.5]], [[0.9, 0.9]]])
    assert fuse(maps, Fusing("confidence"), confidences=sure) == [2, 1]


def beliefs(*tables):
    return tuple(tuple(table.items()) for table in tables)


def test_the_rule_of_otb_by_hand():
    # map 1 says 1 with .8, map 2 says 2 with .7: 1 gets .8 · .3 = .24, 2 gets .7 · .2 = .14
    how = Fusing("dempstershafer", beliefs=beliefs({1: 0.8, 2: 0.8}, {1: 0.7, 2: 0.7}))
    assert fuse(pixels((1, 2)), how) == [1]


def test_a_weak_vote_counts_against_itself_by_otb_and_not_with_ignorance():
    # two maps say 1 with .3 each, one says 2 with .5
    tables = beliefs({1: 0.3}, {1: 0.3}, {2: 0.5})
    # OTB: .3 · .3 · .5 = .045 against .5 · .7 · .7 = .245
    assert fuse(pixels((1, 1, 2)), Fusing("dempstershafer", beliefs=tables)) == [2]
    # ignorance: (1 - .49) · .5 = .255 against .5 · .49 = .245
    assert fuse(pixels((1, 1, 2)), Fusing("ignorance", beliefs=tables)) == [1]


def test_maps_without_a_label_do_not_count_against_others():
    tables = beliefs({1: 0.6}, {2: 0.9})
    assert fuse(pixels((1, 0)), Fusing("dempstershafer", beliefs=tables)) == [1]


def test_means_of_probabilities_decide_and_absent_classes_count_nothing():
    chances = np.array([[[[0.6]], [[0.4]], [[0.0]]], [[[0.1]], [[0.4]], [[0.5]]]])
    found = fused_labels(Given(pixels((1, 3)), chances=chances), (1, 2, 3), Fusing("probability"))
    # means .35, .4, .25: the class that no map takes for the likeliest
    assert found.tolist() == [[2]]


def test_the_confidence_is_the_mean_over_maps():
    maps = pixels((1, 1, 2), (1, 0, 2), (0, 0, 0))
    sure = np.full((3, 1, 3), 0.9)
    found = fused_confidence(Given(maps, sure), np.array([[1, 1, 0]]))
    assert found[0] == pytest.approx([(0.9 + 0.9 + 0.1) / 3, (0.9 + 0 + 0.1) / 3, 0])


def test_the_choice_says_who_agreed():
    maps = pixels((1, 1), (1, 2), (2, 1), (2, 3), (0, 0))
    assert choice(maps, np.array([[1, 1, 1, 1, 0]]))[0].tolist() == [1, 2, 3, 0, 0]
    three = pixels((1, 1, 2))
    assert choice(three, np.array([[1]]))[0].tolist() == [SEVERAL]


def test_beliefs_are_those_of_the_measure():
    confusion = Confusion((1, 2, 3), np.array([[40, 10, 0], [20, 30, 0], [0, 0, 0]]))
    assert dict(beliefs_of(confusion, "precision")) == pytest.approx({1: 40 / 60, 2: 30 / 40, 3: 0})
    assert dict(beliefs_of(confusion, "recall")) == pytest.approx({1: 0.8, 2: 0.6, 3: 0})
    assert dict(beliefs_of(confusion, "accuracy")) == pytest.approx({1: 0.7, 2: 0.7, 3: 0.7})
    assert dict(beliefs_of(confusion, "kappa"))[1] == pytest.approx(0.4)
