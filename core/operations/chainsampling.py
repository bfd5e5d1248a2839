# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks from reference polygons to samples: split, cut, count, choose, extract, put together."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InvalidOption
from ..exchange.numbertable import read_rows
from ..image import Array
from ..landcover.samples import Samples
from ..landcover.sampling import Sampling, required
from ..landcover.splitting import ROLES, UNUSED
from ..progress import Progress
from ..raster import open_image
from ..stage import write_text
from ..vector import Feature, Layer, read_polygons, write_layers
from ..vector.clipping import Shapes, exploded
from ..vector.groundtruth import Burning, GroundTruth, read_truth
from ..vector.rings import rings_of, wkb_of
from ..vector.samplelayer import Fields, read_samples, write_samples
from ..vector.shapefiles import write_shapefile
from ..vector.sources import open_layer
from . import extractsamples, splitreference
from .chainplan import Model, Plan
from .chaintiles import Tile

KINDS = (1, 3, 4, 6)
"""OGR's numbers of points and polygons."""

SIDE = 512
"""Windows in which pixels are counted, px."""


@dataclass(frozen=True)
class Split:
    """Split the whole reference once, before it is cut anywhere."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the reference with labels as used, regions and the roles in all runs."""
        plan = self.plan
        parted = splitreference.estimate(plan.splitting(), plan.crs, progress)
        numbers = _numbered(plan, parted)
        rows = tuple(
            Feature(
                feature.geometry,
                {
                    plan.label: int(parted.truth.labels[at]),
                    "region": numbers[at],
                    "originfid": feature.number,
                    "hold_out": "yes" if parted.held[at] else "no",
                    **{f"seed_{run}": ROLES[role] for run, role in enumerate(parted.roles[:, at])},
                },
            )
            for at, feature in enumerate(parted.truth.features)
        )
        name = os.path.splitext(os.path.basename(plan.reference))[0]
        write_shapefile(plan.reference, _layer(plan, name, rows, multiple=True))
        if plan.named:
            text = "".join(f"{name}:{label}\n" for label, name in plan.named)
            write_text(plan.tree.at("nomenclature.txt"), text)
        used = int((parted.roles != UNUSED).any(0).sum())
        progress.info(f"{used} of {len(rows)} polygons are used; {parted.left_out} are left out.")


def _numbered(plan: Plan, parted: splitreference.Parted) -> list[str]:
    """Return the model that each polygon learns for: regions of several deal theirs out."""
    counts = {model.region: model.count for model in plan.models}
    random = np.random.default_rng([plan.request.seed, 17])
    found = np.array(parted.regions, object)
    for region, count in counts.items():
        if count < 2:
            continue
        for label in parted.truth.classes:
            mine = np.flatnonzero((found == region) & (parted.truth.labels == label))
            for place, at in enumerate(random.permutation(mine).tolist()):
                found[at] = f"{region}f{place % count + 1}"
    return [str(name) for name in found]


def _layer(
    plan: Plan, name: str, rows: Iterable[Feature], *, multiple: bool = False, tile: bool = False
) -> Layer:
    kinds = [(plan.label, "integer"), ("region", "string"), ("originfid", "integer")]
    kinds += [("tile_o", "string")] if tile else []
    kinds += [("hold_out", "string"), *((f"seed_{run}", "string") for run in _all_runs(plan))]
    geometry = "Point" if plan.points else "MultiPolygon" if multiple else "Polygon"
    return Layer(name, geometry, plan.crs, tuple(kinds), tuple(rows))


def _all_runs(plan: Plan) -> range:
    """Return the numbers of the run fields; the last fold has one too."""
    return range(plan.request.runs)


