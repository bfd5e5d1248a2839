# SPDX-License-Identifier: GPL-2.0-or-later
"""A land cover run as tasks: what each reads, writes and was told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from ..deps import available
from ..errors import InvalidOption
from ..resuming import WITHOUT_EFFECT
from ..workflow.names import parts_of_shapefile
from ..workflow.tasks import Task
from . import chainfusion, chaininit, chainmapping, chainsampling, chainvalidation
from .chainoptions import GROUPS
from .chainplan import Model, Plan
from .chaintiles import Tile

Settings = dict[str, Any]


def tasks_of(plan: Plan) -> list[Task]:
    """Return the tasks of the groups that are asked for.

    Raises InvalidOption when what earlier groups make is not there.
    """
    makers: dict[str, Callable[[Plan], Iterator[Task]]] = {
        "init": _init,
        "sampling": _sampling,
        "learning": _learning,
        "classification": _classification,
        "mosaic": _mosaic,
        "validation": _validation,
    }
    request = plan.request
    first, last = GROUPS.index(request.first_step), GROUPS.index(request.last_step)
    if request.builder == "features":
        return [*_init(plan), *_features_map(plan)]
    found: list[Task] = []
    for group, maker in makers.items():
        if GROUPS.index(group) <= last:
            found += maker(plan)
    skipped = [task for task in found if GROUPS.index(task.group) < first]
    missing = [path for task in skipped for path in task.outputs if not os.path.exists(path)]
    if missing:
        raise InvalidOption(
            f"First group of steps: {request.first_step} needs {len(missing)} files of earlier "
            f"steps, such as {missing[0]}. Begin with init."
        )
    return [task for task in found if GROUPS.index(task.group) >= first]


def _place(plan: Plan, tile: Tile) -> Settings:
    return {
        "grid": [tile.grid.width, tile.grid.height, list(tile.grid.transform), tile.grid.crs],
        "bands": plan.how.bands,
        "creation": plan.request.creation_options,
        "cog": plan.request.cog,
    }


def _series(plan: Plan) -> Settings:
    filling = [(sensor, asdict(one)) for sensor, one in plan.how.filling]
    return {
        "filling": filling,
        "features": asdict(plan.how.features),
        "bands": plan.how.bands,
        "written": plan.request.write_features,
    }


def _init(plan: Plan) -> Iterator[Task]:
    tree = plan.tree
    for tile in plan.tiles:
        dates = [
            tree.dates(tile.name, source.title, kind)
            for source in {one.title: one for one in tile.dated}.values()
            for kind in ("input", "interpolation")
        ]
        yield Task(
            f"preprocessing_{tile.name}",
            "sensorsPreprocess",
            chaininit.Prepare(plan, tile),
            {**_place(plan, tile), "filling": _series(plan)["filling"]},
            tile.files,
            (plan.grid_file(tile), *dates),
            group="init",
        )
        masks = tuple(path for path in plan.masks(tile) if path)
        shape = parts_of_shapefile(tree.common(tile.name, "shp"))
        yield Task(
            f"common_mask_{tile.name}",
            "CommonMasks",
            chaininit.CommonMask(plan, tile),
            _place(plan, tile),
            (*tile.files, plan.grid_file(tile)),
            (*masks, tree.common(tile.name), *shape),
            group="init",
        )
        threshold = plan.request.threshold
        yield Task(
            f"validity_raster_{tile.name}",
            "PixelValidity",
            chaininit.Validity(plan, tile),
            {"threshold": threshold},
            masks,
            (
                tree.clear(tile.name),
                *parts_of_shapefile(tree.clear_area(tile.name, threshold)),
            ),
            group="init",
        )
        if plan.request.write_features or plan.request.builder == "features":
            yield Task(
                f"features_{tile.name}",
                "writeFeatures",
                chainmapping.WriteFeatures(plan, tile),
                _series(plan),
                (*tile.files, plan.grid_file(tile), *masks),
                (plan.features_file(tile),),
                group="init",
            )


def _features_in(plan: Plan, tile: Tile) -> tuple[str, ...]:
    """Return the files that the features of a tile are made of."""
    if plan.request.write_features:
        return (plan.features_file(tile),)
    masks = tuple(path for path in plan.masks(tile) if path)
    return (*tile.files, plan.grid_file(tile), *masks)


def _envelope(plan: Plan) -> Task:
    tree = plan.tree
    shapes = [path for t in plan.tiles for path in parts_of_shapefile(tree.envelope(t.name))]
    return Task(
        "tiles_envelopes",
        "Envelope",
        chaininit.Envelopes(plan),
        {"tiles": [tile.name for tile in plan.tiles]},
        tuple(tree.common(tile.name) for tile in plan.tiles),
        (tree.envelopes, *shapes),
        group="sampling",
    )


def _features_map(plan: Plan) -> Iterator[Task]:
    files = tuple(plan.features_file(tile) for tile in plan.tiles)
    yield _envelope(plan)
    yield Task(
        "mosaic_features",
        "mosaic",
        chainmapping.MosaicFeatures(plan),
        {},
        (*files, plan.tree.envelopes),
        (plan.tree.final("features_map.tif"),),
        group="mosaic",
    )


def _sampling(plan: Plan) -> Iterator[Task]:
    yield _envelope(plan)
    yield _regions(plan)
    yield from _formatting(plan)
    for model in plan.models:
        for run in plan.runs:
            yield from _selecting(plan, model, run)
    yield from _extracting(plan)


def _regions(plan: Plan) -> Task:
    tree, request = plan.tree, plan.request
    outputs = [
        path
        for region, tile in chaininit.pairs(plan)
        for path in (
            tree.region(plan.layer, region, tile.name, "tif"),
            *parts_of_shapefile(tree.region(plan.layer, region, tile.name, "shp")),
        )
    ]
    if not request.regions:
        outputs += parts_of_shapefile(tree.at("MyRegion.shp"))
    return Task(
        "region_generation",
        "genRegionVector",
        chaininit.Regions(plan),
        {"field": request.region_field, "grids": [_place(plan, tile) for tile in plan.tiles]},
        (tree.envelopes, *((request.regions,) if request.regions else ())),
        tuple(outputs),
        group="sampling",
    )


def _formatting(plan: Plan) -> Iterator[Task]:
    tree, request = plan.tree, plan.request
    inputs = [path for path in (request.polygons, request.regions) if path]
    made = (tree.at("nomenclature.txt"),) if plan.named else ()
    yield Task(
        "split_reference",
        "VectorFormatting",
        chainsampling.Split(plan),
        {
            "splitting": asdict(plan.splitting()),
            "crs": plan.crs,
            "models": [asdict(model) for model in plan.models],
        },
        tuple(inputs),
        (*parts_of_shapefile(plan.reference), *made),
        group="sampling",
    )
    for tile in plan.tiles:
        parts = (tree.part(tile.name, run, p) for run in plan.runs for p in ("learn", "val"))
        clear = tree.clear_area(tile.name, request.threshold)
        yield Task(
            f"vector_form_{tile.name}",
            "VectorFormatting",
            chainsampling.Format(plan, tile),
            {"runs": plan.runs, "label": plan.label},
            (*parts_of_shapefile(plan.reference), tree.envelope(tile.name), clear),
            (*parts_of_shapefile(tree.formatted(tile.name)), *parts),
            group="sampling",
        )
    yield Task(
        "merge_reference",
        "VectorFormatting",
        chainsampling.Together(plan),
        {"label": plan.label},
        tuple(tree.formatted(tile.name) for tile in plan.tiles),
        (tree.validation,),
        group="sampling",
    )


def _selecting(plan: Plan, model: Model, run: int) -> Iterator[Task]:
    tree, name = plan.tree, model.name
    tiles = plan.of(model)
    formatted = tuple(tree.formatted(tile.name) for tile in tiles)
    yield Task(
        f"merge_model_{name}_seed_{run}",
        "samplesMerge",
        chainsampling.Merge(plan, model, run),
        {"label": plan.label},
        formatted,
        parts_of_shapefile(tree.chosen(name, run, ".shp")),
        group="sampling",
    )
    for tile in tiles:
        yield Task(
            f"stats_{name}_S_{run}_T_{tile.name}",
            "statsSamplesModel",
            chainsampling.Count(plan, model, run, tile),
            {"label": plan.label},
            (tree.formatted(tile.name), tree.clear(tile.name)),
            (tree.counted(tile.name, name, run),),
            (f"merge_model_{name}_seed_{run}",),
            "sampling",
        )
    rates = plan.sampling().rates
    yield Task(
        f"s_sel_model_{name}_seed_{run}",
        "samplingLearningPolygons",
        chainsampling.Choose(plan, model, run),
        {"strategy": plan.sampling().strategy, "amount": plan.sampling().amount},
        (*(tree.counted(tile.name, name, run) for tile in tiles), *((rates,) if rates else ())),
        (tree.chosen(name, run, "_outrates.csv"), tree.chosen(name, run, "_selection.csv")),
        group="sampling",
    )


def _sampled(plan: Plan) -> Settings:
    return {n: v for n, v in asdict(plan.sampling()).items() if n not in WITHOUT_EFFECT}


def _extracting(plan: Plan) -> Iterator[Task]:
    tree, how = plan.tree, _sampled(plan)
    for tile in plan.tiles:
        models = plan.models_in(tile)
        keys = [(model.name, run) for model in models for run in plan.runs]
        rates = tuple(tree.rates(tile.name, run) for run in plan.runs)
        yield Task(
            f"merge_samples_{tile.name}",
            "samplesByTiles",
            chainsampling.Deal(plan, tile),
            {},
            tuple(tree.chosen(*key, "_selection.csv") for key in keys),
            rates,
            group="sampling",
        )
        yield Task(
            f"extraction_{tile.name}",
            "samplesExtraction",
            chainsampling.Extract(plan, tile),
            {"sampling": how, **_series(plan)},
            (*rates, tree.formatted(tile.name), *_features_in(plan, tile)),
            tuple(tree.tile_samples(tile.name, *key) for key in keys),
            group="sampling",
        )
    for run in plan.runs:
        for model in plan.models:
            name = model.name
            yield Task(
                f"merge_model_{name}_seed_{run}_usually",
                "samplesByModels",
                chainsampling.Collect(plan, model, run),
                {"sampling": how},
                tuple(tree.tile_samples(tile.name, name, run) for tile in plan.of(model)),
                (tree.samples(name, run),),
                group="sampling",
            )
        yield Task(
            f"class_statistics_seed_{run}",
            "samplesByModels",
            chainsampling.Statistics(plan, run),
            {"named": plan.named},
            tuple(tree.samples(model.name, run) for model in plan.models),
            (tree.statistics(run),),
            group="sampling",
        )


def _learning(plan: Plan) -> Iterator[Task]:
    names = (plan.request.nomenclature,) if plan.request.nomenclature else ()
    for model in plan.models:
        for run in plan.runs:
            yield Task(
                f"learning_model_{model.name}_seed_{run}",
                "learnModel",
                chainmapping.Learn(plan, model, run),
                {"training": asdict(plan.training()), "named": plan.named},
                (plan.tree.samples(model.name, run), *names),
                (plan.tree.model(model.name, run),),
                group="learning",
            )


def _classification(plan: Plan) -> Iterator[Task]:
    tree = plan.tree
    for region, tile in chaininit.pairs(plan):
        yield Task(
            f"mask_region_{region}_{tile.name}",
            "classification",
            chainmapping.Area(plan, region, tile),
            {},
            (tree.region(plan.layer, region, tile.name, "tif"), tree.clear(tile.name)),
            (tree.area(region, tile.name),),
            group="classification",
        )
    several = {model.region for model in plan.models if model.count > 1}
    for run in plan.runs:
        for model in plan.models:
            for tile in plan.of(model):
                yield _classifying(plan, model, run, tile)
        for region, tile in chaininit.pairs(plan):
            if region in several:
                yield _fusing(plan, region, run, tile)


def _classifying(plan: Plan, model: Model, run: int, tile: Tile) -> Task:
    tree, key = plan.tree, (tile.name, model.name, run)
    names = (plan.request.nomenclature,) if plan.request.nomenclature else ()
    return Task(
        f"classification_{tile.name}_model_{model.name}_seed_{run}",
        "classification",
        chainmapping.Classify(plan, model, run, tile),
        {**_series(plan), "creation": plan.request.creation_options},
        (
            tree.model(model.name, run),
            tree.area(model.region, tile.name),
            *_features_in(plan, tile),
            *names,
        ),
        _maps_of(plan, key),
        group="classification",
    )


def _maps_of(plan: Plan, key: tuple[str, str, int]) -> tuple[str, ...]:
    """Return the files of a map: labels, confidence, probabilities if asked for."""
    tree = plan.tree
    chances = (tree.probability(*key),) if plan.request.probability else ()
    return (tree.labels(*key), tree.confidence(*key), *chances)


def _fusing(plan: Plan, region: str, run: int, tile: Tile) -> Task:
    models = [model for model in plan.models if model.region == region]
    return Task(
        f"fusion_{tile.name}_model_{region}_seed_{run}",
        "fusion",
        chainfusion.FuseModels(plan, region, run, tile),
        {"fusing": plan.steps.get("fuseclassifications", {})},
        tuple(path for m in models for path in _maps_of(plan, (tile.name, m.name, run))),
        _maps_of(plan, (tile.name, region, run)),
        group="classification",
    )


def _fusing_runs(plan: Plan) -> Task:
    tree = plan.tree
    maps = tuple(tree.final(f"Classif_Seed_{run}.tif") for run in plan.runs)
    counts = tuple(tree.temporary(f"Classif_Seed_{run}_counts.json") for run in plan.runs)
    legends = (path for path in (plan.request.colors, plan.nomenclature) if path)
    stem = chainfusion.FUSED
    outputs = (tree.final(f"{stem}.tif"), tree.final(f"{stem}_ColorIndexed.tif"))
    return Task(
        "merge_final_classifications",
        "mergeFinalClassifications",
        chainfusion.FuseRuns(plan),
        {"method": plan.request.merge_method, "fusing": plan.steps.get("fuseclassifications", {})},
        (*maps, *counts, tree.validation, *legends),
        (*outputs, tree.temporary(f"{stem}_counts.json")),
        group="validation",
    )


def _mosaic(plan: Plan) -> Iterator[Task]:
    tree, request = plan.tree, plan.request
    for run in plan.runs:
        for tile in plan.tiles:
            yield _tile_map(plan, run, tile)
        pieces = [path for tile in plan.tiles for path in _tile_files(plan, run, tile)]
        legends = [path for path in (request.colors, plan.nomenclature) if path]
        yield Task(
            f"mosaic_seed_{run}",
            "mosaic",
            chainmapping.Mosaic(plan, run),
            {"creation": request.creation_options},
            (*pieces, tree.envelopes, *legends),
            chainmapping.names_of_mosaic(plan, run),
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
    keys = [(tile.name, region, run) for region in plan.regions if tile.name in plan.reach[region]]
    maps = [path for key in keys for path in _maps_of(plan, key)]
    if plan.request.probability:
        maps += [tree.model(model.name, run) for model in plan.models]
    return Task(
        f"mosaic_{tile.name}_seed_{run}",
        "mosaic",
        chainmapping.TileMap(plan, run, tile),
        {"creation": plan.request.creation_options},
        (*maps, tree.clear(tile.name)),
        _tile_files(plan, run, tile),
        group="mosaic",
    )


def _validation(plan: Plan) -> Iterator[Task]:
    tree, counts, judged = plan.tree, [], []
    for run in plan.runs:
        for tile in plan.tiles:
            stem = f"{tile.name}_seed_{run}"
            counts.append(tree.temporary(f"{stem}_counts.json"))
            judged.append(tree.temporary(f"{stem}_CompRef.tif"))
            yield Task(
                f"confusion_{tile.name}_seed_{run}",
                "confusionCmd",
                chainvalidation.Confuse(plan, run, tile),
                {"label": plan.label, "part": chainvalidation.part_of(plan)},
                (tree.temporary(f"{stem}.tif"), tree.validation),
                (counts[-1], judged[-1], tree.temporary(f"{stem}.csv")),
                group="validation",
            )
    merged = tuple(tree.temporary(f"Classif_Seed_{run}_counts.json") for run in plan.runs)
    differences = tuple(tree.final(f"diff_seed_{run}.tif") for run in plan.runs)
    yield Task(
        "merge_confusions",
        "confusionsMerge",
        chainvalidation.MergeConfusions(plan),
        {},
        (*counts, *judged, tree.envelopes),
        (*merged, *differences),
        group="validation",
    )
    names = (plan.nomenclature,) if plan.nomenclature else ()
    figures = [tree.final(f"Confusion_Matrix_Classif_Seed_{run}.png") for run in plan.runs]
    if plan.request.merge_runs:
        yield _fusing_runs(plan)
        merged = (*merged, tree.temporary(f"{chainfusion.FUSED}_counts.json"))
        figures.append(tree.final("fusionConfusion.png"))
    yield Task(
        "final_report",
        "reportGeneration",
        chainvalidation.Report(plan),
        {"label": plan.label, "seed": plan.request.seed, "part": chainvalidation.part_of(plan)},
        (*merged, tree.validation, *names),
        (*chainvalidation.names_of_report(plan), *(figures if available("matplotlib") else ())),
        group="validation",
    )
