# SPDX-License-Identifier: GPL-2.0-or-later
"""Last tasks of a land cover run: the map regularized, as polygons, and their statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        fields = ("Confidence", "Validmean")
        sums: dict[tuple[int, str], list[float]] = {}
        given = plan.steps.get("vectorizeclasses", {})
        label = given.get("class_field", "Class")
        for feature in read_polygons(polygons(plan), plan.crs):
            values = feature.values
            row = sums.setdefault((int(values[label]), values["Name"]), [0, 0.0, 0.0, 0.0])
            row[0] += 1
            row[1] += values["Area"]
            for place, name in enumerate(fields, 2):
                row[place] += values["Area"] * (values.get(name) or 0.0)
        lines = ["class,name,polygons,area_ha,confidence,clear_dates"]
        for (number, name), (count, area, sure, clear) in sorted(sums.items()):
            means = f"{sure / area:.2f},{clear / area:.2f}"
            lines.append(f"{number},{name},{count},{area / 10_000:.2f},{means}")
        write_text(statistics(plan), "\n".join(lines) + "\n")
