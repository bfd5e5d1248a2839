# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.deps import available
from orthoweave.core.errors import InvalidOption
from orthoweave.core.landcover import perceptron
from orthoweave.core.landcover.assessing import assess
from orthoweave.core.landcover.fitting import Task, fit
from orthoweave.core.landcover.folds import dealt
from orthoweave.core.landcover.models import Model, load_model, save_model
from orthoweave.core.landcover.perceptron import train_perceptron
from orthoweave.core.landcover.products import softmax
from orthoweave.core.landcover.rules import Rows
from orthoweave.core.landcover.samples import Samples
from orthoweave.core.landcover.settings import Settings
from orthoweave.core.landcover.training import train
from orthoweave.core.landcover.vectormachine import train_vectors

NEEDED = {"rf": "cv2", "svm": "cv2", "knn": "scipy"}
CLASSIFIERS = ("rf", "svm", "mlp", "knn", "maxlik")


def clusters(per_class=120, classes=4, features=5, seed=0, spread=1.0):
    """Samples of Gaussian classes, ten polygons each; the last feature is constant."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(0, 2.5, (classes, features))
    labels = np.repeat(np.arange(classes) * 10 + 1, per_class)
    values = centers[labels // 10] + rng.normal(0, spread, (len(labels), features))
    values[:, -1] = 7
    groups = np.arange(len(labels)) // (per_class // 10)
    names = tuple(f"made_b{n}_20180{n + 1}01" for n in range(features))
    return Samples(values, labels, groups, names)


def needs(classifier):
    if not available(NEEDED.get(classifier, "cv2")) and classifier in NEEDED:
        pytest.skip(f"{NEEDED[classifier]} is absent")


@pytest.fixture(scope="module")
def fitted():
    """Train each classifier once: fitted("rf")."""
    known = {}

    def make(classifier):
        needs(classifier)
        if classifier not in known:
            how = Settings(classifier=classifier, iterations=60, trees=30)
            known[classifier] = train(clusters(), how).model
        return known[classifier]

    return make


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_classes_are_found_and_probabilities_are_some(fitted, classifier):
    model, other = fitted(classifier), clusters(seed=1)
    columns = np.ascontiguousarray(other.values.T)
    labels, chances = model.labeled(columns)
    assert (labels == other.labels).mean() > 0.9  # chance: 0.25
    np.testing.assert_allclose(chances.sum(0), 1, atol=1e-6)
    assert (chances >= 0).all()
    np.testing.assert_array_equal(labels, np.array(model.labels)[chances.argmax(0)])


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_pixel_has_the_same_bits_whatever_stands_beside_it(fitted, classifier):
    model = fitted(classifier)
    columns = np.ascontiguousarray(np.tile(clusters(seed=2).values, (20, 1)).T)
    whole = model.probabilities(columns)
    edges = (0, 1, 18, 4000, columns.shape[1])
    parts = [model.probabilities(columns[:, a:b]) for a, b in zip(edges, edges[1:])]
    assert np.array_equal(np.concatenate(parts, 1), whole)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_model_file_gives_the_same_bits_and_is_the_same_bytes_again(fitted, classifier, tmp_path):
    model = fitted(classifier)
    path = save_model(model, str(tmp_path / "a.owm"))
    again = load_model(path)
    columns = np.ascontiguousarray(clusters(seed=3).values.T)
    assert np.array_equal(again.probabilities(columns), model.probabilities(columns))
    assert (again.labels, again.names, again.features) == (
        model.labels,
        model.names,
        model.features,
    )
    second = save_model(again, str(tmp_path / "b.owm"))
    assert Path(path).read_bytes() == Path(second).read_bytes()


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_same_seed_gives_the_same_model(classifier, tmp_path):
    needs(classifier)
    how = Settings(classifier=classifier, iterations=10, trees=5)
    paths = [save_model(train(clusters(), how).model, str(tmp_path / f"{n}.owm")) for n in (1, 2)]
    assert Path(paths[0]).read_bytes() == Path(paths[1]).read_bytes()


def test_a_damaged_model_gets_a_sentence(fitted, tmp_path):
    path = save_model(fitted("maxlik"), str(tmp_path / "a.owm"))
    raw = Path(path).read_bytes()
    for name, content, sentence in (
        ("cut.owm", raw[: len(raw) // 2], "neither an .owm model nor"),
        ("flip.owm", raw.replace(b"center.npy", b"kenter.npy"), "damaged"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidOption, match=sentence):
            load_model(str(tmp_path / name))


def test_a_model_cannot_hold_anything_that_runs(fitted, tmp_path):
    import io
    import zipfile

    path = save_model(fitted("maxlik"), str(tmp_path / "a.owm"))
    stream = io.BytesIO()
    np.save(stream, np.array([print], object), allow_pickle=True)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b.owm", "w") as new:
        for name in old.namelist():
            new.writestr(name, stream.getvalue() if name == "center.npy" else old.read(name))
    with pytest.raises(InvalidOption, match="damaged"):
        load_model(str(tmp_path / "b.owm"))


def test_a_model_of_a_later_format_gets_a_sentence(fitted, tmp_path):
    model = fitted("maxlik")
    later = Model(*[getattr(model, n) for n in Model.__dataclass_fields__])
    path = save_model(later, str(tmp_path / "a.owm"))
    import zipfile

    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b.owm", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"version": 1', b'"version": 9'))
    with pytest.raises(InvalidOption, match="version 9"):
        load_model(str(tmp_path / "b.owm"))


def rows_of(samples):
    values = samples.values[:, :-1]
    scaled = ((values - values.mean(0)) / values.std(0)).astype(np.float32)
    return Rows(scaled, samples.indices, samples.groups, len(samples.classes))


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_decisions_are_those_of_opencv(kernel):
    cv2 = pytest.importorskip("cv2")
    rows = rows_of(clusters(classes=2, spread=2.0))
    how = Settings(classifier="svm", kernel=kernel)
    machine = train_vectors(rows, how)
    made = cv2.ml.SVM_create()
    made.setType(cv2.ml.SVM_C_SVC)
    made.setKernel(cv2.ml.SVM_RBF if kernel == "rbf" else cv2.ml.SVM_LINEAR)
    made.setC(10)
    made.setGamma(1 / 4)
    made.setTermCriteria((3, 100_000, 1e-4))
    order = np.random.default_rng(0).permutation(len(rows))
    made.train(rows.values[order], cv2.ml.ROW_SAMPLE, rows.indices[order].astype(np.int32))
    theirs = made.predict(rows.values)[1].ravel()
    ours = np.where(machine.decisions(rows.columns)[0] > 0, 0, 1)
    np.testing.assert_array_equal(ours, theirs)


def test_slopes_of_the_network_are_those_of_differences():
    rows = rows_of(clusters(per_class=20))
    rng = np.random.default_rng(3)
    net, slopes = (perceptron._Net.of((4, 5, 3, 4)) for _ in range(2))
    net.flat[:] = rng.normal(0, 0.5, len(net.flat))
    net.slopes(rows.columns, rows.indices, slopes)

    def loss(flat):
        other = perceptron._Net.of((4, 5, 3, 4))
        other.flat[:] = flat
        layer = rows.columns.astype(float)
        for weights, bias in zip(other.weights, other.biases):
            layer = np.tanh(weights.astype(float) @ layer + bias)
        chances = softmax(perceptron.SHARPNESS * layer)[rows.indices, np.arange(len(rows))]
        decay = sum((weights.astype(float) ** 2).sum() for weights in other.weights)
        return -np.log(chances).mean() + 0.5 * perceptron.DECAY * decay

    for at in range(0, len(net.flat), 7):
        step = np.zeros(len(net.flat), np.float32)
        step[at] = 1e-2
        expected = (loss(net.flat + step) - loss(net.flat - step)) / 2e-2
        # the rest is the third derivative times 1e-4 / 6, and single precision
        assert slopes.flat[at] == pytest.approx(expected, abs=2e-4)


def test_a_network_learns_what_no_plane_divides():
    rng = np.random.default_rng(5)
    values = rng.uniform(-2, 2, (1200, 2)).astype(np.float32)
    indices = (values[:, 0] * values[:, 1] > 0).astype(np.int64)
    rows = Rows(values, indices, np.arange(1200), 2)
    how = Settings(classifier="mlp", hidden="16,8", iterations=100)
    network = train_perceptron(rows, how)
    found = network.probabilities(rows.columns)
    # half of them would be chance
    assert (found.argmax(0) == indices).mean() > 0.95
    again = train_perceptron(rows, how).probabilities(rows.columns)
    np.testing.assert_array_equal(found, again)


def test_comparisons_train_a_network_once_for_each_fold(monkeypatch):
    samples, made = clusters(per_class=40), []
    how = Settings(classifier="mlp", iterations=20)
    train_once = perceptron._trained
    monkeypatch.setattr(perceptron, "_trained", lambda *a: made.append(1) or train_once(*a))
    folds = dealt(samples.indices, samples.groups, 3)
    quick = assess(Task(samples, how), "mlp", folds)
    assert len(made) == 3
    # with the temperature, which changes no label, each network is trained a second time
    whole = assess(Task(samples, how), "mlp", folds, importance=True)
    assert len(made) == 3 + 6
    np.testing.assert_array_equal(quick.predicted, whole.predicted)


def test_maximum_likelihood_is_bayes_rule_of_gaussians():
    samples = clusters(classes=2)
    how = Settings(classifier="maxlik", shrinkage=0.0)
    found = fit(Task(samples, how), "maxlik").probabilities(samples.values)
    values = samples.values[:, :-1].astype(float)
    scores = []
    for label in samples.classes:
        mine = values[samples.labels == label]
        covariance = np.cov(mine.T)
        covariance += np.eye(4) * 1e-6 * np.trace(covariance) / 4
        apart = values - mine.mean(0)
        distance = np.einsum("nf,fg,ng->n", apart, np.linalg.inv(covariance), apart)
        scores.append(-0.5 * np.log(np.linalg.det(covariance)) - 0.5 * distance)
    raised = np.exp(np.array(scores) - np.max(scores, 0))
    # the mean of all samples is taken off in double precision, values are single
    np.testing.assert_allclose(found, raised / raised.sum(0), atol=1e-6)


def test_equal_shares_move_the_border_toward_the_frequent_class():
    samples = clusters(classes=2, spread=3.0)
    few = np.flatnonzero(samples.indices == 1)[::10]
    uneven = samples.taken(np.concatenate([np.flatnonzero(samples.indices == 0), few]))
    how = Settings(classifier="maxlik", shrinkage=1.0)
    columns = np.ascontiguousarray(samples.values.T)
    plain = train(uneven, how).model.labeled(columns)[0]
    even = train(uneven, how, weights=np.array([0.5, 0.5])).model.labeled(columns)[0]
    assert (even == 11).sum() > (plain == 11).sum()


def test_features_of_one_value_are_left_out_and_said(listen):
    heard = listen()
    model = train(clusters(), Settings(classifier="maxlik"), heard).model
    assert any("made_b4_20180501" in text for text in heard.warnings)
    assert len(model.features) == 5 and list(model.preparation.columns) == [0, 1, 2, 3]


def test_one_class_gets_a_sentence():
    samples = clusters()
    with pytest.raises(InvalidOption, match="two classes"):
        train(samples.taken(samples.labels == 1), Settings(classifier="maxlik"))


@pytest.mark.parametrize("mode, count", [("global", 2), ("date", 4), ("band", 4)])
def test_components_replace_features(mode, count):
    samples = clusters()
    how = Settings(classifier="maxlik", reduce=2, reduce_mode=mode)
    model = train(samples, how).model
    # every feature has its own date and band, so groups of one stay
    assert model.preparation.projection.shape == (count, 4)
    labels, _ = model.labeled(np.ascontiguousarray(clusters(seed=1).values.T))
    assert (labels == samples.labels).mean() > 0.7
