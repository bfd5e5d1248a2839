# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that compare maps with the reference: count in tiles, put together, report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...deps import available
from ...errors import InvalidOption
from ...exchange.assessments import Assessed, write_assessed
from ...exchange.confusions import results_text, runs_of, write_confusion
from ...exchange.legend import read_legend
from ...landcover.assessment import Bootstrap, Tally, assess
from ...landcover.confusion import Confusion, scores_of
from ...landcover.legend import Legend
from ...landcover.mosaicked import Painted
from ...progress import Progress
from ...provenance import repetition, write_json
from ...raster import open_image
from ...report.confusion import DPI, confusion_figure
from ...report.html import numbers_of
from ...report.saving import save_figure
from ...stage import write_text
from ...vector import Burned
from ...vector.groundtruth import GroundTruth, read_truth
from ...workflow.comparing import JUDGED, Inside, Judged, roles_of, style_judged, tally_of
from ...write import write
from .. import accuracy
from .mapping import envelopes_of, seen_tiles
from .plan import Plan
from .reference import shapes_in
from .tiles import Tile

TABLES = ("mapped", "polygons", "strata", "sizes")


@dataclass(frozen=True)
class Confuse:
    """Count a map of a tile against the reference."""

    plan: Plan
    run: int
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the counts and where the map is right."""
        plan, tree, stem = self.plan, self.plan.tree, f"{self.tile.name}_seed_{self.run}"
        image = open_image(tree.temporary(f"{stem}.tif"))
        truth = read_truth(tree.validation, plan.label, plan.crs)
        roles = roles_of(truth, f"seed_{self.run}", part_of(plan))
        area = shapes_in(tree.envelope(self.tile.name), plan.crs)
        inside = Burned(image.grid, tuple((shape, 1) for shape in area.shapes))
        burning = Inside(image.grid, truth, inside)
        tally = tally_of(image, burning, roles, threads=plan.request.threads, progress=progress)
        write_tally(tree.temporary(f"{stem}_counts.json"), tally)
        write_confusion(tree.temporary(f"{stem}.csv"), confusion_in(tally, truth))
        judged = Judged(image, burning, tuple(roles.tolist()))
        write(judged, tree.temporary(f"{stem}_CompRef.tif"), plan.writing(share))


def part_of(plan: Plan) -> str:
    """Return which polygons maps are compared with: those that validate, if any do."""
    return "validation" if plan.splitting().split else "learn"


def confusion_in(tally: Tally, truth: GroundTruth) -> Confusion:
    """Return the confusion of counts; one of zeros when nothing was compared."""
    if not any(label for _, label in tally.polygons):
        side = len(truth.classes)
        return Confusion(truth.classes, np.zeros((side, side), np.int64))
    return assess(tally, truth.labels, Bootstrap(0), weighted=False).confusion


def write_tally(path: str, tally: Tally) -> None:
    """Write counts as JSON: lists of keys and a count."""
    found: dict[str, Any] = {"conflicts": tally.conflicts}
    for name in TABLES:
        table: Mapping[Any, int] = getattr(tally, name)
        found[name] = [
            [*(key if isinstance(key, tuple) else (key,)), count] for key, count in table.items()
        ]
    write_json(path, found)


def read_tally(path: str) -> Tally:
    """Return counts that were written."""
    with open(path, encoding="utf-8") as file:
        values = json.load(file)
    tables: dict[str, Any] = {
        name: {tuple(row[:-1]) if len(row) > 2 else row[0]: row[-1] for row in values[name]}
        for name in TABLES
    }
    return Tally(**tables, conflicts=values["conflicts"])


@dataclass(frozen=True)
class MergeConfusions:
    """Put the counts of all tiles together, and the images of right and wrong."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the counts and the difference map of each run."""
        plan, tree = self.plan, self.plan.tree
        for run, part in zip(plan.runs, progress.split(len(plan.runs))):
            whole = Tally()
            for tile in plan.tiles:
                whole.add(read_tally(tree.temporary(f"{tile.name}_seed_{run}_counts.json")))
            write_tally(tree.temporary(f"Classif_Seed_{run}_counts.json"), whole)
            self._difference(run, share, part)

    def _difference(self, run: int, share: float, progress: Progress) -> None:
        plan, tree = self.plan, self.plan.tree
        images = [
            open_image(tree.temporary(f"{tile.name}_seed_{run}_CompRef.tif"))
            for tile in seen_tiles(plan)
        ]
        pieces = envelopes_of(plan, images, progress)
        view = Painted(pieces.together(pieces.maps, np.dtype(np.uint8)), JUDGED)
        path = tree.final(f"diff_seed_{run}.tif")
        write(view, path, plan.writing(share), progress)
        style_judged(path)


