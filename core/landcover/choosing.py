# SPDX-License-Identifier: GPL-2.0-or-later
"""Choose a classifier, or its parameters, by grouped cross-validation alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import sqrt
from typing import Any

from ..deps import available
from ..image import Array
from ..progress import SILENT, Progress
from .assessing import Assessment, assess, highest
from .fitting import Task
from .settings import Settings, grid_of

COST = ("maxlik", "mlp", "rf", "svm", "knn")
"""Classifiers by the work that a pixel takes, the cheapest first."""

CANDIDATES = ("maxlik", "rf", "svm", "mlp")
MOST = {"svm": 4000, "mlp": 8000}
"""Rows that a classifier learns from while classifiers are compared."""

CLOSE = 0.2
"""Standard errors by which a cheaper classifier may be worse."""


@dataclass(frozen=True)
class Choice:
    """The classifier to take, and what was compared."""

    classifier: str
    compared: tuple[Assessment, ...]


def choose(task: Task, folds: Array, progress: Progress = SILENT) -> Choice:
    """Compare the classifiers over folds[row]; without OpenCV only those that need none."""
    names: tuple[str, ...] = CANDIDATES
    if not available("cv2"):
        names = ("maxlik", "mlp", "knn") if available("scipy") else ("maxlik", "mlp")
        progress.warn(f"This Python does not have OpenCV: best compares {', '.join(names)} only.")
    found = []
    for name, part in zip(names, progress.split(len(names))):
        progress.phase(f"Cross-validating {name}")
        found.append(assess(task, name, folds, most=MOST.get(name, 0), progress=part))
        progress.info(
            f"{name}: overall accuracy {100 * found[-1].accuracy:.2f} % over {folds.max() + 1} "
            "grouped folds."
        )
    return Choice(cheapest(found).classifier, tuple(found))


def cheapest(found: Sequence[Assessment]) -> Assessment:
    """Return the best assessment, or a cheaper one within 0.2 standard errors of it."""
    best = found[highest(found)]
    limit = best.accuracy - CLOSE * best.standard_error
    near = [one for one in found if one.accuracy >= limit]
    return min(near, key=lambda one: COST.index(one.classifier))


def tune(
    task: Task, classifier: str, folds: Array, progress: Progress = SILENT
) -> tuple[Task, tuple[Assessment, ...]]:
    """Return the task with the parameters that are best over folds[row], and what was tried."""
    tried = list(_settings(task, classifier))
    found = []
    for (text, how), part in zip(tried, progress.split(len(tried))):
        progress.phase(f"Tuning {classifier}: {text}")
        one = assess(replace(task, how=how), classifier, folds, progress=part,
                     most=MOST.get(classifier, 0))  # fmt: skip
        found.append(replace(one, text=text))
    best = highest(found)
    return replace(task, how=tried[best][1]), tuple(found)


def _settings(task: Task, classifier: str) -> Iterator[tuple[str, Settings]]:
    """Yield every combination of the grid, in words and as settings."""
    grid = grid_of(task.how.grid) or usual_grid(classifier, len(task.samples.names), task.how)
    for values in product(*grid.values()):
        pairs = dict(zip(grid, values))
        text = ", ".join(f"{name.upper()} {value}" for name, value in pairs.items())
        yield text, replace(task.how, **pairs)


def usual_grid(classifier: str, features: int, how: Settings) -> dict[str, list[Any]]:
    """Return what is tried for a classifier when the user does not say."""
    count = min(features, how.reduce) if how.reduce and how.reduce_mode == "global" else features
    some = max(1, round(sqrt(count)))
    grids: dict[str, dict[str, list[Any]]] = {
        "rf": {
            "min_samples": [5, 10, 20],
            "split_features": sorted({some, max(1, round(0.6 * some))}, reverse=True),
        },
        "svm": {"c": [1.0, 10.0, 100.0], "gamma": [0.25 / count, 1 / count, 4 / count]},
        "mlp": {"hidden": ["32", "64,32", "128,64"]},
        "knn": {"neighbors": [4, 8, 16]},
        "maxlik": {"shrinkage": [0.0, 0.01, 0.03, 0.1, 0.3, 1.0]},
    }
    return grids[classifier]
