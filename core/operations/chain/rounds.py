# SPDX-License-Identifier: GPL-2.0-or-later
"""Auto-context as tasks: the map is made again by models that learned what lies around pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

from ...workflow.tasks import Task
from . import context, mapping, revisiting
from .plan import Model, Plan
from .samples import sampled
from .tiles import Tile


def mark(plan: Plan) -> str:
    """Return what the names of the tasks of a round end in."""
    return f"_context_{plan.round}" if plan.round else plan.seeing and f"_{plan.seeing}"


def learning(plan: Plan, model: Model, run: int, group: str) -> Task:
    """Return the task that trains a model for a round."""
    names = (plan.request.nomenclature,) if plan.request.nomenclature else ()
    return Task(
        f"learning_model_{model.name}_seed_{run}{mark(plan)}",
        "learnModel",
        mapping.Learn(plan, model, run),
        {"training": asdict(plan.training()), "named": plan.named},
        (plan.tree.samples(model.name, run, plan.round), *names, *plan.files("trainclassifier")),
        (plan.tree.model(model.name, run),),
        group=group,
    )


def mapping_again(plan: Plan, mapped: Callable[[Plan], Iterator[Task]]) -> Iterator[Task]:
    """Yield the tasks that make maps, round after round; `mapped` gives those of one."""
    last = plan.request.auto_context
    tiles = [tile for tile in plan.tiles if plan.models_in(tile)]
    if last:
        for tile in tiles:
            yield _segmenting(plan, tile)
    for number in range(last + 1):
        now = plan.at(number)
        if number:
            yield from _learning_again(now)
        yield from mapped(now)
        if number < last:
            for run in plan.runs:
                for tile in tiles:
                    yield _surrounding(now, run, tile)


def _segmenting(plan: Plan, tile: Tile) -> Task:
    return Task(
        f"superpixels_{tile.name}",
        "slicSegmentation",
        context.Segment(plan, tile),
        {**plan.series, "superpixels": context.spacing(plan)},
        plan.features_in(tile),
        (plan.tree.superpixels(tile.name),),
        group="classification",
    )


def _surrounding(plan: Plan, run: int, tile: Tile) -> Task:
    tree = plan.tree
    return Task(
        f"shares_{tile.name}_seed_{run}{mark(plan)}",
        "contextShares",
        context.Surround(plan, run, tile),
        {},
        (
            tree.superpixels(tile.name),
            *(tree.labels(*key) for key in mapping.keys_of(plan, run, tile)),
            *(tree.model(model.name, run) for model in plan.models),
        ),
        (tree.shares(tile.name, run),),
        group="classification",
    )


def _learning_again(plan: Plan) -> Iterator[Task]:
    for run in plan.runs:
        for model in plan.models:
            yield _revisiting(plan, model, run)
            yield learning(plan, model, run, "classification")


def _revisiting(plan: Plan, model: Model, run: int) -> Task:
    """Return the task that gives samples what the round before has found around them."""
    tree, name, before = plan.tree, model.name, plan.at(plan.round - 1)
    inputs = [before.tree.samples(name, run, before.round)]
    inputs += [before.tree.model(one.name, run) for one in plan.models]
    for tile in plan.of(model):
        inputs += [tree.tile_samples(tile.name, name, run), tree.area(model.region, tile.name)]
        inputs += [*plan.features_in(tile), *plan.context_in(tile, run)]
        inputs += before.context_in(tile, run)
        inputs += [before.tree.labels(*key) for key in mapping.keys_of(plan, run, tile)]
    training = asdict(plan.training())
    return Task(
        f"samples_model_{name}_seed_{run}{mark(plan)}",
        "contextSamples",
        revisiting.Revisit(plan, model, run),
        {**plan.series, "sampling": sampled(plan), "label": plan.label, "training": training},
        tuple(dict.fromkeys([*inputs, *plan.files("trainclassifier")])),
        (tree.samples(name, run, plan.round),),
        group="classification",
    )
