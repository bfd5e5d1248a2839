# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a mosaic, and its numbers as JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...clock import Step
from ...image import Image
from ...mosaicking.journal import Journal
from ...normalizing.blocking import Blocking
from ...provenance import peak_memory_mb, repetition, write_json
from ...registration.estimate import map_unit
from ...report import localblocks, overlaps
from ...report.html import Figure, Number, Report, Table, numbers_of, write_report
from ...report.mosaic import (
    ON_BORDERS,
    SEAM_READING,
    SEAMLESS,
    Coverage,
    before_and_after,
    cells_figure,
    coverage_numbers,
    images_table,
    models_table,
    mosaic_verdict,
    seams_figure,
    steps_table,
)
from ...report.network import graph, network_tables, unmatched
from ...report.thumbnail import Thumbnail
from ...vector.rings import points_of, rings_of
from ...write import Written
from .. import globalregression, localblockadjustment
from .before import STEP as PICTURED
from .models import Models
from .placed import network_of
from .scene import Scene

PLACING = "Images put in place"


@dataclass(frozen=True)
class Done:
    """All that a finished run knows."""

    request: Any
    scene: Scene
    models: Models
    journal: Journal
    steps: Sequence[Step]
    outcome: Any
    pictures: tuple[Thumbnail, Thumbnail]
    written: Written

    @property
    def coverage(self) -> Coverage | None:
        """Pixels of the mosaic; None when none was written."""
        if self.written.state == "planned":
            return None
        found = self.models.footprints
        given = sum(one.valid_pixels for one in found) if found else None
        pixels, valid = self.scene.grid.window.pixels, self.written.valid_pixels
        return Coverage(pixels, valid, self.outcome.hole_pixels, given)


def seam_numbers(models: Models) -> dict[str, float | None]:
    """Return the numbers of a result about seams."""
    cells = models.cells
    return {
        "seam_length": cells.length if cells else None,
        "mean_seam_cost": cells.cost if cells else None,
        "mean_center_cost": cells.center_cost if cells else None,
    }


def write_reports(done: Done, warnings: Sequence[str]) -> str:
    """Write report.html and report.json; return the verdict."""
    models, images, outcome = done.models, done.scene.images, done.outcome
    coverage, unit = done.coverage, map_unit(done.scene.grid) or "map units"
    report = Report(
        title="Mosaic",
        verdict=mosaic_verdict(
            *models.differences, coverage, pairs=models.pairs, changed=models.changed
        ),
        numbers=(*_numbers(outcome, unit), *coverage_numbers(coverage)),
        figures=(*_pictures(done), *_placing_figures(done), *_figures(models, images, unit)),
        tables=(*_placing_tables(done), *_tables(models, unit), *_runs(done)),
        skipped=(*_unmatched(done), *((one, "no seam cell") for one in _clauses(models))),
        reading=(
            *unseen(models, outcome.seam_visibility, planned=coverage is None),
            *_reading(models),
        ),
        warnings=tuple(warnings),
        repeat=repetition("mosaicpipeline", done.request),
    )
    write_report(outcome.report, report)
    numbers = {
        **asdict(outcome),
        "coverage": {number.label: number.value for number in report.numbers},
        "overlaps": _overlaps(models),
        "models": _models(done.journal),
        "steps": [asdict(step) for step in done.steps],
        "peak_memory_mb": peak_memory_mb(),
    }
    if models.blocks:
        numbers["shading"] = localblockadjustment.numbers(models.blocks)["shading"]
    write_json(os.path.join(done.scene.folder, "report.json"), numbers)
    return report.verdict.sentence


def _numbers(outcome: Any, unit: str) -> Iterator[Number]:
    for number in numbers_of(outcome):
        yield replace(number, unit=number.unit.replace("map units", unit))


def _models(journal: Journal) -> dict[str, str]:
    """Return what became of each model; the picture of the images is none."""
    return {step: state for step, state in journal.states.items() if step != PICTURED}


