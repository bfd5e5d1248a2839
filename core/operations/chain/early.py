# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks of a land cover run up to the samples: what each reads, writes and was told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from ...workflow.names import parts_of_shapefile
from ...workflow.tasks import Task
from . import mapping, preparing, reference, samples
from .plan import Model, Plan


def init(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that look at images and masks."""
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
            preparing.Prepare(plan, tile),
            {**plan.place(tile), "filling": plan.series["filling"]},
            tile.files,
            (plan.grid_file(tile), *dates),
            group="init",
        )
        masks = tuple(path for path in plan.masks(tile) if path)
        shape = parts_of_shapefile(tree.common(tile.name, "shp"))
        yield Task(
            f"common_mask_{tile.name}",
            "CommonMasks",
            preparing.CommonMask(plan, tile),
            plan.place(tile),
            (*tile.files, plan.grid_file(tile)),
            (*masks, tree.common(tile.name), *shape),
            group="init",
        )
        threshold = plan.request.threshold
        yield Task(
            f"validity_raster_{tile.name}",
            "PixelValidity",
            preparing.Validity(plan, tile),
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
                mapping.WriteFeatures(plan, tile),
                plan.series,
                (
                    *tile.files,
                    plan.grid_file(tile),
                    *masks,
                    *plan.files("gapfill", "spectralfeatures"),
                ),
                (plan.features_file(tile),),
                group="init",
            )


def _envelope(plan: Plan) -> Task:
    tree = plan.tree
    shapes = [path for t in plan.tiles for path in parts_of_shapefile(tree.envelope(t.name))]
    return Task(
        "tiles_envelopes",
        "Envelope",
        preparing.Envelopes(plan),
        {"tiles": [tile.name for tile in plan.tiles]},
        tuple(tree.common(tile.name) for tile in plan.tiles),
        (tree.envelopes, *shapes),
        group="sampling",
    )


def features_map(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that put features together."""
    files = tuple(plan.features_file(tile) for tile in plan.tiles)
    yield _envelope(plan)
    yield Task(
        "mosaic_features",
        "mosaic",
        mapping.MosaicFeatures(plan),
        {},
        (*files, plan.tree.envelopes),
        (plan.tree.final("features_map.tif"),),
        group="mosaic",
    )


def sampling(plan: Plan) -> Iterator[Task]:
    """Yield the tasks from tiles and polygons to samples."""
    yield from dividing(plan)
    for model in plan.models:
        for run in plan.runs:
            yield from _selecting(plan, model, run)
    yield from _extracting(plan)


def dividing(plan: Plan) -> Iterator[Task]:
    """Yield the tasks that divide the ground and the polygons among the tiles."""
    yield _envelope(plan)
    yield _regions(plan)
    yield from _formatting(plan)


def _regions(plan: Plan) -> Task:
    tree, request = plan.tree, plan.request
    outputs = [
        path
        for region, tile in preparing.pairs(plan)
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
        preparing.Regions(plan),
        {"field": request.region_field, "grids": [plan.place(tile) for tile in plan.tiles]},
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
        reference.Split(plan),
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
            reference.Format(plan, tile),
            {"runs": plan.runs, "label": plan.label},
            (*parts_of_shapefile(plan.reference), tree.envelope(tile.name), clear),
            (*parts_of_shapefile(tree.formatted(tile.name)), *parts),
            group="sampling",
        )
    yield Task(
        "merge_reference",
        "VectorFormatting",
        reference.Together(plan),
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
        samples.Merge(plan, model, run),
        {"label": plan.label},
        formatted,
        parts_of_shapefile(tree.chosen(name, run, ".shp")),
        group="sampling",
    )
    for tile in tiles:
        yield Task(
            f"stats_{name}_S_{run}_T_{tile.name}",
            "statsSamplesModel",
            samples.Count(plan, model, run, tile),
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
        samples.Choose(plan, model, run),
        {"strategy": plan.sampling().strategy, "amount": plan.sampling().amount},
        (*(tree.counted(tile.name, name, run) for tile in tiles), *((rates,) if rates else ())),
        (tree.chosen(name, run, "_outrates.csv"), tree.chosen(name, run, "_selection.csv")),
        group="sampling",
    )


def _extracting(plan: Plan) -> Iterator[Task]:
    tree, how = plan.tree, samples.sampled(plan)
    for tile in plan.tiles:
        models = plan.models_in(tile)
        keys = [(model.name, run) for model in models for run in plan.runs]
        rates = tuple(tree.rates(tile.name, run) for run in plan.runs)
        yield Task(
            f"merge_samples_{tile.name}",
            "samplesByTiles",
            samples.Deal(plan, tile),
            {},
            tuple(tree.chosen(*key, "_selection.csv") for key in keys),
            rates,
            group="sampling",
        )
        yield Task(
            f"extraction_{tile.name}",
            "samplesExtraction",
            samples.Extract(plan, tile),
            {"sampling": how, **plan.series},
            (*rates, tree.formatted(tile.name), *plan.features_in(tile)),
            tuple(tree.tile_samples(tile.name, *key) for key in keys),
            group="sampling",
        )
    for run in plan.runs:
        for model in plan.models:
            name = model.name
            yield Task(
                f"merge_model_{name}_seed_{run}_usually",
                "samplesByModels",
                samples.Collect(plan, model, run),
                {"sampling": how},
                (
                    *(tree.tile_samples(tile.name, name, run) for tile in plan.of(model)),
                    *plan.files("extractsamples"),
                ),
                (tree.samples(name, run),),
                group="sampling",
            )
        yield class_statistics(plan, run)


def class_statistics(plan: Plan, run: int) -> Task:
    """Return the task that counts the samples of each class in a run."""
    return Task(
        f"class_statistics_seed_{run}",
        "samplesByModels",
        samples.Statistics(plan, run),
        {"named": plan.named},
        tuple(plan.tree.samples(model.name, run) for model in plan.models),
        (plan.tree.statistics(run),),
        group="sampling",
    )
