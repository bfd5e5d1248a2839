# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption, NoSolution
from orthoweave.core.landcover import choosing
from orthoweave.core.landcover.assessing import Assessment, assess
from orthoweave.core.landcover.calibration import coupled, platt, sigmoid, temperature
from orthoweave.core.landcover.choosing import cheapest, choose
from orthoweave.core.landcover.fitting import Task
from orthoweave.core.landcover.folds import dealt, usable_folds
from orthoweave.core.landcover.products import softmax
from orthoweave.core.landcover.samples import Samples, blocks, chosen, joined
from orthoweave.core.landcover.settings import Settings
from orthoweave.core.landcover.training import train


def polygons(seed=0, classes=3, each=8, size=12, noise=1.0):
    """Samples whose polygons have an offset of their own: rows of one are alike."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(classes * each), size)
    labels = groups // each + 1
    values = rng.normal(0, noise, (classes * each, 3))[groups] + labels[:, None] * 2.0
    return Samples(values + rng.normal(0, 0.1, (len(groups), 3)), labels, groups, ("a", "b", "c"))


def test_no_group_stands_in_two_folds_and_every_fold_has_every_class():
    samples = polygons()
    order = np.random.default_rng(1).permutation(len(samples))
    mixed = samples.taken(order)
    folds = dealt(mixed.indices, mixed.groups, 4)
    for group in np.unique(mixed.groups):
        assert len(np.unique(folds[mixed.groups == group])) == 1
    for fold in range(4):
        assert set(mixed.labels[folds == fold]) == {1, 2, 3}
    # the order of rows does not matter
    np.testing.assert_array_equal(dealt(samples.indices, samples.groups, 4)[order], folds)


def test_folds_are_reduced_to_the_groups_of_the_rarest_class(listen):
    samples = polygons()
    few = samples.taken((samples.labels != 2) | (samples.groups < 11))
    assert usable_folds(few.indices, few.groups, 5) == 3
    heard = listen()
    train(few, Settings(classifier="maxlik"), heard, assessing=True)
    assert any("3 folds instead of 5" in text for text in heard.infos)


def test_a_class_with_one_polygon_cannot_be_cross_validated():
    samples = polygons()
    single = samples.taken((samples.labels != 2) | (samples.groups < 9))
    with pytest.raises(NoSolution, match="cannot cross-validate"):
        train(single, Settings(classifier="best"))
    assert train(single, Settings(classifier="maxlik"), assessing=True).assessed is None


def test_held_out_polygons_are_harder_than_held_out_rows():
    samples = polygons(noise=2.0, seed=3)
    task = Task(samples, Settings(classifier="maxlik", shrinkage=0.0))
    grouped = assess(task, "maxlik", dealt(samples.indices, samples.groups, 4))
    leaking = assess(task, "maxlik", np.arange(len(samples)) % 4)
    assert grouped.accuracy < leaking.accuracy


def test_importance_is_that_of_the_feature_that_tells_classes_apart():
    samples = polygons()
    values = samples.values.copy()
    values[:, 1:] = np.random.default_rng(5).normal(size=values[:, 1:].shape)
    values[:, 0] = samples.labels
    useful = Samples(values, samples.labels, samples.groups, samples.names)
    task = Task(useful, Settings(classifier="maxlik"))
    found = assess(task, "maxlik", dealt(useful.indices, useful.groups, 3), importance=True)
    assert found.importance.shape == (3, 3)
    mean = found.importance.mean(0)
    assert mean[0] > 0.4 and abs(mean[1:]).max() < 0.05
    assert found.confusion(useful.indices, 3).sum() == len(useful)


def scored(classifier, accuracy, spread=0.01):
    none = np.empty(0)
    folds = np.array([accuracy - spread, accuracy, accuracy + spread])
    return Assessment(classifier, none, none, folds, np.ones(3), none)


def test_a_cheaper_classifier_is_taken_when_it_is_as_good():
    # standard error 0.01 / sqrt(3) = 0.0058; a fifth of it is 0.0012
    assert cheapest([scored("rf", 0.9), scored("maxlik", 0.8991)]).classifier == "maxlik"
    assert cheapest([scored("rf", 0.9), scored("maxlik", 0.8980)]).classifier == "rf"
    assert cheapest([scored("svm", 0.9), scored("mlp", 0.9)]).classifier == "mlp"


def test_best_without_opencv_compares_what_is_there(monkeypatch, listen):
    samples, heard = polygons(), listen()
    monkeypatch.setattr(choosing, "available", lambda package: False)
    found = choose(Task(samples, Settings()), dealt(samples.indices, samples.groups, 3), heard)
    assert {one.classifier for one in found.compared} == {"maxlik", "mlp"}
    assert "OpenCV: best compares maxlik, mlp only" in heard.warnings[0]


def test_best_takes_the_highest_score_and_lists_all():
    pytest.importorskip("cv2")
    found = train(polygons(), Settings(classifier="best", folds=2, iterations=15, trees=5))
    assert {one.classifier for one in found.compared} == {"maxlik", "rf", "svm", "mlp"}
    assert found.model.classifier == cheapest(found.compared).classifier
    assert len(found.model.facts["compared"]) == 4


def test_the_grid_is_tried_and_the_best_is_taken():
    how = Settings(classifier="maxlik", tune=True, folds=3, grid='{"SHRINKAGE": [0.0, 1.0]}')
    found = train(polygons(), how)
    assert [one.text for one in found.tuned] == ["SHRINKAGE 0.0", "SHRINKAGE 1.0"]
    best = max(found.tuned, key=lambda one: one.accuracy)
    assert f"SHRINKAGE {found.model.facts['parameters']['shrinkage']}" == best.text


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"hidden": "a,b"}, "no list of whole numbers"),
        ({"grid": "{"}, "no JSON"),
        ({"grid": '{"TREES": 5}'}, "lists of values"),
        ({"grid": '{"FOLDS": [5]}'}, "FOLDS cannot be tuned"),
        ({"priors": "file"}, "PRIORS_FILE"),
        ({"shrinkage": -0.5}, "neither -1 nor"),
    ],
)
def test_settings_that_do_not_fit_get_a_sentence(options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        Settings(**options).check_settings()


def test_scaled_decisions_have_the_chances_they_were_made_with():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 2, 40000)
    first = rng.random(40000) < sigmoid(-1.5 * values + 0.5)
    # standard error of a logistic fit to 40,000 draws is about 0.02
    np.testing.assert_allclose(platt(values, first), (-1.5, 0.5), atol=0.06)
    assert platt(values, np.ones(40000, bool)) == (-1.0, 0.0)


def test_coupling_gives_back_the_probabilities_that_pairs_came_from():
    true = np.random.default_rng(1).dirichlet(np.ones(4), 50).T
    pairs = [true[a] / (true[a] + true[b]) for a in range(4) for b in range(a + 1, 4)]
    np.testing.assert_allclose(coupled(np.array(pairs), 4), true, atol=1e-4)  # chances end at 1e-7


def test_the_temperature_is_that_of_the_data():
    rng = np.random.default_rng(2)
    outputs = rng.normal(0, 1, (3, 30000))
    chances = softmax(outputs / 0.5)
    indices = (rng.random(30000) > np.cumsum(chances, 0)).sum(0)
    assert temperature(outputs, np.minimum(indices, 2)) == pytest.approx(0.5, rel=0.11)  # one step


def test_samples_are_joined_taken_and_chosen():
    a, b = polygons(), polygons(seed=1)
    both = joined([a, b])
    assert len(both) == len(a) + len(b) and both.names == a.names
    with pytest.raises(InvalidOption, match="different features: c"):
        joined([a, b.only([0, 1])])
    assert a.only([2]).names == ("c",)
    assert chosen(("x_ndvi_1", "x_b2_1", "y_ndvi_1"), ("*_ndvi_*",)) == (0, 2)
    with pytest.raises(InvalidOption, match="means none"):
        chosen(("a", "b"), ("z*",))
    with pytest.raises(InvalidOption, match="do not fit together"):
        Samples(np.zeros((3, 2)), np.ones(4), np.ones(4), ("a", "b"))
    holed = a.values.copy()
    holed[3, 1] = np.nan
    assert len(Samples(holed, a.labels, a.groups, a.names).complete()) == len(a) - 1
    places = blocks(np.array([0.0, 9, 10, 0]), np.array([0.0, 9, 0, 10]), 10.0)
    assert places[0] == places[1] and len(set(places.tolist())) == 3
