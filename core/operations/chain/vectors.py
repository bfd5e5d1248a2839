# SPDX-License-Identifier: GPL-2.0-or-later
"""Last tasks of a land cover run: the map regularized, as polygons, and their statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...exchange.numbertable import csv_text
from ...progress import Progress
from ...requests.shared.chaining import GROUPS
from ...stage import write_text
from ...vector.features import read_polygons
from .. import regularizeclasses, vectorizeclasses
from .fusion import FUSED
from .plan import Plan


def final_map(plan: Plan) -> str:
    """Return the name of the map that is generalized: the fusion of the runs, else the first."""
    return FUSED if plan.request.merge_runs else f"Classif_Seed_{plan.runs[0]}"


def regularized(plan: Plan) -> str:
    """Return the regularized map."""
    return plan.tree.final(f"simplification/mosaic/{final_map(plan)}_regularized.tif")


def polygons(plan: Plan) -> str:
    """Return the polygons of the map."""
    return plan.tree.final(f"vectors/{final_map(plan)}.gpkg")


def statistics(plan: Plan) -> str:
    """Return the table of the polygons by class."""
    return plan.tree.final(f"vectors/{final_map(plan)}_statistics.csv")


def layers(plan: Plan) -> dict[str, Any]:
    """Return what is looked at in the polygons, when statistics are asked for."""
    last = GROUPS.index(plan.request.last_step)
    if last < GROUPS.index("statistics"):
        return {"statistics": ()}
    return {
        "confidence": plan.tree.final(f"Confidence_Seed_{plan.runs[0]}.tif"),
        "validity": plan.tree.final("PixelsValidity.tif"),
        "source": plan.tree.final(f"{final_map(plan)}.tif"),
    }


@dataclass(frozen=True)
class Regularize:
    """Remove small regions of the map and bring it to coarser pixels."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the regularized map."""
        plan = self.plan
        request = plan.step(
            regularizeclasses.Request,
            "regularizeclasses",
            image=plan.tree.final(f"{final_map(plan)}.tif"),
            output=regularized(plan),
        )
        regularizeclasses.run(request, progress)


@dataclass(frozen=True)
class Vectorize:
    """Make polygons of the regularized map."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them, and those of zones if asked for."""
        plan = self.plan
        request = plan.step(
            vectorizeclasses.Request,
            "vectorizeclasses",
            image=regularized(plan),
            output=polygons(plan),
            **layers(plan),
        )
        vectorizeclasses.vectorize(request, progress)


@dataclass(frozen=True)
class Summarize:
    """Sum the polygons up by class."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write number, area, mean confidence and mean clear dates of each class."""
        plan = self.plan
        label = plan.steps.get("vectorizeclasses", {}).get("class_field", "Class")
        classes: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
        for feature in read_polygons(polygons(plan), plan.crs):
            key = int(feature.values[label]), str(feature.values["Name"])
            classes.setdefault(key, []).append(feature.values)
        rows = (
            [*key, len(mine), *(f"{value:.2f}" for value in _summed(mine))]
            for key, mine in sorted(classes.items())
        )
        titles = ("class", "name", "polygons", "area_ha", "confidence", "clear_dates")
        write_text(statistics(plan), csv_text(titles, rows))


def _summed(polygons: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """Yield the hectares of polygons and the means over their area, of those that have a value."""
    yield sum(one["Area"] for one in polygons) / 10_000
    for name in ("Confidence", "Validmean"):
        known = [one for one in polygons if one.get(name) is not None]
        area = sum(one["Area"] for one in known)
        yield sum(one["Area"] * one[name] for one in known) / area if area else math.nan
