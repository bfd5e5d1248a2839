# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that fuse maps: those of the models of a large region, and those of all runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...exchange.confusions import write_confusion
from ...exchange.legend import read_legend
from ...landcover.assessment import Tally
from ...landcover.mosaicked import Painted, color_table
from ...progress import Progress
from ...raster import open_image
from ...stage import write_text
from ...vector.groundtruth import Burning, read_truth
from ...workflow.comparing import UNUSED, VALIDATION, tally_of
from ...workflow.maps import Maps, write_maps
from ...write import write
from .. import fuseclassifications
from .plan import Plan
from .tiles import Tile
from .validating import confusion_in, read_tally, write_tally

FUSED = "Classifications_fusion"
UNDECIDED = 255
"""Label of pixels on which the runs do not agree, as in iota2."""


@dataclass(frozen=True)
class FuseModels:
    """Fuse the maps that the models of a region make of a tile."""

    plan: Plan
    region: str
    run: int
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write labels and confidence, and probabilities if asked for."""
        plan, tree = self.plan, self.plan.tree
        models = [model for model in plan.models if model.region == self.region]
        keys = [(self.tile.name, model.name, self.run) for model in models]
        target = (self.tile.name, self.region, self.run)
        chances = plan.request.probability
        request = plan.step(
            fuseclassifications.Request,
            "",
            images=tuple(tree.labels(*key) for key in keys),
            confidences=tuple(tree.confidence(*key) for key in keys),
            probabilities=tuple(tree.probability(*key) for key in keys) if chances else (),
            tie=plan.steps.get("fuseclassifications", {}).get("tie", "confidence"),
            nomenclature=plan.nomenclature,
            output=tree.labels(*target),
            output_confidence=tree.confidence(*target),
            output_probability=tree.probability(*target) if chances else None,
        )
        maps = [open_image(path) for path in request.images]
        fused = fuseclassifications.apply(maps, request, plan.legend, progress.part(0.0, 0.3))
        paths, how = Maps(*plan.maps_of(target)), plan.writing(share)
        write_maps(fused, paths, how, progress.part(0.3, 1.0), plan.legend)


@dataclass(frozen=True)
class FuseRuns:
    """Fuse the maps of all runs and count the result on polygons that no run learned from."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the map, the same with colors, and the counts."""
        plan, tree, how = self.plan, self.plan.tree, self.plan.writing(share)
        request = self._request()
        legend = read_legend(plan.nomenclature, plan.request.colors)
        maps = [open_image(path) for path in request.images]
        fused = fuseclassifications.apply(maps, request, legend, progress.part(0.0, 0.2))
        mapped = write_maps(fused, Maps(request.output), how, progress.part(0.2, 0.6), legend)
        whole = legend.complete(mapped.labels)
        written = open_image(request.output)
        painted = Painted(written, color_table(whole, mapped.labels))
        write(painted, tree.final(f"{FUSED}_ColorIndexed.tif"), how, progress.part(0.6, 0.8))
        with open(tree.final(f"{FUSED}.qml"), encoding="utf-8") as style:
            write_text(tree.final(f"{FUSED}_ColorIndexed.qml"), style.read())
        self._count(request, progress.part(0.8, 1.0))

    def _request(self) -> fuseclassifications.Request:
        plan, tree = self.plan, self.plan.tree
        believed = plan.request.merge_method == "dempstershafer"
        confusions = tuple(tree.temporary(f"fusion_seed_{run}.csv") for run in plan.runs)
        if believed:
            truth = read_truth(tree.validation, plan.label, plan.crs)
            for run, path in zip(plan.runs, confusions):
                tally = read_tally(tree.temporary(f"Classif_Seed_{run}_counts.json"))
                write_confusion(path, confusion_in(tally, truth))
        given = {"undecided": UNDECIDED, **plan.steps.get("fuseclassifications", {})}
        given["tie"] = "undecided"
        values: dict[str, Any] = {
            **given,
            "images": tuple(tree.final(f"Classif_Seed_{run}.tif") for run in plan.runs),
            "method": plan.request.merge_method,
            "confusions": confusions if believed else (),
            "output": tree.final(f"{FUSED}.tif"),
        }
        made: fuseclassifications.Request = plan.step(fuseclassifications.Request, "", **values)
        return made

    def _count(self, request: fuseclassifications.Request, progress: Progress) -> None:
        plan, tree = self.plan, self.plan.tree
        image = open_image(request.output)
        truth = read_truth(tree.validation, plan.label, plan.crs)
        held = [feature.values["hold_out"] == "yes" for feature in truth.features]
        roles = np.where(held, VALIDATION, UNUSED)
        threads = plan.request.threads
        tally = tally_of(
            image, Burning(image.grid, truth), roles, threads=threads, progress=progress
        )
        write_tally(tree.temporary(f"{FUSED}_counts.json"), _decided(tally, request.undecided))


def _decided(tally: Tally, undecided: int) -> Tally:
    """Return counts in which undecided pixels are not mapped."""
    polygons: dict[tuple[int, int], int] = {}
    for (number, label), count in tally.polygons.items():
        key = (number, 0 if label == undecided else label)
        polygons[key] = polygons.get(key, 0) + count
    mapped = {label: count for label, count in tally.mapped.items() if label != undecided}
    return Tally(mapped, polygons, conflicts=tally.conflicts)
