# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks from the polygons of tiles to samples: count, choose, extract, put together."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ...errors import InvalidOption
from ...exchange.numbertable import csv_text, read_rows
from ...image import Array
from ...landcover.samples import Samples
from ...landcover.sampling import Sampling, required
from ...progress import Progress
from ...raster import open_image
from ...resuming import WITHOUT_EFFECT
from ...stage import write_text
from ...vector import Feature
from ...vector.groundtruth import Burning, GroundTruth, read_truth
from ...vector.samplelayer import Fields, read_samples, write_samples
from ...vector.shapefiles import write_shapefile
from .. import extractsamples
from .plan import Model, Plan
from .reference import is_empty, layer_of, rows_of, whole
from .tiles import Tile

SIDE = 512
"""Windows in which pixels are counted, px."""


def sampled(plan: Plan) -> dict[str, Any]:
    """Return what decides the samples."""
    return {n: v for n, v in asdict(plan.sampling()).items() if n not in WITHOUT_EFFECT}


@dataclass(frozen=True)
class Merge:
    """Write the polygons that a model learns from in a run, of all tiles."""

    plan: Plan
    model: Model
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them."""
        plan = self.plan
        rows = [
            replace(row, values=whole(row.values))
            for tile in plan.of(self.model)
            for row in rows_of(plan, tile)
            if self.learns(row)
        ]
        if not rows:
            raise InvalidOption(
                f"No polygon is there to learn from for region {self.model.name} in run "
                f"{self.run}. Merge regions, or lower THRESHOLD."
            )
        path = plan.tree.chosen(self.model.name, self.run, ".shp")
        name = os.path.splitext(os.path.basename(path))[0]
        write_shapefile(path, layer_of(plan, name, rows, tile=True))

    def learns(self, row: Feature) -> bool:
        """Return True for a polygon that the model learns from."""
        values = row.values
        return values[f"seed_{self.run}"] == "learn" and str(values["region"]) == self.model.name


@dataclass(frozen=True)
class Count:
    """Count the clear pixels of each class in a tile that a model may learn from."""

    plan: Plan
    model: Model
    run: int
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the counts."""
        plan, found = self.plan, dict[int, int]()
        path = plan.tree.formatted(self.tile.name)
        if not is_empty(path):
            truth = read_truth(path, plan.label, plan.crs)
            learns = Merge(plan, self.model, self.run).learns
            mine = np.array([learns(feature) for feature in truth.features])
            if mine.any():
                found = self._counted(truth, mine, progress)
        lines = [f"{label},{count}\n" for label, count in sorted(found.items())]
        target = plan.tree.counted(self.tile.name, self.model.name, self.run)
        write_text(target, "label,pixels\n" + "".join(lines))

    def _counted(self, truth: GroundTruth, mine: Array, progress: Progress) -> dict[int, int]:
        clear = open_image(self.plan.tree.clear(self.tile.name))
        burning = Burning(clear.grid, truth)
        labels = np.append(0, np.where(mine, truth.labels, 0))
        found: dict[int, int] = {}
        for window in burning.windows(SIDE):
            progress.check()
            held = labels[burning.read(window).features]
            known = held[clear.read(window).values[0] > 0]
            values, counts = np.unique(known[known > 0], return_counts=True)
            for label, count in zip(values.tolist(), counts.tolist()):
                found[label] = found.get(label, 0) + count
        return found


