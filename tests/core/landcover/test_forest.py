# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import gzip

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.landcover.forest import Node, grown
from orthoweave.core.landcover.models import load_model
from orthoweave.core.landcover.opencvforest import read_forest

YAML = """%YAML:1.0
---
opencv_ml_rtrees:
   format: 3
   is_classifier: 1
   var_all: 3
   var_count: 2
   class_labels: [ 5, 7,
       9 ]
   missing_subst: [ 0., 0., 0. ]
   ntrees: 2
   trees:
      -
         nodes:
            -
               depth: 0
               value: 5.
               norm_class_idx: 0
               splits:
                  - { var:1, quality:1.0e+01,
                      le:1.5000000000000000e+00 }
            -
               depth: 1
               value: 5.
               norm_class_idx: 0
            -
               depth: 1
               value: 7.
               norm_class_idx: 1
      -
         nodes:
            -
               depth: 0
               value: 5.
               norm_class_idx: 0
               splits:
                  - { var:0, quality:1.0e+01, gt:
                      -2.5e-01 }
            -
               depth: 1
               value: 9.
               norm_class_idx: 2
            -
               depth: 1
               value: 7.
               norm_class_idx: 1
"""


@pytest.fixture
def stored(tmp_path):
    """Write a model text and read it: stored(text)."""

    def make(text, name="model.txt"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return read_forest(str(path))

    return make


def walked(forest, columns):
    """Send each pixel down each tree, one by one."""
    votes = np.zeros((forest.classes, columns.shape[1]), int)
    for start in forest.starts:
        for pixel, values in enumerate(columns.T):
            node = 0
            while forest.left[start + node] != node:
                at = start + node
                left = values[forest.variable[at]] <= forest.threshold[at]
                node = (forest.left if left else forest.right)[at]
            votes[forest.index[start + node], pixel] += 1
    return votes


def trained(rows=3000, features=6, trees=20, classes=5):
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(1)
    values = rng.integers(0, 40, (rows, features)).astype(np.float32)
    labels = (values[:, 0] // 10 + (values[:, 1] > 20) * rng.integers(0, 2, rows)).astype(np.int32)
    model = cv2.ml.RTrees_create()
    model.setMaxDepth(15)
    model.setMinSampleCount(3)
    model.setTermCriteria((cv2.TERM_CRITERIA_MAX_ITER, trees, 0))
    model.train(values, cv2.ml.ROW_SAMPLE, labels % classes)
    return model


@pytest.mark.parametrize("form", ["yml", "xml", "json"])
def test_votes_are_those_of_opencv_ties_with_thresholds_included(tmp_path, form):
    model = trained()
    path = tmp_path / f"model.{form}"
    model.save(str(path))
    found = read_forest(str(path))
    rng = np.random.default_rng(2)
    # halves meet the thresholds, which lie between whole numbers
    values = (rng.integers(0, 80, (60000, 6)) / 2).astype(np.float32)
    votes = found.forest.votes(np.ascontiguousarray(values.T))
    np.testing.assert_array_equal(votes.T, model.getVotes(values, 0)[1:])


def test_a_model_text_of_orfeo_toolbox_is_read_with_both_kinds_of_questions(stored):
    found = stored(YAML)
    assert found.labels == (5, 7, 9) and found.features == 2 and found.forest.trees == 2
    columns = np.array([[-0.3, -0.25, -0.2], [1.5, 1.6, 0.0]], np.float32)
    votes = found.forest.votes(columns)
    np.testing.assert_array_equal(votes, walked(found.forest, columns))
    # tree 1: class 5 up to 1.5, else 7; tree 2: 7 up to -0.25, else 9
    np.testing.assert_array_equal(votes, [[1, 0, 1], [1, 2, 0], [0, 0, 1]])


def test_a_compressed_model_text_is_read(stored):
    assert stored(YAML, "model.txt.gz").labels == (5, 7, 9)


@pytest.mark.parametrize("end", [0.2, 0.4, 0.6, 0.75, 0.9, 0.98])
def test_a_model_text_that_ends_too_early_gets_a_sentence(stored, end):
    with pytest.raises(InvalidOption, match=r"model\.txt cannot be read as a random forest"):
        stored(YAML[: int(end * len(YAML))])


def test_other_files_get_a_sentence(stored, tmp_path):
    with pytest.raises(InvalidOption, match="holds a support vector machine"):
        stored("%YAML:1.0\n---\nopencv_ml_svm:\n   format: 3\n")
    with pytest.raises(InvalidOption, match=r"neither an \.owm model nor"):
        stored("something else")
    with pytest.raises(ImageIOError, match="gone.txt cannot be read"):
        read_forest(str(tmp_path / "gone.txt"))
    with pytest.raises(ImageIOError, match="gone.owm cannot be read"):
        load_model(str(tmp_path / "gone.owm"))
    (tmp_path / "half.txt.gz").write_bytes(gzip.compress(YAML.encode())[:60])
    with pytest.raises(ImageIOError, match="half.txt.gz cannot be read"):
        read_forest(str(tmp_path / "half.txt.gz"))


def test_deep_and_flat_trees_are_walked_right():
    chain = [Node(0, 0, (0, 0.5, True))]
    for depth in range(1, 20):
        chain += [Node(depth, depth % 3, None), Node(depth, 0, (0, depth + 0.5, True))]
    chain += [Node(20, 1, None), Node(20, 2, None)]
    forest = grown([chain, [Node(0, 2, None)]], 3, 1)
    columns = np.arange(-2, 30, 0.5, dtype=np.float32)[None]
    np.testing.assert_array_equal(forest.votes(columns), walked(forest, columns))


def test_votes_do_not_depend_on_the_number_of_pixels():
    forest = grown([[Node(0, 0, (0, 0.0, True)), Node(1, 0, None), Node(1, 1, None)]], 2, 1)
    columns = np.random.default_rng(3).normal(size=(1, 20000)).astype(np.float32)
    whole = forest.votes(columns)
    parts = [forest.votes(columns[:, a:b]) for a, b in ((0, 1), (1, 9000), (9000, 20000))]
    np.testing.assert_array_equal(np.concatenate(parts, 1), whole)


@pytest.mark.parametrize(
    "nodes, sentence",
    [
        ([Node(0, 0, (0, 1.0, True)), Node(1, 0, None)], "ends too early"),
        ([Node(0, 0, None), Node(0, 0, None)], "does not fit"),
        ([Node(0, 4, None)], "does not fit"),
        ([Node(0, 0, (3, 1.0, True)), Node(1, 0, None), Node(1, 0, None)], "feature 4 of 2"),
    ],
)
def test_damaged_trees_get_a_sentence(nodes, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        grown([nodes], 2, 2)


def test_a_forest_without_trees_gets_a_sentence():
    with pytest.raises(InvalidOption, match="no tree"):
        grown([], 2, 2)
