# SPDX-License-Identifier: GPL-2.0-or-later
"""Confusion matrices and accuracies as text: the layouts of Orfeo Toolbox and iota2, and ours."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidOption
from ..image import Array
from ..landcover.areas import NORMAL, Estimates
from ..landcover.confusion import Confusion, Scores, mean_of, scores_of
from ..landcover.intervals import Spread, spread_of
from ..stage import write_text
from .numbertable import csv_text
from .text import read_lines

ROWS, COLUMNS = "#Reference labels (rows):", "#Produced labels (columns):"
UNDEFINED = "-"
LISTED = 3
"""Classes that the table of results lists as most often produced."""


def write_confusion(path: str, confusion: Confusion) -> str:
    """Write counts as CSV with the labels of rows and columns in two lines before."""
    labels = ",".join(map(str, confusion.labels))
    lines = [f"{ROWS}{labels}", f"{COLUMNS}{labels}"]
    lines += [",".join(str(int(count)) for count in row) for row in confusion.counts]
    return write_text(path, "\n".join(lines) + "\n")


def read_confusion(path: str) -> Confusion:
    """Read counts that `write_confusion` or Orfeo Toolbox wrote.

    Rows and columns may have other labels. Raises ImageIOError when the file cannot be read,
    InvalidOption when it is no such matrix.
    """
    title = os.path.basename(path)
    lines = [line.strip() for line in read_lines(path) if line.strip()]
    if len(lines) < 2 or not lines[0].startswith("#Ref") or not lines[1].startswith("#Prod"):
        raise InvalidOption(f'{title} is no confusion matrix: it must begin with "{ROWS}".')
    try:
        rows, cols = (_labels(line) for line in lines[:2])
        cells = [[int(float(n)) for n in line.split(",")] for line in lines[2:]]
    except (ValueError, OverflowError) as error:
        raise InvalidOption(f"{title} is no confusion matrix: {error}.") from error
    widths = {len(row) for row in cells}
    if len(widths) > 1:
        raise InvalidOption(f"{title} is no confusion matrix: its lines have different lengths.")
    counts = np.array(cells)
    if counts.size and counts.min() < 0:
        raise InvalidOption(f"{title} is no confusion matrix: it counts {counts.min()} pixels.")
    if len(set(rows)) < len(rows) or len(set(cols)) < len(cols):
        raise InvalidOption(f"{title} is no confusion matrix: a label stands there twice.")
    if counts.shape != (len(rows), len(cols)):
        raise InvalidOption(
            f"{title} has {len(rows)} reference and {len(cols)} produced labels, but its counts "
            f"are {' × '.join(map(str, counts.shape))}."
        )
    labels = tuple(sorted({*rows, *cols}))
    whole = np.zeros((len(labels), len(labels)), np.int64)
    whole[np.ix_(np.searchsorted(labels, rows), np.searchsorted(labels, cols))] = counts
    return Confusion(labels, whole)


def _labels(line: str) -> list[int]:
    return [int(label) for label in line.partition(":")[2].split(",") if label]


@dataclass(frozen=True)
class Runs:
    """Scores of several runs brought to one list of classes, with their spreads."""

    labels: tuple[int, ...]
    counts: Array
    scores: tuple[Scores, ...]
    level: float = 0.95

    def spread(self, name: str, place: int | None = None) -> Spread:
        """Return the spread of a score, of one class where `place` is its number."""
        values = [getattr(scores, name) for scores in self.scores]
        return spread_of([v if place is None else float(v[place]) for v in values], self.level)


def runs_of(confusions: Sequence[Confusion], level: float = 0.95) -> Runs:
    """Return the scores of one confusion for each run."""
    labels, counts = mean_of(confusions)
    scores = tuple(scores_of(confusion.over(labels)) for confusion in confusions)
    return Runs(labels, counts, scores, level)


def results_text(runs: Runs, names: Mapping[int, str], title: str) -> str:
    """Return RESULTS.txt: the mean matrix, kappa, overall accuracy, and a line for each class."""
    called = [names.get(label, str(label)) for label in runs.labels]
    width = max([*map(len, called), 8])
    lines = ["#row = reference", "#col = production", "", f"*********** {title} ***********", ""]
    lines.append(_row([" " * width, *called], width))
    for name, row in zip(called, runs.counts):
        lines.append(_row([name, *(f"{count:.2f}" for count in row)], width))
    lines += ["", f"KAPPA : {spread_text(runs.spread('kappa'))}"]
    lines += [f"OA : {spread_text(runs.spread('overall'))}", "", *_class_lines(runs, called)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str], width: int) -> str:
    return "|".join(cell.center(width) for cell in cells)


def _class_lines(runs: Runs, called: Sequence[str]) -> Iterator[str]:
    heads = ("Classes", "Precision mean", "Rappel mean", "F-score mean", "Confusion max")
    widths = [max([*map(len, called), 7]), 18, 18, 18, 14]
    yield " | ".join(head.center(width) for head, width in zip(heads, widths))
    yield "-" * (sum(widths) + 3 * len(heads))
    for place, name in enumerate(called):
        scores = (spread_text(runs.spread(s, place)) for s in ("precision", "recall", "fscore"))
        most = np.argsort(-runs.counts[place], kind="stable")[:LISTED]
        produced = ", ".join(called[other] for other in most if runs.counts[place, other] > 0)
        cells = (name, *scores, produced or UNDEFINED)
        yield " | ".join(cell.center(width) for cell, width in zip(cells, widths)).rstrip()


def spread_text(spread: Spread) -> str:
    """Return "0.935 +- 0.003"; without the second part for one run; "-" where undefined."""
    if math.isnan(spread.mean):
        return UNDEFINED
    half = "" if math.isnan(spread.half) else f" +- {spread.half:.3f}"
    return f"{spread.mean:.3f}{half}"


def areas_text(
    runs: Sequence[tuple[Estimates, Array]], pixel_hectares: float, names: Mapping[int, str]
) -> str:
    """Return AREAS.csv: mapped and estimated hectares of each class, user and producer accuracy.

    Each run comes with the pixels on its map of each class; several are told apart by a last
    column. Half-widths are those of 95 %.
    """
    titles = "label name mapped_ha estimated_ha ci95_ha user user_ci95 producer producer_ci95"
    several = len(runs) > 1
    rows = (
        [*row, run] if several else row
        for run, (estimates, mapped) in enumerate(runs)
        for row in _area_rows(estimates, mapped, pixel_hectares, names)
    )
    return csv_text([*titles.split(), *(["run"] if several else [])], rows)


def _area_rows(
    estimates: Estimates, mapped: Array, pixel_hectares: float, names: Mapping[int, str]
) -> Iterator[list[Any]]:
    assessed = float(np.sum(mapped)) * pixel_hectares * estimates.assessed
    for place, label in enumerate(estimates.labels):
        hectares = [
            float(mapped[place]) * pixel_hectares,
            estimates.areas[place] * assessed,
            estimates.area_errors[place] * assessed * NORMAL,
        ]
        shares = [
            estimates.user[place],
            estimates.user_errors[place] * NORMAL,
            estimates.producer[place],
            estimates.producer_errors[place] * NORMAL,
        ]
        cells = [*(_plain(value, 2) for value in hectares), *(_plain(v, 4) for v in shares)]
        yield [label, names.get(label, str(label)), *cells]


def _plain(value: float, digits: int) -> str:
    return UNDEFINED if math.isnan(value) else f"{value:.{digits}f}"


def scores_values(scores: Scores) -> dict[str, Any]:
    """Return scores as JSON can hold them: undefined is null."""
    per_class = zip(scores.labels, scores.precision, scores.recall, scores.fscore)
    return {
        "overall": defined(scores.overall),
        "kappa": defined(scores.kappa),
        "classes": {
            str(label): {
                "precision": defined(precision),
                "recall": defined(recall),
                "fscore": defined(fscore),
            }
            for label, precision, recall, fscore in per_class
        },
    }


def defined(value: float) -> float | None:
    """Return a number, None where it is undefined."""
    return None if math.isnan(value) else float(value)
