# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, ImageIOError, InvalidOption, MissingPackage
from orthoweave.core.landcover.models import load_model
from orthoweave.core.landcover.samples import Samples
from orthoweave.core.operations.trainclassifier import Request, run
from orthoweave.core.vector.samplelayer import Fields, write_samples


@pytest.fixture
def samples(tmp_path):
    """Write samples of three classes, eight polygons each, and return the path."""

    def make(name="s.gpkg", named=(), **how):
        rng = np.random.default_rng(how.get("seed", 0))
        groups = np.repeat(np.arange(24), 15)
        labels = groups // 8 + 1
        values = rng.normal(0, 1, (24, 4))[groups] * 0.7 + labels[:, None] * [2, -2, 1, 0]
        values += rng.normal(0, 0.4, values.shape)
        names = ("x_ndvi_20180101", "x_b2_20180101", "x_ndvi_20180201", "x_b2_20180201")
        place = np.arange(len(labels)) * 10.0
        table = Samples(values, labels, groups, names, (), place, place, named)
        return write_samples(str(tmp_path / name), table, Fields("code"), "")

    return make


@pytest.fixture
def trained(tmp_path, samples):
    """Train: trained(classifier="rf") -> Result."""

    def make(progress=None, **options):
        if "samples" not in options:
            options["samples"] = (samples(),)
        options.setdefault("classifier", "maxlik")
        options.setdefault("output", str(tmp_path / "out" / "m.owm"))
        request = Request(field="code", trees=10, iterations=10, hidden="8", **options)
        return run(*([request, progress] if progress else [request]))

    return make


def test_a_model_is_written_with_what_is_known_about_it(trained):
    result = trained()
    model = load_model(result.output)
    assert model.labels == (1, 2, 3) and model.classifier == "maxlik"
    assert model.facts["samples"] == [120, 120, 120] and model.facts["groups"] == [8, 8, 8]
    assert (result.sample_count, result.class_count, result.feature_count) == (360, 3, 4)
    side = json.loads(Path(result.output + ".orthoweave.json").read_text())
    assert side["algorithm"] == "trainclassifier"


def test_the_report_has_the_comparison_and_importance(trained, tmp_path):
    pytest.importorskip("cv2")
    report = str(tmp_path / "r.html")
    result = trained(classifier="best", report=report, folds=3)
    page = Path(report).read_text()
    for text in ("Cross-validation by polygons", "Importance", "x_ndvi_20180101", "taken"):
        assert text in page
    lines = (tmp_path / "r_cross_val_param.cv").read_text().splitlines()
    assert len(lines) == 5 and sum(line.endswith("*") for line in lines) == 1
    assert result.classifier in page and result.accuracy > 60


def test_tuning_is_in_the_report_too(trained, tmp_path):
    report = str(tmp_path / "r.html")
    trained(tune=True, report=report, folds=2, grid='{"SHRINKAGE": [0, 1]}')
    assert "maxlik SHRINKAGE 0" in Path(report).read_text()


def test_without_cross_validation_the_report_says_so(trained, tmp_path, samples):
    path = samples("one.gpkg")
    import sqlite3

    with sqlite3.connect(path) as file:
        file.execute("UPDATE samples SET originfid = 0 WHERE code = 1")
    report = str(tmp_path / "r.html")
    result = trained(samples=(path,), report=report)
    assert result.accuracy is None and "could not be cross-validated" in Path(report).read_text()


def test_text_labels_become_codes_with_names(trained, samples):
    path = samples(named=((1, "water"), (2, "forest"), (3, "grass")))
    model = load_model(trained(samples=(path,)).output)
    # codes follow the alphabet
    assert model.labels == (1, 2, 3) and model.names == ("forest", "grass", "water")


def test_features_are_chosen_by_patterns(trained):
    assert trained(features="*_ndvi_*").feature_count == 2
    with pytest.raises(InvalidOption, match="means none"):
        trained(features="*_swir_*")


def test_shares_of_classes_come_from_a_file(trained, tmp_path):
    path = tmp_path / "w.csv"
    path.write_text("label,weight\n1,2\n2,1\n3,1\n")
    trained(priors="file", priors_file=str(path))
    trained(priors="equal")
    path.write_text("1,2\n2,1\n")
    with pytest.raises(InvalidOption, match="no weight for 3"):
        trained(priors="file", priors_file=str(path))
    path.write_text("1,2\n2,0\n")
    with pytest.raises(InvalidOption, match="line 2"):
        trained(priors="file", priors_file=str(path))
    with pytest.raises(ImageIOError, match="gone.csv cannot be read"):
        trained(priors="file", priors_file=str(tmp_path / "gone.csv"))


@pytest.mark.parametrize("classifier, package", [("rf", "OpenCV"), ("knn", "SciPy")])
def test_a_package_that_is_absent_is_named_with_what_works(
    trained, monkeypatch, classifier, package
):
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setitem(sys.modules, "scipy.spatial", None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingPackage, match=rf"Training {classifier} needs {package}.* maxlik or"):
        trained(classifier=classifier)


def test_a_run_that_is_stopped_leaves_nothing(trained, listen, tmp_path):
    with pytest.raises(Cancelled):
        trained(listen(cancel_after=1), report=str(tmp_path / "r.html"))
    assert not list(tmp_path.glob("out/*")) and not (tmp_path / "r.html").exists()


def test_samples_are_never_overwritten(trained, samples):
    path = samples()
    with pytest.raises(InvalidOption, match="must end with .owm"):
        trained(samples=(path,), output=path)


def test_groups_may_be_texts(samples, tmp_path, listen):
    import sqlite3

    path = samples()
    with sqlite3.connect(path) as file:
        file.execute("ALTER TABLE samples ADD COLUMN farm TEXT")
        file.execute("UPDATE samples SET farm = 'farm ' || originfid")
    heard = listen()
    how = {"classifier": "maxlik", "field": "code", "group_field": "farm"}
    run(Request(samples=(path,), output=str(tmp_path / "m.owm"), **how), heard)
    groups = load_model(str(tmp_path / "m.owm")).facts["groups"]
    assert groups == [8, 8, 8] and not heard.warnings


def test_hidden_layers_have_a_limit():
    with pytest.raises(InvalidOption, match="too large; at most 8 layers of up to 2048"):
        Request(samples=("a.gpkg",), field="code", output="m.owm", hidden="99999999")


def test_weights_are_found_by_the_names_of_classes(samples, tmp_path):
    path, weights = samples(named=((1, "blé"), (2, "forêt"), (3, "z"))), tmp_path / "w.csv"
    how = {"samples": (path,), "field": "code", "classifier": "maxlik", "priors": "file"}
    request = Request(**how, priors_file=str(weights), output=str(tmp_path / "m.owm"))
    for text, sentence in (("blé,1\nforêt,inf\n", "line 2"), ("blé,1\nforêt,1\n", "weight for z")):
        weights.write_text(text, encoding="utf-8")
        with pytest.raises(InvalidOption, match=sentence):
            run(request)
    weights.write_text("blé,1\nforêt,2\nz,1\n", encoding="utf-8")
    assert run(request).class_count == 3
