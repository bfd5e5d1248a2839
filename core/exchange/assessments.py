# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder of results of an accuracy assessment: texts, tables, figures and a report."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..deps import available
from ..landcover.areas import NORMAL, Estimates
from ..landcover.assessment import Assessment
from ..landcover.intervals import Spread
from ..landcover.legend import Legend
from ..provenance import write_json
from ..report.confusion import DPI, confusion_figure
from ..report.drawing import inline_svg
from ..report.html import Figure, Number, Repeat, Report, Table, Verdict, write_report
from ..report.saving import save_figure
from ..stage import write_text
from .confusions import (
    Runs,
    areas_text,
    defined,
    results_text,
    runs_of,
    scores_values,
    spread_text,
    write_confusion,
)

GOOD, USABLE = 0.85, 0.70
"""Overall accuracies from which a map is good, or usable for some purposes."""


@dataclass(frozen=True)
class Assessed:
    """Assessments of one map per run, with what is needed to present them.

    `hectares` is the area of a pixel; `independent` is False when maps were compared with the
    polygons that they learned from.
    """

    each: tuple[Assessment, ...]
    legend: Legend
    hectares: float
    level: float = 0.95
    independent: bool = True

    @cached_property
    def runs(self) -> Runs:
        """Scores of all runs over one list of classes."""
        return runs_of([one.confusion for one in self.each], self.level)

    @property
    def names(self) -> dict[int, str]:
        """Name of each class."""
        return {label: self.legend.name(label) for label in self.runs.labels}

    @property
    def title(self) -> str:
        """What was compared."""
        count = len(self.each)
        which = "run 0" if count == 1 else f"mean of {count} runs"
        return f"Confusion matrix, {which}{'' if self.independent else ', not independent'}"

    @property
    def verdict(self) -> Verdict:
        """How good the map is, in one sentence."""
        overall, count = self.runs.spread("overall"), len(self.each)
        share = 100 * overall.mean
        grade = "good" if overall.mean >= GOOD else "usable" if overall.mean >= USABLE else "poor"
        where = f" (mean of {count} runs)" if count > 1 else ""
        sentence = (
            f"{share:.1f} % of the reference pixels have the right class{where}{self._range}."
        )
        if not self.independent:
            grade = "usable" if grade == "good" else grade
            sentence += " Not independent: the map learned from these polygons."
        limits = f"good from {100 * GOOD:.0f} %, usable from {100 * USABLE:.0f} %"
        return Verdict(grade, sentence, limits)

    @property
    def _range(self) -> str:
        bounds = self.each[0].intervals.get("overall")
        if len(self.each) > 1 or bounds is None or math.isnan(float(bounds[0])):
            return ""
        low, high = (100 * float(bound) for bound in bounds)
        return f"; with other polygons it would be {low:.1f} to {high:.1f} %"


def write_assessed(
    folder: str,
    assessed: Assessed,
    numbers: tuple[Number, ...],
    warnings: tuple[str, ...],
    repeat: Repeat,
) -> None:
    """Write RESULTS.txt, .json and .html, AREAS.csv, and a figure and tables for each run."""
    names = assessed.names

    def inside(*parts: str) -> str:
        return os.path.join(folder, *parts)

    write_text(inside("RESULTS.txt"), results_text(assessed.runs, names, assessed.title))
    write_json(inside("RESULTS.json"), results_values(assessed))
    weighted = [(one.estimates, one.mapped) for one in assessed.each if one.estimates is not None]
    if weighted:
        write_text(inside("AREAS.csv"), areas_text(weighted, assessed.hectares, names))
    for run, one in enumerate(assessed.each):
        write_confusion(inside("TMP", f"Classif_Seed_{run}.csv"), one.confusion)
        text = results_text(runs_of([one.confusion]), names, f"Confusion matrix, run {run}")
        write_text(inside("TMP", f"ClassificationResults_seed_{run}.txt"), text)
        if available("matplotlib"):
            path = inside(f"Confusion_Matrix_Classif_Seed_{run}.png")
            save_figure(_figure(one, assessed.legend), path, DPI)
    report = Report(
        title="Accuracy of a class map",
        verdict=assessed.verdict,
        numbers=numbers,
        figures=tuple(_figures(assessed)),
        tables=tuple(_tables(assessed)),
        reading=READING,
        warnings=warnings,
        repeat=repeat,
    )
    write_report(inside("RESULTS.html"), report)


READING = (
    "Precision (user accuracy): how much of what the map calls a class is that class. Recall "
    "(producer accuracy): how much of a class the map found. F-score: both in one number.",
    "Kappa: agreement beyond what chance would give, 1 is perfect.",
    "Intervals within a run come from drawing whole polygons again, because pixels of one polygon "
    "are alike; those over runs are Student's, and runs share polygons.",
    "Areas are estimated from the confusion and from what each class covers on the map (Olofsson "
    "et al. 2014, doi:10.1016/j.rse.2014.02.015).",
    "- means undefined: no pixel to divide by. Undefined scores do not enter means.",
)