@dataclass(frozen=True)
class Report:
    """Write how right the maps are."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write texts, tables, figures and the report."""
        plan, tree = self.plan, self.plan.tree
        truth = read_truth(tree.validation, plan.label, plan.crs)
        tallies = [
            read_tally(tree.temporary(f"Classif_Seed_{run}_counts.json")) for run in plan.runs
        ]
        _refuse_nothing(tallies, plan)
        how = Bootstrap(seed=plan.request.seed)
        found = [assess(tally, truth.labels, how) for tally in tallies]
        legend = read_legend(plan.nomenclature)
        assessed = Assessed(
            tuple(found),
            Legend(legend.names),
            accuracy.pixel_hectares(plan.tiles[0].grid),
            independent=part_of(plan) == "validation",
        )
        outcome = accuracy.Result(
            tree.at("final"),
            tree.final("RESULTS.html"),
            accuracy=assessed.runs.spread("overall").mean,
            kappa=assessed.runs.spread("kappa").mean,
            pixels_compared=sum(one.confusion.total for one in found),
            pixels_not_mapped=sum(one.confusion.not_mapped for one in found),
            conflict_pixels=sum(tally.conflicts for tally in tallies),
        )
        repeat = repetition("landcover", plan.request)
        write_assessed(tree.at("final"), assessed, numbers_of(outcome), (), repeat)
        progress.verdict(assessed.verdict.sentence)
        if plan.request.merge_runs:
            self._fusion(truth, assessed, progress)

    def _fusion(self, truth: GroundTruth, seeds: Assessed, progress: Progress) -> None:
        """Write RESULTS.txt of the fusion of the runs; that of the runs gets another name."""
        tree, names = self.plan.tree, seeds.names
        text = results_text(seeds.runs, names, seeds.title)
        write_text(tree.final("RESULTS_seeds.txt"), text)
        tally = read_tally(tree.temporary("Classifications_fusion_counts.json"))
        if not any(label for _, label in tally.polygons):
            progress.warn("No pixel of polygons that were held out has a class in the fusion.")
        found = confusion_in(tally, truth)
        runs = runs_of([found])
        write_text(tree.final("RESULTS.txt"), results_text(runs, names, "Fusion of all runs"))
        if available("matplotlib"):
            one = scores_of(found)
            figure = confusion_figure(
                found.counts,
                [names.get(label, str(label)) for label in found.labels],
                (one.precision, one.recall, one.fscore),
                (one.kappa, one.overall),
            )
            save_figure(figure, tree.final("fusionConfusion.png"), DPI)


def _refuse_nothing(tallies: Sequence[Tally], plan: Plan) -> None:
    for run, tally in zip(plan.runs, tallies):
        if not any(label for _, label in tally.polygons):
            raise InvalidOption(
                f"No pixel that has a class lies in a {part_of(plan)} polygon in run {run}; there "
                "is nothing to compare. Lower RATIO, or give more polygons."
            )


def names_of_report(plan: Plan) -> tuple[str, ...]:
    """Return the files that the report always has."""
    names = ["RESULTS.txt", "RESULTS.json", "RESULTS.html", "AREAS.csv"]
    names += ["RESULTS_seeds.txt"] if plan.request.merge_runs else []
    tables = (plan.tree.temporary(f"Classif_Seed_{run}.csv") for run in plan.runs)
    texts = (plan.tree.temporary(f"ClassificationResults_seed_{run}.txt") for run in plan.runs)
    return (*(plan.tree.final(name) for name in names), *tables, *texts)
