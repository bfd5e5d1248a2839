# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks of a land cover run with objects: what each reads, writes and was told."""

from __future__ import annotations

from collections.abc import Iterator

from ...vector.features import files_of as files_in
from ...workflow.tasks import Task
from . import byobject, early, outlines, samples, segments
from .plan import Model, Plan
from .tiles import Tile


def sampling(plan: Plan) -> Iterator[Task]:
    """Yield the tasks from tiles and polygons to objects that learn."""
    yield from early.dividing(plan)
    for tile in plan.tiles:
        yield _segmenting(plan, tile)
        yield _describing(plan, tile)
        yield _covering(plan, tile)
    for run in plan.runs:
        for model in plan.models:
            yield _collecting(plan, model, run)
        yield early.class_statistics(plan, run)


def _made(plan: Plan) -> dict[str, object]:
    how = segments.describing(plan)
    return {**plan.series, "step": how.step, "compactness": how.compactness}


def _segmenting(plan: Plan, tile: Tile) -> Task:
    tree, given = plan.tree, plan.request.segments
    earlier = [one.name for one in segments.before(plan, tile)]
    return Task(
        f"segmentation_{tile.name}",
        "slicSegmentation",
        segments.SegmentTile(plan, tile),
        {**_made(plan), "tiles": [one.name for one in plan.tiles]},
        (
            *(files_in(given) if given else ()),
            *plan.features_in(tile),
            tree.envelope(tile.name),
            *(path for name in earlier for path in _numbers(plan, name)),
        ),
        _numbers(plan, tile.name),
        group="sampling",
    )


def _describing(plan: Plan, tile: Tile) -> Task:
    tree = plan.tree
    return Task(
        f"object_statistics_{tile.name}",
        "objectStatistics",
        segments.Describe(plan, tile),
        {**plan.series, "statistics": segments.statistics_of(plan)},
        (
            *_numbers(plan, tile.name),
            tree.envelope(tile.name),
            *plan.features_in(tile),
        ),
        segments.files_of(plan, tile).all,
        group="sampling",
    )


def _covering(plan: Plan, tile: Tile) -> Task:
    tree = plan.tree
    return Task(
        f"object_reference_{tile.name}",
        "objectReference",
        segments.Cover(plan, tile),
        {"label": plan.label},
        (
            *_numbers(plan, tile.name),
            tree.envelope(tile.name),
            tree.formatted(tile.name),
        ),
        (tree.covers(tile.name),),
        group="sampling",
    )


def _numbers(plan: Plan, tile: str) -> tuple[str, str]:
    """Return where the numbered objects of a tile lie, and what their numbers stand for."""
    return plan.tree.segments(tile), plan.tree.segment_keys(tile)


def _tables(plan: Plan, tile: Tile) -> tuple[str, ...]:
    """Return the tables of all tiles that may share objects with one."""
    tiles = segments.around(plan, tile)
    return tuple(path for one in tiles for path in segments.files_of(plan, one).all)


def _collecting(plan: Plan, model: Model, run: int) -> Task:
    tree, tiles = plan.tree, segments.all_around(plan, plan.of(model))
    read = [tree.covers(tile.name) for tile in tiles]
    read += [path for tile in tiles for path in segments.files_of(plan, tile).all]
    return Task(
        f"merge_model_{model.name}_seed_{run}_usually",
        "samplesByModels",
        byobject.CollectObjects(plan, model, run),
        {"sampling": samples.sampled(plan), "cover": segments.describing(plan).min_cover},
        (*dict.fromkeys(read), plan.reference),
        (tree.samples(model.name, run),),
        group="sampling",
    )


def classifying(plan: Plan, model: Model, run: int, tile: Tile) -> Task:
    """Return the task that classifies the objects of a tile."""
    tree, key = plan.tree, (tile.name, model.name, run)
    names = (plan.request.nomenclature,) if plan.request.nomenclature else ()
    return Task(
        f"classification_{tile.name}_model_{model.name}_seed_{run}",
        "classification",
        byobject.ClassifyObjects(plan, model, run, tile),
        {"statistics": segments.statistics_of(plan), "creation": plan.request.creation_options},
        (
            tree.model(model.name, run),
            tree.area(model.region, tile.name),
            tree.segments(tile.name),
            *_tables(plan, tile),
            *names,
        ),
        plan.maps_of(key),
        group="classification",
    )


def outlining(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that write objects as polygons with their classes."""
    tree = plan.tree
    legends = [path for path in (plan.request.colors, plan.nomenclature) if path]
    tables = [path for tile in plan.tiles for path in segments.files_of(plan, tile).all]
    numbers = [tree.segments(tile.name) for tile in plan.tiles]
    given = plan.request.segments
    for run in plan.runs:
        maps = (tree.final(f"{name}_Seed_{run}.tif") for name in ("Classif", "Confidence"))
        tiles = (tree.temporary(f"{tile.name}_seed_{run}.tif") for tile in plan.tiles)
        yield Task(
            f"objects_seed_{run}",
            "vectorizeObjects",
            outlines.Outline(plan, run),
            {},
            (
                *maps,
                *tiles,
                *tables,
                *numbers,
                tree.envelopes,
                *legends,
                *(files_in(given) if given else ()),
            ),
            (tree.objects(run),),
            group="mosaic",
        )