@dataclass(frozen=True)
class Format:
    """Cut the polygons of a tile to its envelope and clear area; the split stands already."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the polygons of the tile, and those of each run and set."""
        plan, name = self.plan, self.tile.name
        envelope = _shapes(plan.tree.envelope(name), plan.crs)
        clear = _shapes(plan.tree.clear_area(name, plan.request.threshold), plan.crs)
        truth = read_truth(plan.reference, plan.label, plan.crs)
        rows = tuple(
            Feature(single, {**_whole(feature.values), "tile_o": name})
            for feature in truth.features
            for part in _cut(feature.geometry, envelope)
            for piece in _cut(part, clear)
            for single in exploded(piece)
        )
        write_shapefile(plan.tree.formatted(name), _layer(plan, name, rows, tile=True))
        for run in plan.runs:
            for part, word in (("learn", "learn"), ("val", "validation")):
                some = [row for row in rows if row.values[f"seed_{run}"] == word]
                layer = _layer(plan, f"{name}_{part}", some, tile=True)
                write_layers(plan.tree.part(name, run, part), [layer])
        progress.info(f"{len(rows)} parts of polygons lie in {name}.")


def _whole(values: dict[str, Any]) -> dict[str, Any]:
    """Return attributes with whole numbers as such: a shapefile may give them back as real."""
    return {n: int(v) if isinstance(v, float) else v for n, v in values.items()}


def is_empty(path: str) -> bool:
    """Return True for a layer without features."""
    # OGR forgets a layer when its file is closed
    opened = open_layer(path, KINDS, "polygons or points")
    return bool(opened.layer.GetFeatureCount() == 0)


def _shapes(path: str, crs: str) -> Shapes:
    if is_empty(path):
        return Shapes(())
    return Shapes(tuple(feature.geometry for feature in read_polygons(path, crs)))


def _cut(shape: bytes, cutter: Shapes) -> Iterator[bytes]:
    ours = Shapes((shape,))
    for _, place in ours.meeting(cutter):
        common = ours.common(0, cutter, place)
        if common is not None:
            yield common


@dataclass(frozen=True)
class Together:
    """Put the polygons of all tiles together again, each one feature with its parts."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them, with what counts for validation."""
        plan = self.plan
        parts: dict[tuple[int, int], list[Feature]] = {}
        for tile in plan.tiles:
            for feature in rows_of(plan, tile):
                # a point is a unit of its own
                key = feature.values["originfid"], len(parts) if plan.points else 0
                parts.setdefault(key, []).append(feature)
        if not parts:
            raise InvalidOption("No reference polygon lies in the tiles and the clear area.")
        rows = tuple(
            Feature(_joined([one.geometry for one in group]), _whole(group[0].values))
            for _, group in sorted(parts.items())
        )
        write_layers(plan.tree.validation, [_layer(plan, "reference", rows, multiple=True)])


def _joined(shapes: Sequence[bytes]) -> bytes:
    if len(shapes) == 1:
        return shapes[0]
    return wkb_of([polygon for shape in shapes for polygon in rings_of(shape)])


def rows_of(plan: Plan, tile: Tile) -> tuple[Feature, ...]:
    """Return the parts of polygons in a tile."""
    path = plan.tree.formatted(tile.name)
    if is_empty(path):
        return ()
    return read_truth(path, plan.label, plan.crs).features


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
            replace(row, values=_whole(row.values))
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
        write_shapefile(path, _layer(plan, name, rows, tile=True))

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
        how = plan.sampling()
        if how.augment != "none":
            found = extractsamples.Extracted(samples, (name,), (), 0, 0, 0)
            samples = extractsamples.grown(found, how)
        write_samples(tree.samples(name, self.run), samples, fields, plan.crs)
        progress.info(f"{len(samples)} samples of {len(samples.classes)} classes.")


@dataclass(frozen=True)
class Statistics:
    """Write how many polygons and samples each class of each region has in a run."""

    plan: Plan
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the table."""
        plan = self.plan
        lines = ["class,name,region,polygons,samples"]
        for model in plan.models:
            path = plan.tree.samples(model.name, self.run)
            found = read_samples([path], Fields(plan.label))
            for label in found.classes.tolist():
                mine = found.labels == label
                polygons = len(np.unique(found.groups[mine]))
                name = plan.legend.name(label)
                lines.append(f"{label},{name},{model.name},{polygons},{int(mine.sum())}")
        write_text(plan.tree.statistics(self.run), "\n".join(lines) + "\n")
