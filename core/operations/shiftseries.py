# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure how many images are displaced from one reference, and put the numbers side by side."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields

from ..errors import InvalidOption, NoSolution, OrthoweaveError
from ..exchange.dates import date_of
from ..options import options_of
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded, repetition
from ..raster import expand
from ..report.html import Report, write_report
from ..report.shift_series import (
    FAILED,
    Row,
    in_order,
    series_chart,
    series_numbers,
    series_tables,
    series_verdict,
)
from ..requests.shared.comparing import Analyzing
from ..requests.shared.numbers import Numbers
from ..requests.shiftseries import Request as Request
from ..requests.shiftseries import Result as Result
from ..stage import write_text
from . import shiftanalysis

NEEDS = shiftanalysis.NEEDS

TABLE = "shift_series.csv"

READING = (
    "Each row is one image against the reference; its folder holds the report with everything.",
    "dx counts to the right and dy downwards, in pixels of the reference; CE90 is the distance "
    "within which 90 % of the key points lie.",
    "An image whose median lies apart from the others is displaced as a whole; one with a larger "
    "CE90 at the same median is distorted, clouded or changed.",
)


@dataclass(frozen=True)
class Outcome:
    """What became of an image: its row, and its result when it could be measured."""

    row: Row
    result: shiftanalysis.Result | None = None


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Measure image after image against the reference, then write the table and the report.

    Raises NoSolution, with the table written, when not a single image could be measured.
    """
    heard = Recorder(progress)
    paths = expand(request.images, heard)
    reference = request.reference or paths[0]
    names = folder_names(paths, request.name_pattern)
    outcomes: list[Outcome] = []
    for path, name, part in zip(paths, names, progress.part(0.0, 0.98).split(len(paths))):
        heard.info(f"Image {len(outcomes) + 1} of {len(paths)}: {path}")
        outcomes.append(_outcome(request, (path, reference), name, part))
        if outcomes[-1].result is None:
            heard.warn(f"{os.path.basename(path)} is left out: {outcomes[-1].row.sentence}")
    rows = in_order([one.row for one in outcomes])
    table = os.path.join(request.output_folder, TABLE)
    write_text(table, _table(outcomes))
    if request.report:
        write_report(request.report, _report(request, reference, rows, heard.warnings))
    done = [one.result for one in outcomes if one.result is not None]
    if not done:
        raise NoSolution(
            f"None of the images could be measured. {os.path.basename(paths[0])}: "
            f"{outcomes[0].row.sentence} What is wrong with the others stands in {table}."
        )
    progress.info(f"{len(done)} of {len(paths)} images were measured. The table is {table}.")
    progress.advance(1.0)
    return Result(
        output_layers=tuple(one.key_points for one in done if one.key_points),
        table=table,
        report=request.report,
        images_used=len(done),
        images_skipped=len(paths) - len(done),
    )


def folder_names(paths: Sequence[str], pattern: str) -> tuple[str, ...]:
    """Return the name of each image's result folder.

    Raises InvalidOption when two images would get one name.
    """
    taken: dict[str, str] = {}
    for path in paths:
        stem = os.path.splitext(os.path.basename(path))[0]
        name = pattern.replace("$", stem)
        if name in taken:
            raise InvalidOption(
                f"{path} and {taken[name]} would both be written into the folder {name!r}. Give "
                "NAME_PATTERN a $, or rename one of them."
            )
        taken[name] = path
    return tuple(taken)


def _outcome(request: Request, pair: tuple[str, str], name: str, progress: Progress) -> Outcome:
    """Measure one image; what goes wrong with it becomes the sentence of its row."""
    moving, reference = pair
    stem, when = os.path.splitext(os.path.basename(moving))[0], date_of(moving) or ""
    try:
        one = shiftanalysis.Request(
            **{entry: getattr(request, entry) for entry in options_of(Analyzing)},
            moving=moving,
            reference=reference,
            output_folder=request.output_folder,
        )
        found, verdict = shiftanalysis.analyze(one, name, progress)
    except OrthoweaveError as error:
        return Outcome(Row(stem, when, sentence=str(error)))
    numbers = {entry.name: getattr(found, entry.name) for entry in fields(Numbers)}
    return Outcome(Row(stem, when, verdict.kind, verdict.text, numbers), found)


def _table(outcomes: Sequence[Outcome]) -> str:
    """Return one row for each image, in the order given, as text."""
    names = [entry.name for entry in fields(Numbers) if entry.name != "verdict"]
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=";", lineterminator="\n")
    writer.writerow(("name", "date", *names, "verdict", "sentence", "folder"))
    for one in outcomes:
        values = [one.row.numbers.get(name) for name in names]
        shown = ["" if value is None else f"{value:.9g}" for value in values]
        folder = one.result.output_folder if one.result else ""
        row = one.row
        writer.writerow((row.name, row.date, *shown, row.kind, row.sentence, folder))
    return stream.getvalue()


def _report(
    request: Request, reference: str, rows: Sequence[Row], warnings: Sequence[str]
) -> Report:
    name = os.path.basename(reference)
    return Report(
        title=f"Shift series against {name}",
        verdict=series_verdict(rows, name, request.tolerance),
        numbers=series_numbers(rows),
        figures=(series_chart(rows, request.tolerance),),
        tables=series_tables(rows),
        skipped=tuple((row.name, row.sentence) for row in rows if row.kind == FAILED),
        reading=READING,
        warnings=tuple(warnings),
        repeat=repetition("shiftseries", request),
    )