def _clauses(models: Models) -> tuple[str, ...]:
    return models.cells.clauses if models.cells else ()


def _overlaps(models: Models) -> list[dict[str, Any]]:
    """The numbers of each overlap for report.json."""
    pairs = models.regression.agreement.pairs if models.regression else ()
    found = [asdict(pair) for pair in pairs]
    after = models.blocks.differences[2].pairs if models.blocks else ()
    for pair, number in zip(found, after):
        pair["after_local"] = number
    return found


def unseen(models: Models, visibility: float | None, *, planned: bool) -> tuple[str, ...]:
    """Return a sentence about seams that have no visibility, or nothing."""
    if planned or models.cells is None or visibility is not None:
        return ()
    return (ON_BORDERS if models.cells.cuts else SEAMLESS,)


def _pictures(done: Done) -> Iterator[Figure]:
    """Pictures of the images, the mosaic, and its seams."""
    yield from before_and_after(*done.pictures)
    if done.models.cells:
        lines = [points_of(line) for line in done.models.cells.cuts]
        yield from seams_figure(done.pictures[1], lines)


def _placing_figures(done: Done) -> Iterator[Figure]:
    facts = network_of(done.journal)
    if facts:
        drawn = graph(facts)
        yield replace(drawn, title=f"{PLACING}: {drawn.title.lower()}")


def _placing_tables(done: Done) -> Iterator[Table]:
    facts = network_of(done.journal)
    for table in network_tables(facts) if facts else ():
        yield replace(table, title=f"{PLACING}: {table.title.lower()}")


def _unmatched(done: Done) -> tuple[tuple[str, str], ...]:
    facts = network_of(done.journal)
    return unmatched(facts) if facts else ()


def _figures(models: Models, images: Sequence[Image], unit: str) -> Iterator[Figure]:
    """Figures of seam cells, overlaps, gains and blocks."""
    if models.cells:
        shapes = {
            images[number].name: [
                ring for wkb in cell for polygon in rings_of(wkb) for ring in polygon
            ]
            for number, cell in sorted(models.cells.shapes.items())
        }
        yield cells_figure(shapes, [points_of(line) for line in models.cells.cuts], unit)
    if models.regression:
        after = models.blocks.differences[2].pairs if models.blocks else None
        yield from globalregression.figures(models.regression, after or None)
    if models.blocks:
        yield from localblockadjustment.figures(models.blocks, Blocking())


def _tables(models: Models, unit: str) -> Iterator[Table]:
    """Tables of images, overlaps, gains and blocks."""
    if models.cells and models.footprints:
        yield images_table(
            [
                (one.name, one.valid_pixels, one.pixels, models.cells.area(number))
                for number, one in enumerate(models.footprints)
            ],
            unit,
        )
    if models.regression:
        after = "after gains" if models.blocks else "after"
        yield from globalregression.tables(models.regression, after)
    if models.blocks and models.blocks.pairs:
        steps = ("Before", "After gains", "After blocks")
        yield from localblockadjustment.tables(models.blocks, steps, models.blocks.differences)


def _runs(done: Done) -> Iterator[Table]:
    """Tables of what happened to the models and what the run cost."""
    entries = done.journal.entries
    rows = [
        (step, ", ".join(_short(list(entries[step].files))), state, entries[step].seconds)
        for step, state in _models(done.journal).items()
        if step in entries
    ]
    if rows:
        yield models_table(rows)
    written = {"Writing the mosaic": done.outcome.written_bytes or 0}
    yield steps_table(done.steps, peak_memory_mb(), written)


def _short(names: list[str]) -> list[str]:
    return names if len(names) <= 3 else [*names[:2], f"… ({len(names)} files)"]


def _reading(models: Models) -> tuple[str, ...]:
    """How to read the numbers."""
    blocks = localblocks.READING if models.blocks else ()
    seams = SEAM_READING if models.cells else ()
    return (*(overlaps.READING if models.regression else ()), *blocks, *seams)
