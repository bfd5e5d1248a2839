# SPDX-License-Identifier: GPL-2.0-or-later
"""What late tasks would stumble over, looked for before the first one begins."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from ...errors import ImageIOError, InvalidOption
from ...exchange.legend import read_legend
from ...image import Array
from ...landcover.sensors import sensors
from ...placement import bounds_in
from ...progress import SILENT, Progress
from ...requests import regularizeclasses, vectorizeclasses
from ...requests.shared.chaining import GROUPS
from ...vector.clipping import Shapes
from ...vector.features import read_polygons, refuse_no_field
from ...vector.groundtruth import GroundTruth, read_truth
from ...workflow.state import State
from .. import gapfill
from ..objectstatistics import is_vector, open_numbers
from . import vectors
from .fusion import UNDECIDED
from .plan import Plan
from .tasks import tasks_of

SAME = 0.9
"""Tiles cover the same ground that have more of it in common."""


def check(plan: Plan, progress: Progress = SILENT) -> None:
    """Look at the files and settings that are needed late, and at where the polygons lie.

    Raises InvalidOption or ImageIOError for what would fail later, when hours may have passed.
    """
    read_legend(plan.request.nomenclature, plan.request.colors)
    if plan.named and plan.request.nomenclature:
        progress.warn(
            f"Field {plan.request.field!r} holds text, whose classes are numbered by themselves; "
            "the nomenclature is not used."
        )
    _warn_of_same_ground(plan, progress)
    _check_series(plan)
    _check_module(plan)
    _check_vectors(plan)
    _check_objects(plan)
    if plan.request.builder != "features":
        truth = read_truth(plan.request.polygons or "", plan.request.field or "", plan.crs)
        _check_undecided(plan, truth)
        _check_places(plan, truth, progress)


def _warn_of_same_ground(plan: Plan, progress: Progress) -> None:
    """Tell who gives the dates of one place as several tiles, of which the map shows one."""
    boxes, names = _boxes(plan), np.array([tile.name for tile in plan.tiles])
    areas, alone = np.prod(boxes[:, 2:] - boxes[:, :2], 1), np.ones(len(names), bool)
    for box, area in zip(boxes, areas):
        low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
        common = np.prod(np.maximum(high - low, 0), 1)
        same = alone & (common > SAME * (areas + area - common))
        if same.sum() > 1:
            alone[same] = False
            progress.warn(
                f"Tiles {', '.join(names[same])} cover the same ground, of which the map takes one "
                'alone. If they are dates of one place, make one series of them with "Stack time '
                'series" first and give that.'
            )


def _check_series(plan: Plan) -> None:
    """Refuse dates that are none, and bands that a sensor has not."""
    for tile in plan.tiles:
        for source in tile.dated:
            filling = dict(plan.how.filling).get(source.sensor)
            if source.dates and filling:
                gapfill.output_dates(source.dates, filling)
            known = sensors().get(source.sensor)
            names = known.band_names if known and source.kind == "products" else ()
            strange = [band for band in plan.how.bands if band.lower() not in names]
            if names and strange:
                raise InvalidOption(
                    f"Band names: {known.title if known else ''} has no {', '.join(strange)}; it "
                    f"has {', '.join(names)}."
                )


def _check_module(plan: Plan) -> None:
    """Refuse a file of functions that is not there."""
    module = plan.how.features.python_module
    if module and not os.path.isfile(module):
        raise ImageIOError(f"{module}, the Python file of the features, does not exist.")


def _check_vectors(plan: Plan) -> None:
    """Refuse what the steps behind the map cannot work with."""
    last = GROUPS.index(plan.request.last_step)
    if last >= GROUPS.index("regularization"):
        plan.step(
            regularizeclasses.Request, "regularizeclasses", image="map", output="regularized.tif"
        )
    if last < GROUPS.index("vectorization"):
        return
    how = plan.step(
        vectorizeclasses.Request,
        "vectorizeclasses",
        image=vectors.regularized(plan),
        output=vectors.polygons(plan),
        **vectors.layers(plan),
    )
    if how.zones:
        zones = read_polygons(how.zones, plan.crs)
        refuse_no_field(zones[0].values, how.zone_field, how.zones)


def _check_objects(plan: Plan) -> None:
    """Refuse objects that cannot be read, or that all lie elsewhere."""
    source = plan.request.segments
    if not source:
        return
    if is_vector(source):
        parcels = read_polygons(source, plan.crs)
        boxes = Shapes(tuple(parcel.geometry for parcel in parcels)).boxes
    else:
        grid = open_numbers(source).grid
        if plan.crs and not grid.crs:
            raise InvalidOption(
                f"Objects: {os.path.basename(source)} has no CRS, so that its place is not known. "
                "Assign its CRS to it first."
            )
        boxes = np.array([bounds_in(grid, plan.crs)], float)
    if not _reached(plan, boxes).any():
        raise InvalidOption(
            f"Objects: {os.path.basename(source)} has none in a tile (extents: {_extent(boxes)}; "
            f"{_extent(_boxes(plan))})."
        )


def _check_undecided(plan: Plan, truth: GroundTruth) -> None:
    """Refuse a class that has the label of pixels on which the runs do not agree."""
    label = plan.steps.get("fuseclassifications", {}).get("undecided", UNDECIDED)
    if plan.request.merge_runs and label in truth.classes:
        raise InvalidOption(
            f"Fuse the runs: {label} marks pixels on which they do not agree, and is a class of "
            f"{truth.title}. Configure another merge_final_classifications_undecidedlabel."
        )


def _check_places(plan: Plan, truth: GroundTruth, progress: Progress) -> None:
    """Count the polygons that no tile reaches; refuse a reference of which none is reached."""
    boxes = Shapes(tuple(feature.geometry for feature in truth.features)).boxes
    reached = _reached(plan, boxes)
    outside = int((~reached).sum())
    if outside == len(boxes):
        raise InvalidOption(
            f"None of the {outside} polygons of {truth.title} meets a tile (extents: "
            f"{_extent(boxes)}; {_extent(_boxes(plan))})."
        )
    if outside:
        progress.warn(f"{outside} of {len(boxes)} polygons of {truth.title} lie outside the tiles.")
    lost = sorted(set(truth.labels.tolist()) - set(truth.labels[reached].tolist()))
    if lost:
        names = dict(plan.legend.names)
        listed = ", ".join(f"{n} ({names[n]})" if n in names else str(n) for n in lost[:8])
        progress.warn(f"No polygon of {len(lost)} classes lies in a tile: {listed}.")


def _boxes(plan: Plan) -> Array:
    """Return the bounds of the tiles, one row for each."""
    return np.array([bounds_in(tile.grid, plan.crs) for tile in plan.tiles], float)


def _reached(plan: Plan, boxes: Array) -> Array:
    """Return which boxes meet a tile."""
    found = np.zeros(len(boxes), bool)
    for left, low, right, high in _boxes(plan):
        beside = (boxes[:, 0] < right) & (boxes[:, 2] > left)
        found |= beside & (boxes[:, 1] < high) & (boxes[:, 3] > low)
    return found


def _extent(boxes: Array) -> str:
    around = (*boxes[:, :2].min(0), *boxes[:, 2:].max(0))
    return ", ".join(f"{value:.10g}" for value in around)


def warn_of_others(plan: Plan, state: State, progress: Progress) -> None:
    """Warn of final products that an earlier run made and this one, whatever its steps, does not.

    Two runs became one, say: the map of the second would pass for one of this request.
    """
    whole = replace(plan.request, first_step=GROUPS[0], last_step=GROUPS[-1])
    mine = {path for task in tasks_of(replace(plan, request=whole)) for path in task.outputs}
    final = os.path.join(plan.tree.at("final"), "")
    others = [path for path in state.files() if path.startswith(final) and path not in mine]
    if others:
        progress.warn(
            f"{len(others)} files in final are of an earlier run with other settings, such as "
            f"{os.path.basename(others[0])}; CLEAN removes them."
        )
