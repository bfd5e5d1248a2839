# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.landcover.splitting import (
    LEARN,
    UNUSED,
    VALIDATION,
    Features,
    Splitting,
    split,
)


def features(labels, *, areas=None, regions=None, units=None):
    count = len(labels)
    return Features(
        np.asarray(labels),
        np.ones(count) if areas is None else np.asarray(areas, float),
        np.zeros(count, int) if regions is None else np.asarray(regions),
        np.arange(count) if units is None else np.asarray(units),
    )


def learned(roles, labels, label):
    return int((roles[np.asarray(labels) == label] == LEARN).sum())


@pytest.mark.parametrize(
    ("count", "ratio", "expected"),
    [(10, 0.5, 5), (5, 0.5, 2), (7, 0.5, 4), (2, 0.9, 1), (9, 0.05, 1)],
)
def test_each_class_is_split_by_the_ratio_and_none_stays_without(count, ratio, expected):
    # halves are rounded to even: 2.5 gives 2, 3.5 gives 4
    roles, _ = split(features([4] * count), Splitting(ratio))
    assert learned(roles[0], [4] * count, 4) == expected
    assert (roles[0] != UNUSED).all()


@pytest.mark.parametrize("single", ["learn", "validation", "unused"])
def test_a_class_with_one_unit_goes_to_one_set(single):
    roles, _ = split(features([4, 4, 9]), Splitting(single=single))
    assert ("unused", "learn", "validation")[roles[0, 2]] == single


def test_another_class_changes_nothing():
    labels = [1] * 20 + [2] * 20
    first, _ = split(features(labels), Splitting(runs=3))
    again, _ = split(features([*labels, *[7] * 10]), Splitting(runs=3))
    np.testing.assert_array_equal(first, again[:, :40])


def test_seeds_and_runs_split_otherwise_and_the_same_seed_the_same():
    some = features([1] * 30)
    roles, _ = split(some, Splitting(runs=2))
    assert (roles[0] != roles[1]).any()
    # run s of seed 0 is run 0 of seed s
    np.testing.assert_array_equal(roles[1], split(some, Splitting(seed=1))[0][0])
    np.testing.assert_array_equal(roles, split(some, Splitting(runs=2))[0])


def test_regions_are_split_apart():
    labels, regions = [1] * 20, [0] * 10 + [1] * 10
    roles, _ = split(features(labels, regions=regions), Splitting(0.3))
    assert [int((roles[0, part] == LEARN).sum()) for part in (slice(10), slice(10, 20))] == [3, 3]


def test_balancing_areas_brings_the_share_of_the_area_near_the_ratio():
    random = np.random.default_rng(0)
    areas = random.lognormal(0, 1.5, 200)
    roles, _ = split(features([1] * 200, areas=areas), Splitting(0.7, balance="area"))
    share = areas[roles[0] == LEARN].sum() / areas.sum()
    # one polygon more or less
    assert share == pytest.approx(0.7, abs=areas.max() / areas.sum())


def test_units_stay_whole_and_shares_come_near_the_ratio():
    random = np.random.default_rng(1)
    labels, units = random.integers(1, 5, 400), random.integers(0, 60, 400)
    roles, _ = split(features(labels, units=units), Splitting(0.4))
    for unit in np.unique(units):
        assert len(set(roles[0, units == unit].tolist())) == 1
    for label in range(1, 5):
        share = learned(roles[0], labels, label) / (labels == label).sum()
        # a unit holds about a sixtieth of a class
        assert share == pytest.approx(0.4, abs=0.05)


def test_folds_learn_from_one_and_validate_on_the_last():
    some = features([1] * 30 + [2] * 30, areas=np.arange(60) + 1)
    roles, _ = split(some, Splitting(runs=4, method="folds"))
    assert roles.shape == (3, 60)
    assert (np.sum(roles == LEARN, axis=0) <= 1).all()
    validated = roles[0] == VALIDATION
    np.testing.assert_array_equal(roles == VALIDATION, np.tile(validated, (3, 1)))
    areas = [some.areas[role == LEARN].sum() for role in roles] + [some.areas[validated].sum()]
    # dealt largest first, folds differ by less than one polygon of each class
    assert max(areas) - min(areas) < 90


def test_what_is_held_out_is_in_no_run_and_classes_keep_two():
    labels = [1] * 20 + [2] * 3 + [3] * 2
    roles, held = split(features(labels), Splitting(runs=3, hold_out=0.5))
    assert (roles[:, held] == UNUSED).all()
    assert [int(held[np.asarray(labels) == label].sum()) for label in (1, 2, 3)] == [10, 1, 0]


def test_without_a_split_all_learn():
    roles, _ = split(features([1, 1, 2]), Splitting(split=False))
    assert (roles == LEARN).all()


def test_nothing_stands_in_both_sets():
    some = features(np.arange(50) % 4 + 1)
    for how in (Splitting(), Splitting(balance="area"), Splitting(runs=5, method="folds")):
        roles, _ = split(replace(some), how)
        assert set(np.unique(roles)) <= {UNUSED, LEARN, VALIDATION}


@pytest.mark.parametrize("single", ["learn", "validation", "unused"])
def test_classes_that_lie_in_one_unit_follow_single(single):
    # each class is one group: nothing may be drawn, yet nothing must be forgotten
    roles, _ = split(features([1, 1, 2, 2], units=[0, 0, 1, 1]), Splitting(single=single))
    assert {("unused", "learn", "validation")[role] for role in roles[0].tolist()} == {single}


@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("seed", range(4))
def test_each_class_of_several_units_has_some_to_learn_and_some_to_validate(ratio, seed):
    random = np.random.default_rng(seed)
    units = np.repeat(np.arange(12), 5)
    labels = random.integers(1, 4, 60)
    # a fourth class with a large and a small unit
    labels[:5], labels[5] = 4, 4
    roles, _ = split(features(labels, units=units), Splitting(ratio, seed=seed))
    for label in (1, 2, 3, 4):
        assert set(roles[0, labels == label].tolist()) == {LEARN, VALIDATION}
    for unit in range(12):
        assert len(set(roles[0, units == unit].tolist())) == 1


def test_a_class_with_one_unit_and_others_are_drawn_together():
    # class 3 lies in unit 0 only, together with class 1
    labels, units = [1, 3, 1, 2, 2, 1], [0, 0, 1, 2, 3, 4]
    roles, _ = split(features(labels, units=units), Splitting(single="unused"))
    assert roles[0, 1] == UNUSED
    assert set(roles[0, [0, 2, 5]].tolist()) == {LEARN, VALIDATION}