def results_values(assessed: Assessed) -> dict[str, Any]:
    """Return all numbers as JSON can hold them."""
    runs = assessed.runs
    return {
        "independent": assessed.independent,
        "level": assessed.level,
        "classes": {str(label): name for label, name in assessed.names.items()},
        "mean": {name: _spread_value(runs.spread(name)) for name in ("overall", "kappa")},
        "mean_counts": runs.counts.tolist(),
        "runs": [_run_values(one) for one in assessed.each],
        "pixel_hectares": assessed.hectares,
    }


def _spread_value(spread: Spread) -> dict[str, Any]:
    return {"mean": defined(spread.mean), "half": defined(spread.half), "runs": spread.runs}


def _run_values(one: Assessment) -> dict[str, Any]:
    values: dict[str, Any] = {
        **scores_values(one.scores),
        "labels": list(one.confusion.labels),
        "counts": one.confusion.counts.tolist(),
        "not_mapped": one.confusion.not_mapped,
        "mapped_pixels": one.mapped.tolist(),
        "polygons": one.polygons.tolist(),
        "intervals": {
            name: [_listed(low), _listed(high)] for name, (low, high) in one.intervals.items()
        },
    }
    if one.estimates is not None:
        values["estimates"] = _estimates_values(one.estimates)
    return values


def _estimates_values(estimates: Estimates) -> dict[str, Any]:
    return {name: _listed(value) for name, value in vars(estimates).items()}


def _listed(value: Any) -> Any:
    """Return numbers of any shape with None where they are undefined."""
    if isinstance(value, (tuple, list)):
        return list(value)
    if np.ndim(value):
        return [defined(float(item)) for item in value]
    return defined(float(value))


def _figure(one: Assessment, legend: Legend) -> Any:
    scores = one.scores
    names = [legend.name(label) for label in scores.labels]
    return confusion_figure(
        one.confusion.counts,
        names,
        (scores.precision, scores.recall, scores.fscore),
        (scores.kappa, scores.overall),
    )


def _figures(assessed: Assessed) -> Iterator[Figure]:
    for run, one in enumerate(assessed.each):
        title = "Confusion" if len(assessed.each) == 1 else f"Confusion, run {run}"
        markup = inline_svg(_figure(one, assessed.legend)) if available("matplotlib") else ""
        caption = "Pixels by reference class (rows) and class on the map (columns)."
        yield Figure(title, caption, markup)


def _tables(assessed: Assessed) -> Iterator[Table]:
    runs, names = assessed.runs, assessed.names
    rows = tuple(
        (
            label,
            names[label],
            *(spread_text(runs.spread(name, at)) for name in ("precision", "recall", "fscore")),
            _interval(assessed.each, at, label),
        )
        for at, label in enumerate(runs.labels)
    )
    heads = ("Label", "Class", "Precision", "Recall", "F-score", "F-score with other polygons")
    yield Table("Classes", heads, rows)
    for run, one in enumerate(assessed.each):
        which = f", run {run}" if len(assessed.each) > 1 else ""
        if one.estimates is not None:
            yield _areas(one, one.estimates, assessed, f"Areas{which}")
        yield _reference(one, names, f"Reference{which}")


def _reference(one: Assessment, names: Mapping[int, str], title: str) -> Table:
    """Return what a map was compared with."""
    counted = zip(one.confusion.labels, one.polygons, one.confusion.counts.sum(1))
    rows = tuple((label, names[label], int(count), int(pixels)) for label, count, pixels in counted)
    note = f"{one.confusion.not_mapped} reference pixels have no class on the map."
    return Table(title, ("Label", "Class", "Polygons", "Pixels compared"), rows, note=note)


def _interval(every: Sequence[Assessment], at: int, label: int) -> str:
    """Return the interval of a class's F-score within a single run."""
    if len(every) > 1 or "fscore" not in every[0].intervals:
        return "-"
    low, high = (float(bound[at]) for bound in every[0].intervals["fscore"])
    return "-" if math.isnan(low) else f"{low:.3f} to {high:.3f}"


def _areas(one: Assessment, estimates: Estimates, assessed: Assessed, title: str) -> Table:
    """Return mapped and estimated areas; both are parts of the assessed map."""
    whole = float(one.mapped.sum()) * assessed.hectares * estimates.assessed
    rows = tuple(
        (
            assessed.names[label],
            f"{float(one.mapped[at]) * assessed.hectares:,.1f}",
            _plus_minus(estimates.areas[at] * whole, estimates.area_errors[at] * whole, 1),
            _plus_minus(estimates.user[at], estimates.user_errors[at], 3),
            _plus_minus(estimates.producer[at], estimates.producer_errors[at], 3),
        )
        for at, label in enumerate(estimates.labels)
    )
    heads = ("Class", "Mapped (ha)", "Estimated (ha)", "User accuracy", "Producer accuracy")
    overall = _plus_minus(estimates.overall, estimates.overall_error, 3)
    note = f"Overall accuracy weighted by area: {overall}; ± is 95 %."
    if estimates.not_assessed:
        note += f" {100 * (1 - estimates.assessed):.1f} % of the map are not assessed."
    return Table(title, heads, rows, note=note)


def _plus_minus(value: float, error: float, digits: int) -> str:
    if math.isnan(value):
        return "-"
    half = "" if math.isnan(error) else f" ± {error * NORMAL:,.{digits}f}"
    return f"{value:,.{digits}f}{half}"
