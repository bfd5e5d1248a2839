# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a trained classifier: what it is worth, and why it was taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..image import Array
from .figures import AFTER, LINE, Drawn, panels
from .html import Figure, Table, Verdict

GOOD, USABLE = 0.90, 0.75
"""Overall accuracies on held-out polygons from which a classifier has this grade."""

SHOWN = 30
"""Features in the table of importance."""

READING = (
    "Accuracies are those of polygons that the classifier had not seen while it was trained; "
    "pixels of one polygon never stand on both sides.",
    "They are estimates on the samples, whose classes may be more or less frequent than on the "
    'ground. Measure the map itself with "Accuracy".',
    "Importance is what the accuracy loses when the values of one feature are shuffled. Features "
    "that say the same share their importance.",
    "Confidence is well calibrated when, of the samples with 80 % confidence, 80 % are right.",
)


@dataclass(frozen=True)
class Compared:
    """A classifier or a set of parameters: accuracy, its standard error, accuracy by fold."""

    name: str
    accuracy: float
    error: float
    folds: tuple[float, ...]
    taken: bool


def training_verdict(classifier: str, accuracy: float | None) -> Verdict:
    """Return what a cross-validated accuracy means; None when there is none."""
    limits = f"good: from {100 * GOOD:g} %; usable: from {100 * USABLE:g} %; poor: less."
    if accuracy is None:
        return Verdict(
            "usable",
            f"The classifier {classifier} is trained, but could not be cross-validated: a class "
            "has a single polygon.",
            limits,
        )
    grade = "good" if accuracy >= GOOD else "usable" if accuracy >= USABLE else "poor"
    return Verdict(
        grade,
        f"The classifier {classifier} gives {100 * accuracy:.1f} % of the samples of unseen "
        "polygons their class.",
        limits,
    )


def compared_table(title: str, rows: Sequence[Compared]) -> Table:
    """Return the table of what was compared, the best first."""
    count = max((len(row.folds) for row in rows), default=0)
    ordered = sorted(rows, key=lambda row: -row.accuracy)
    return Table(
        title,
        ("", "Accuracy, %", "± standard error", *(f"Fold {n + 1}, %" for n in range(count)), ""),
        tuple(
            (
                row.name,
                round(100 * row.accuracy, 2),
                round(100 * row.error, 2),
                *(round(100 * fold, 2) for fold in row.folds),
                "taken" if row.taken else "",
            )
            for row in ordered
        ),
        "A cheaper classifier is taken when it is within 0.2 standard errors of the best.",
    )


def class_table(
    labels: Sequence[int],
    names: Sequence[str],
    samples: Sequence[int],
    polygons: Sequence[int],
    confusion: Array | None,
) -> Table:
    """Return samples and polygons of each class, with recall and precision where known."""
    rows = []
    for number, label in enumerate(labels):
        scores: tuple[float | None, ...] = (None, None)
        if confusion is not None:
            true, given = confusion[number].sum(), confusion[:, number].sum()
            hit = float(confusion[number, number])
            scores = tuple(round(100 * hit / all_, 1) if all_ else None for all_ in (true, given))
        rows.append((label, names[number], samples[number], polygons[number], *scores))
    return Table(
        "Classes",
        ("Label", "Name", "Samples", "Polygons", "Recall, %", "Precision, %"),
        tuple(rows),
        "Recall: share of the class that is found. Precision: share of what is found that is it.",
    )


def confusion_table(labels: Sequence[int], confusion: Array) -> Table:
    """Return counts of held-out samples: rows are the reference, columns what was predicted."""
    rows = tuple((str(label), *map(int, row)) for label, row in zip(labels, confusion))
    return Table(
        "Confusion of held-out samples",
        ("Reference", *map(str, labels)),
        rows,
        "Rows: class of the samples. Columns: class they were given.",
    )


def importance_table(names: Sequence[str], drops: Array) -> Table:
    """Return mean and deviation over drops[fold, feature], the most important first."""
    mean = drops.mean(0)
    spread = drops.std(0, ddof=1) if len(drops) > 1 else np.zeros_like(mean)
    order = np.argsort(-mean, kind="stable")[:SHOWN]
    rows = tuple(
        (names[n], round(100 * float(mean[n]), 2), round(100 * float(spread[n]), 2)) for n in order
    )
    more = len(names) - len(rows)
    note = f"The other {more} features lose less." if more > 0 else ""
    return Table("Importance", ("Feature", "Loss of accuracy, %", "± deviation"), rows, note)


def calibration_figure(bins: Sequence[tuple[float, float, int]]) -> Figure:
    """Draw the share of right samples over the confidence, from (confidence, right, samples)."""
    title = "Calibration of the confidence"
    if not bins:
        return Figure(title)
    x = np.array([100 * one[0] for one in bins])
    y = np.array([100 * one[1] for one in bins])
    ends = np.array([0.0, 100.0])
    drawn = [Drawn(ends, ends, LINE, "as it should be", wide=0.8)]
    drawn += [Drawn(x, y, AFTER, "samples", wide=1.6), Drawn(x, y, AFTER, "", dots=True)]
    return panels(
        {"held-out samples": drawn},
        ("confidence, %", "right, %"),
        title=title,
        caption="Samples in ten steps of confidence; above the line the confidence is modest.",
    )


def cross_validation_text(rows: Sequence[Compared]) -> str:
    """Return the comparison as a plain text table."""
    lines = ["# accuracy standard_error name [accuracy of each fold]"]
    for row in sorted(rows, key=lambda row: -row.accuracy):
        folds = " ".join(f"{fold:.4f}" for fold in row.folds)
        taken = " *" if row.taken else ""
        lines.append(f"{row.accuracy:.4f} {row.error:.4f} {row.name} [{folds}]{taken}")
    return "\n".join(lines) + "\n"
