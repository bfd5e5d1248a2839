# SPDX-License-Identifier: GPL-2.0-or-later
"""Train a random forest with OpenCV and take its trees out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from ..progress import SILENT, Progress
from .forest import Forest
from .opencvforest import forest_of, json_model
from .rules import Rows
from .settings import Settings

PARTS = ("variable", "threshold", "index", "left", "right", "starts")


@dataclass(frozen=True)
class ForestRule:
    """The votes of a forest as probabilities."""

    forest: Forest

    def probabilities(self, columns: Array) -> Array:
        """Return the share of the trees that vote for each class."""
        return self.forest.probabilities(columns)

    def arrays(self) -> Mapping[str, Array]:
        """Return the flat arrays of the trees."""
        return {name: getattr(self.forest, name) for name in PARTS}

    def numbers(self) -> Mapping[str, Any]:
        """Return the number of classes and of trees."""
        return {"classes": self.forest.classes, "trees": self.forest.trees}


def train_forest(rows: Rows, how: Settings, progress: Progress = SILENT) -> ForestRule:
    """Grow a forest (Breiman 2001, doi:10.1023/A:1010933404324) on samples.

    The seed shuffles the rows and starts OpenCV's generator, which otherwise goes on where the
    last forest of this thread has left it. Raises MissingPackage without OpenCV.
    """
    cv2 = require("cv2", "Training rf")
    rows = rows.reweighted(how.seed)
    rng = np.random.default_rng(how.seed)
    order = rng.permutation(len(rows))
    cv2.setRNGSeed(int(rng.integers(1, 1 << 31)))
    made = cv2.ml.RTrees_create()
    made.setMaxDepth(how.depth)
    made.setMinSampleCount(how.min_samples)
    made.setActiveVarCount(how.split_features)
    made.setMaxCategories(10)
    made.setRegressionAccuracy(0)
    kind = cv2.TERM_CRITERIA_MAX_ITER + (cv2.TERM_CRITERIA_EPS if how.oob_stop > 0 else 0)
    made.setTermCriteria((kind, how.trees, how.oob_stop))
    labels = rows.indices[order].astype(np.int32)
    made.train(rows.values[order], cv2.ml.ROW_SAMPLE, labels)
    modes = cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY | cv2.FILE_STORAGE_FORMAT_JSON
    file = cv2.FileStorage(".json", modes)
    made.write(file)
    stored = forest_of(json_model(file.releaseAndGetString()))
    progress.check()
    return ForestRule(_renumbered(stored.forest, stored.labels, rows.classes))


def _renumbered(forest: Forest, labels: tuple[int, ...], classes: int) -> Forest:
    """Return the forest with the numbers of all classes, also of those without a row."""
    index = np.array(labels, np.int32)[forest.index]
    parts = (forest.variable, forest.threshold, index, forest.left, forest.right, forest.starts)
    return Forest(*parts, classes)


def load_forest(arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> ForestRule:
    """Return the forest of a model file; raises ValueError when it cannot be one."""
    parts = {name: arrays[name] for name in PARTS}
    forest = Forest(**parts, classes=int(numbers["classes"]))
    projection = arrays["preparation_projection"]
    forest.refuse_damaged(len(projection) or len(arrays["preparation_columns"]))
    return ForestRule(forest)