@dataclass(frozen=True)
class Choose:
    """Say how many pixels of each class a model gets from each tile."""

    plan: Plan
    model: Model
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the rates, and the shares of the tiles."""
        plan, tree, name = self.plan, self.plan.tree, self.model.name
        counts = {
            tile.name: _pairs(tree.counted(tile.name, name, self.run))
            for tile in plan.of(self.model)
        }
        totals: dict[int, int] = {}
        for one in counts.values():
            for label, count in one.items():
                totals[label] = totals.get(label, 0) + count
        if len(totals) < 2:
            raise InvalidOption(
                f"Region {name} has {len(totals)} classes to learn from in run {self.run}; a "
                "classifier needs at least 2."
            )
        how = plan.sampling()
        wanted = required(dict(sorted(totals.items())), 0, self._sampling(how))
        lines = ["#className requiredSamples totalSamples rate"]
        lines += [f"{n} {wanted[n]} {totals[n]} {wanted[n] / totals[n]:g}" for n in sorted(totals)]
        write_text(tree.chosen(name, self.run, "_outrates.csv"), "\n".join(lines) + "\n")
        shares = ["tile,label,count"]
        for label in sorted(totals):
            mine = [counts[tile].get(label, 0) for tile in counts]
            for tile, taken in zip(counts, _shared(wanted[label], mine)):
                shares.append(f"{tile},{label},{taken}")
        write_text(tree.chosen(name, self.run, "_selection.csv"), "\n".join(shares) + "\n")

    def _sampling(self, how: extractsamples.Request) -> Sampling:
        table: dict[tuple[int, int], int] = {}
        for row in read_rows(how.rates, 2, 3) if how.rates else ():
            if len(row) == 2 or str(row[0]) == self.model.name:
                table[0, int(row[-2])] = int(row[-1])
        return Sampling(how.strategy, how.amount, counts=table)


def _pairs(path: str) -> dict[int, int]:
    with open(path, encoding="utf-8") as file:
        return {int(row["label"]): int(row["pixels"]) for row in csv.DictReader(file)}


def _shared(wanted: int, counts: Sequence[int]) -> list[int]:
    """Deal a number out as the counts are, by largest remainders."""
    whole = sum(counts)
    exact = [wanted * count / whole for count in counts]
    found = [int(one) for one in exact]
    order = sorted(range(len(counts)), key=lambda at: (found[at] - exact[at], at))
    for at in order[: wanted - sum(found)]:
        found[at] += 1
    return found


@dataclass(frozen=True)
class Deal:
    """Put together what all models want of a tile."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write a table for each run."""
        plan, tree = self.plan, self.plan.tree
        for run in plan.runs:
            lines = ["region,label,count"]
            for model in plan.models_in(self.tile):
                with open(tree.chosen(model.name, run, "_selection.csv"), encoding="utf-8") as file:
                    lines += [
                        f"{model.name},{row['label']},{row['count']}"
                        for row in csv.DictReader(file)
                        if row["tile"] == self.tile.name and row["count"] != "0"
                    ]
            write_text(tree.rates(self.tile.name, run), "\n".join(lines) + "\n")


@dataclass(frozen=True)
class Extract:
    """Read the features of a tile where polygons learn, and keep what was chosen."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the samples of each model and run."""
        plan, tree, name = self.plan, self.plan.tree, self.tile.name
        image = plan.features(self.tile)
        for run, part in zip(plan.runs, progress.split(len(plan.runs))):
            rates = tree.rates(name, run)
            with open(rates, encoding="utf-8") as file:
                wanted = sum(int(row["count"]) for row in csv.DictReader(file))
            samples = _none(extractsamples.feature_names(image))
            if wanted:
                how = self._how(run, share)
                samples = extractsamples.extract(image, how, part).samples
            regions = np.array(samples.regions, object)
            for model in plan.models_in(self.tile):
                mine = samples.taken(regions == model.name) if wanted else samples
                path = tree.tile_samples(name, model.name, run)
                write_samples(path, mine, Fields(plan.label), image.grid.crs)
            progress.info(f"{len(samples)} samples of run {run} are from {name}.")

    def _how(self, run: int, share: float) -> extractsamples.Request:
        plan, name = self.plan, self.tile.name
        how = plan.sampling(polygons=plan.tree.formatted(name), run=run)
        how = replace(how, strategy="byclass", amount=0.0, rates=plan.tree.rates(name, run))
        return replace(how, memory=plan.writing(share).memory, seed=how.seed + run)


def _none(names: tuple[str, ...]) -> Samples:
    empty = np.empty(0, np.int64)
    return Samples(np.empty((0, len(names)), np.float32), empty, empty, names)


@dataclass(frozen=True)
class Collect:
    """Put the samples of a model together, and make more of them if asked for."""

    plan: Plan
    model: Model
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them."""
        plan, tree, name = self.plan, self.plan.tree, self.model.name
        paths = [tree.tile_samples(tile.name, name, self.run) for tile in plan.of(self.model)]
        fields = Fields(plan.label)
        samples = read_samples([path for path in paths if not is_empty(path)], fields)
        samples = enlarged(plan, name, samples)
        write_samples(tree.samples(name, self.run), samples, fields, plan.crs)
        progress.info(f"{len(samples)} samples of {len(samples.classes)} classes.")


def enlarged(plan: Plan, name: str, samples: Samples) -> Samples:
    """Return the samples of a model with more made of them, if asked for."""
    how = plan.sampling()
    if how.augment == "none":
        return samples
    found = extractsamples.Extracted(samples, (name,), (), 0, 0, 0)
    return extractsamples.grown(found, how)


@dataclass(frozen=True)
class Statistics:
    """Write how many polygons and samples each class of each region has in a run."""

    plan: Plan
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the table."""
        plan = self.plan
        rows = []
        for model in plan.models:
            path = plan.tree.samples(model.name, self.run)
            found = read_samples([path], Fields(plan.label))
            for label in found.classes.tolist():
                mine = found.labels == label
                polygons = len(np.unique(found.groups[mine]))
                name = plan.legend.name(label)
                rows.append((label, name, model.name, polygons, int(mine.sum())))
        titles = ("class", "name", "region", "polygons", "samples")
        write_text(plan.tree.statistics(self.run), csv_text(titles, rows))
