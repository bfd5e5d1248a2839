# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks of a land cover run from the samples on: what each reads, writes and was told."""

from __future__ import annotations

from collections.abc import Iterator

from ...deps import available
from ...workflow.tasks import Task
from . import fusion, mapping, objecttasks, preparing, rounds, sensing, validating, vectors
from .plan import Model, Plan
from .tiles import Tile


def learning(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that train."""
    first = plan.at(0)
    for model in plan.models:
        for run in plan.runs:
            for view in sensing.views(first):
                yield rounds.learning(view, model, run, "learning")
            yield from sensing.believing(first, model, run)


def classification(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that classify tiles."""
    tree = plan.tree
    for region, tile in preparing.pairs(plan):
        yield Task(
            f"mask_region_{region}_{tile.name}",
            "classification",
            mapping.Area(plan, region, tile),
            {},
            (tree.region(plan.layer, region, tile.name, "tif"), tree.clear(tile.name)),
            (tree.area(region, tile.name),),
            group="classification",
        )
    yield from rounds.mapping_again(plan, _mapping)


def _mapping(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that make the maps of all tiles, regions and runs."""
    several = {model.region for model in plan.models if model.count > 1}
    for run in plan.runs:
        for model in plan.models:
            for tile in plan.of(model):
                for view in sensing.views(plan):
                    by_object = plan.request.builder == "objects"
                    task = objecttasks.classifying if by_object else _classifying
                    yield task(view, model, run, tile)
                yield from sensing.fusing(plan, model, run, tile)
        for region, tile in preparing.pairs(plan):
            if region in several:
                yield _fusing(plan, region, run, tile)


def _classifying(plan: Plan, model: Model, run: int, tile: Tile) -> Task:
    tree, key = plan.tree, (tile.name, model.name, run)
    names = (plan.request.nomenclature,) if plan.request.nomenclature else ()
    return Task(
        f"classification_{tile.name}_model_{model.name}_seed_{run}{rounds.mark(plan)}",
        "classification",
        mapping.Classify(plan, model, run, tile),
        {**plan.series, "creation": plan.request.creation_options},
        (
            tree.model(model.name, run),
            tree.area(model.region, tile.name),
            *plan.features_in(tile),
            *plan.context_in(tile, run),
            *names,
        ),
        plan.maps_of(key),
        group="classification",
    )


def _fusing(plan: Plan, region: str, run: int, tile: Tile) -> Task:
    models = [model for model in plan.models if model.region == region]
    return Task(
        f"fusion_{tile.name}_model_{region}_seed_{run}{rounds.mark(plan)}",
        "fusion",
        fusion.FuseModels(plan, region, run, tile),
        {"fusing": plan.steps.get("fuseclassifications", {})},
        tuple(path for m in models for path in plan.maps_of((tile.name, m.name, run))),
        plan.maps_of((tile.name, region, run)),
        group="classification",
    )


def _fusing_runs(plan: Plan) -> Task:
    tree = plan.tree
    maps = tuple(tree.final(f"Classif_Seed_{run}.tif") for run in plan.runs)
    counts = tuple(tree.temporary(f"Classif_Seed_{run}_counts.json") for run in plan.runs)
    legends = (path for path in (plan.request.colors, plan.nomenclature) if path)
    stem = fusion.FUSED
    outputs = (tree.final(f"{stem}.tif"), tree.final(f"{stem}_ColorIndexed.tif"))
    return Task(
        "merge_final_classifications",
        "mergeFinalClassifications",
        fusion.FuseRuns(plan),
        {"method": plan.request.merge_method, "fusing": plan.steps.get("fuseclassifications", {})},
        (*maps, *counts, tree.validation, *legends),
        (*outputs, tree.temporary(f"{stem}_counts.json")),
        group="validation",
    )


def mosaic(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that put maps together."""
    tree, request = plan.tree, plan.request
    for run in plan.runs:
        for tile in plan.tiles:
            yield _tile_map(plan, run, tile)
        pieces = [path for tile in plan.tiles for path in _tile_files(plan, run, tile)]
        legends = [path for path in (request.colors, plan.nomenclature) if path]
        yield Task(
            f"mosaic_seed_{run}",
            "mosaic",
            mapping.Mosaic(plan, run),
            {"creation": request.creation_options},
            (*pieces, tree.envelopes, *legends),
            mapping.names_of_mosaic(plan, run),
            group="mosaic",
        )


def _tile_files(plan: Plan, run: int, tile: Tile) -> tuple[str, ...]:
    names = [f"{tile.name}_seed_{run}.tif", f"{tile.name}_GlobalConfidence_seed_{run}.tif"]
    if run == plan.runs[0]:
        names.append(f"{tile.name}_Cloud.tif")
    if plan.request.probability:
        names.append(f"{tile.name}_ProbabilityMap_seed_{run}.tif")
    return tuple(plan.tree.temporary(name) for name in names)


def _tile_map(plan: Plan, run: int, tile: Tile) -> Task:
    tree = plan.tree
    maps = [path for key in mapping.keys_of(plan, run, tile) for path in plan.maps_of(key)]
    if plan.request.probability:
        trees = [view.tree for view in sensing.views(plan)]
        maps += [one.model(model.name, run) for model in plan.models for one in trees]
    return Task(
        f"mosaic_{tile.name}_seed_{run}",
        "mosaic",
        mapping.TileMap(plan, run, tile),
        {"creation": plan.request.creation_options},
        (*maps, tree.clear(tile.name)),
        _tile_files(plan, run, tile),
        group="mosaic",
    )


def mosaic_of_objects(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that put maps together, and write objects as polygons."""
    yield from mosaic(plan)
    yield from objecttasks.outlining(plan)


def validation(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that compare maps with the reference."""
    tree, counts, judged = plan.tree, [], []
    for run in plan.runs:
        for tile in plan.tiles:
            stem = f"{tile.name}_seed_{run}"
            counts.append(tree.temporary(f"{stem}_counts.json"))
            judged.append(tree.temporary(f"{stem}_CompRef.tif"))
            yield Task(
                f"confusion_{tile.name}_seed_{run}",
                "confusionCmd",
                validating.Confuse(plan, run, tile),
                {"label": plan.label, "part": validating.part_of(plan)},
                (tree.temporary(f"{stem}.tif"), tree.validation, tree.envelope(tile.name)),
                (counts[-1], judged[-1], tree.temporary(f"{stem}.csv")),
                group="validation",
            )
    merged = tuple(tree.temporary(f"Classif_Seed_{run}_counts.json") for run in plan.runs)
    differences = tuple(tree.final(f"diff_seed_{run}.tif") for run in plan.runs)
    yield Task(
        "merge_confusions",
        "confusionsMerge",
        validating.MergeConfusions(plan),
        {},
        (*counts, *judged, tree.envelopes),
        (*merged, *differences),
        group="validation",
    )
    names = (plan.nomenclature,) if plan.nomenclature else ()
    figures = [tree.final(f"Confusion_Matrix_Classif_Seed_{run}.png") for run in plan.runs]
    if plan.request.merge_runs:
        yield _fusing_runs(plan)
        merged = (*merged, tree.temporary(f"{fusion.FUSED}_counts.json"))
        figures.append(tree.final("fusionConfusion.png"))
    yield Task(
        "final_report",
        "reportGeneration",
        validating.Report(plan),
        {"label": plan.label, "seed": plan.request.seed, "part": validating.part_of(plan)},
        (*merged, tree.validation, *names),
        (*validating.names_of_report(plan), *(figures if available("matplotlib") else ())),
        group="validation",
    )


def regularization(plan: Plan) -> Iterator[Task]:
    """Yield the task that regularizes the map."""
    yield Task(
        "regularize",
        "regularize",
        vectors.Regularize(plan),
        {"how": plan.steps.get("regularizeclasses", {})},
        (plan.tree.final(f"{vectors.final_map(plan)}.tif"), *plan.files("regularizeclasses")),
        (vectors.regularized(plan),),
        group="regularization",
    )


def vectorization(plan: Plan) -> Iterator[Task]:
    """Yield the task that makes polygons."""
    layers = vectors.layers(plan)
    yield Task(
        "vectorize",
        "vectorize",
        vectors.Vectorize(plan),
        {"how": plan.steps.get("vectorizeclasses", {}), "layers": layers},
        (
            vectors.regularized(plan),
            *(path for path in layers.values() if path),
            *plan.files("vectorizeclasses"),
        ),
        (vectors.polygons(plan),),
        group="vectorization",
    )


def statistics(plan: Plan) -> Iterator[Task]:
    """Yield the task that sums polygons up."""
    yield Task(
        "zonal_statistics",
        "zonalStatistics",
        vectors.Summarize(plan),
        {},
        (vectors.polygons(plan),),
        (vectors.statistics(plan),),
        group="statistics",
    )
