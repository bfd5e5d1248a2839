# SPDX-License-Identifier: GPL-2.0-or-later
"""Train a classifier on samples, chosen and tuned by cross-validation if asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidOption
from ..exchange.text import read_lines
from ..landcover.assessing import Assessment
from ..landcover.models import save_model
from ..landcover.samples import Samples
from ..landcover.settings import Settings
from ..landcover.training import Trained, train
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded, repetition
from ..raster import refuse_overwriting
from ..report.html import Figure, Report, Table, numbers_of, write_report
from ..report.training import (
    READING,
    Compared,
    calibration_figure,
    class_table,
    compared_table,
    confusion_table,
    cross_validation_text,
    importance_table,
    training_verdict,
)
from ..requests.trainclassifier import Request as Request
from ..requests.trainclassifier import Result as Result
from ..stage import write_text
from ..vector import files_of
from ..vector.listing import expand_vectors
from ..vector.samplelayer import Fields, read_samples

NEEDS = (
    ("maxlik, mlp", ()),
    ("rf, svm", ("cv2",)),
    ("knn", ("scipy",)),
    ("report figures", ("matplotlib",)),
)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read the samples, train, write the model and the report."""
    heard = Recorder(progress)
    inputs = files_of(*request.samples)
    output = refuse_overwriting(request.output, inputs)
    fields = Fields(request.field, request.group_field)
    progress.phase("Reading the samples")
    samples = read_samples(expand_vectors(request.samples, heard), fields, request.features, heard)
    weights = class_weights(request, samples)
    found = train(
        samples, request, heard.part(0.05, 0.98), weights=weights, assessing=bool(request.report)
    )
    save_model(found.model, output)
    known = _accuracy(found)
    done = Result(
        output,
        request.report,
        classifier=found.model.classifier,
        accuracy=None if known is None else 100 * known,
        sample_count=len(samples),
        class_count=len(found.model.labels),
        feature_count=len(samples.names),
    )
    if request.report:
        write_report(request.report, _report(request, found, samples, done, heard))
        stem = os.path.splitext(request.report)[0]
        write_text(stem + "_cross_val_param.cv", cross_validation_text(_compared(found)))
    progress.advance(1.0)
    progress.info(
        f"{found.model.classifier} is trained on {len(samples)} samples of "
        f"{len(found.model.labels)} classes with {len(samples.names)} features. It is {output}."
    )
    return done


def class_weights(how: Settings, samples: Samples) -> NDArray[np.float64]:
    """Return the share of each class that is asked for, in ascending order; empty: the samples'.

    Raises ImageIOError or InvalidOption when the file of shares cannot be used.
    """
    classes = samples.classes.tolist()
    if how.priors == "samples":
        return np.empty(0)
    if how.priors == "equal":
        return np.full(len(classes), 1 / len(classes))
    known = dict(_weights(how.priors_file or "", samples.named))
    called = dict(samples.named)
    missing = [called.get(label, str(label)) for label in classes if label not in known]
    if missing:
        raise InvalidOption(
            f"{os.path.basename(how.priors_file or '')} has no weight for {', '.join(missing)}."
        )
    return np.array([known[label] for label in classes])


def _weights(path: str, names: Iterable[tuple[int, str]]) -> Iterable[tuple[int, float]]:
    title, codes = os.path.basename(path), {text: label for label, text in names}
    for number, line in enumerate(read_lines(path), 1):
        pieces = line.replace(";", ",").split(",")
        known = pieces[0].strip() in codes or pieces[0].strip().isdigit()
        if not line.strip() or (number == 1 and not known):
            continue
        try:
            label, weight = codes.get(pieces[0].strip(), -1), float(pieces[1])
            label = int(pieces[0]) if label < 0 else label
        except (ValueError, IndexError):
            label, weight = 0, 0.0
        if not 0 < weight < np.inf:
            raise InvalidOption(
                f"{title}, line {number}: {line!r} is not label,weight with a weight above 0."
            )
        yield label, weight


def _accuracy(found: Trained) -> float | None:
    if found.assessed:
        return found.assessed.accuracy
    mine = [one for one in found.compared if one.classifier == found.model.classifier]
    tried = found.tuned or mine
    return max(one.accuracy for one in tried) if tried else None


def _compared(found: Trained) -> list[Compared]:
    """Return all that was compared, or the one classifier."""
    rows = [
        _row(one, one.classifier, one.classifier == found.model.classifier)
        for one in found.compared
    ]
    best = max((one.accuracy for one in found.tuned), default=0.0)
    rows += [_row(one, f"{one.classifier} {one.text}", one.accuracy == best) for one in found.tuned]
    if not rows and found.assessed:
        rows = [_row(found.assessed, found.assessed.classifier, True)]
    return rows


def _row(one: Assessment, name: str, taken: bool) -> Compared:
    return Compared(name, one.accuracy, one.standard_error, tuple(one.by_fold.tolist()), taken)


def _report(
    request: Request, found: Trained, samples: Samples, done: Result, heard: Recorder
) -> Report:
    model, assessed = found.model, found.assessed
    indices = samples.indices
    confusion = assessed.confusion(indices, len(model.labels)) if assessed else None
    counts, polygons = model.facts["samples"], model.facts["groups"]
    tables: list[Table] = []
    rows = _compared(found)
    if rows:
        tables.append(compared_table("Cross-validation by polygons", rows))
    tables.append(class_table(model.labels, model.names, counts, polygons, confusion))
    figures: tuple[Figure, ...] = ()
    if assessed and confusion is not None:
        tables.append(importance_table(samples.names, assessed.importance))
        tables.append(confusion_table(model.labels, confusion))
        figures = (calibration_figure(assessed.calibration(indices)),)
    return Report(
        f"Classifier {model.classifier}",
        training_verdict(model.classifier, _accuracy(found)),
        numbers_of(done),
        figures,
        tuple(tables),
        reading=READING,
        warnings=tuple(heard.warnings),
        repeat=repetition("trainclassifier", request),
    )
