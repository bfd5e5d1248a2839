# SPDX-License-Identifier: GPL-2.0-or-later
"""From samples to a model: choose, tune, train, and note what is known about it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import version
from ..errors import NoSolution
from ..image import Array
from ..options import values_of
from ..progress import SILENT, Progress
from .assessing import Assessment, assess
from .choosing import MOST, choose, tune
from .fitting import Fitted, Task, fit
from .folds import dealt, groups_per_class, usable_folds
from .models import Model
from .samples import Samples
from .settings import GRIDDED, Settings


@dataclass(frozen=True)
class Trained:
    """A model, the assessments that led to it, and its own with importance (or None)."""

    model: Model
    compared: tuple[Assessment, ...] = ()
    tuned: tuple[Assessment, ...] = ()
    assessed: Assessment | None = None


def train(
    samples: Samples,
    how: Settings,
    progress: Progress = SILENT,
    *,
    names: Mapping[int, str] | None = None,
    weights: Array | None = None,
    assessing: bool = False,
) -> Trained:
    """Train the classifier that the settings ask for on all samples.

    `names` are those of the classes, `weights` their shares in ascending order of labels;
    `assessing` cross-validates the result and measures the importance of the features. Raises
    InvalidOption for samples that cannot be learned from, NoSolution when cross-validation is
    needed and impossible, MissingPackage without OpenCV.
    """
    task = Task(samples, how, np.empty(0) if weights is None else weights)
    folds = _folds(samples, how, progress)
    classifier, compared, tuned = how.classifier, tuple[Assessment, ...](), tuple[Assessment, ...]()
    if classifier == "best":
        chosen = choose(task, _needed(folds), progress.part(0.0, 0.5))
        classifier, compared = chosen.classifier, chosen.compared
    if how.tune:
        task, tuned = tune(task, classifier, _needed(folds), progress.part(0.5, 0.8))
    progress.phase(f"Training {classifier}")
    # what was compared is what is trained
    most = MOST["svm"] if classifier == "svm" and compared else 0
    fitted = fit(task, classifier, most=most, progress=progress.part(0.8, 0.9))
    _say_constant(samples, fitted, progress)
    assessed = None
    if assessing and not isinstance(folds, NoSolution):
        progress.phase("Cross-validating the result")
        rest = progress.part(0.9, 1.0)
        assessed = assess(task, classifier, folds, most=most, importance=True, progress=rest)
    facts = _facts(task, classifier, compared, tuned, assessed)
    model = _model(samples, classifier, fitted, names or {}, facts)
    return Trained(model, compared, tuned, assessed)


def _folds(samples: Samples, how: Settings, progress: Progress) -> Array | NoSolution:
    """Return the fold of each sample, or why there are none."""
    try:
        count = usable_folds(samples.indices, samples.groups, how.folds)
    except NoSolution as error:
        return error
    if count < how.folds:
        progress.info(f"{count} folds instead of {how.folds}: a class has only {count} polygons.")
    return dealt(samples.indices, samples.groups, count)


def _needed(folds: Array | NoSolution) -> Array:
    if isinstance(folds, NoSolution):
        raise folds
    return folds


def _say_constant(samples: Samples, fitted: Fitted, progress: Progress) -> None:
    kept = set(fitted.preparation.columns.tolist())
    constant = [name for number, name in enumerate(samples.names) if number not in kept]
    if constant:
        listed = ", ".join(constant[:5])
        progress.warn(f"{len(constant)} features have one value only and are not used: {listed}.")


def _model(
    samples: Samples,
    classifier: str,
    fitted: Fitted,
    names: Mapping[int, str],
    facts: Mapping[str, Any],
) -> Model:
    labels = tuple(samples.classes.tolist())
    known = {**dict(samples.named), **names}
    titles = tuple(known.get(label, str(label)) for label in labels)
    return Model(classifier, fitted.rule, fitted.preparation, labels, titles, samples.names, facts)


def _facts(
    task: Task,
    classifier: str,
    compared: tuple[Assessment, ...],
    tuned: tuple[Assessment, ...],
    assessed: Assessment | None,
) -> dict[str, Any]:
    samples, how = task.samples, task.how
    counts = np.bincount(samples.indices)
    groups = groups_per_class(samples.indices, samples.groups, len(counts))
    options = values_of(how)
    wanted = (*GRIDDED, "oob_stop", "standardize", "priors", "reduce", "reduce_mode", "folds")
    return {
        "parameters": {name: options[name] for name in wanted},
        "seed": how.seed,
        "samples": counts.tolist(),
        "groups": groups.tolist(),
        "compared": [one.facts() for one in compared],
        "tuned": [one.facts() for one in tuned],
        "cross_validation": assessed.facts() if assessed else None,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": version("cv2") if classifier in ("rf", "svm") else None,
        },
    }
