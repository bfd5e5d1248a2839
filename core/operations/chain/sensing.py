# SPDX-License-Identifier: GPL-2.0-or-later
"""Radar and optical features apart: a model for each, and their maps fused by what each knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ...errors import InvalidOption, NoSolution
from ...exchange.confusions import read_confusion, write_confusion
from ...image import Image, Pixels, View
from ...landcover.assessing import assess
from ...landcover.choosing import MOST
from ...landcover.confusion import confusion_of
from ...landcover.fitting import Task as Lesson
from ...landcover.folds import dealt, usable_folds
from ...landcover.fusing import Chosen, Fused, Fusing, beliefs_of
from ...landcover.models import Model as Learned
from ...landcover.models import load_model
from ...landcover.samples import Samples
from ...landcover.sensors import sensors
from ...landcover.series import parsed
from ...progress import Progress
from ...raster import open_image
from ...vector.samplelayer import Fields, read_samples
from ...windows import Window
from ...workflow.maps import Maps, write_maps
from ...workflow.tasks import Task
from ...write import write
from ..trainclassifier import class_weights
from .plan import OPTICAL, RADAR, Model, Plan
from .tiles import Tile


def views(plan: Plan) -> tuple[Plan, ...]:
    """Return the plan as each of its models sees it: one for all features, or two."""
    if not plan.request.sensor_fusion:
        return (plan,)
    return tuple(plan.through(kind) for kind in (RADAR, OPTICAL))


def kind_of(name: str) -> str:
    """Return which sensors a feature is from; what has no date goes with the optical ones."""
    said = parsed(name)
    known = sensors().get(said.sensor) if said else None
    return RADAR if known and known.radar else OPTICAL


def refuse_unseen(plan: Plan) -> None:
    """Raise InvalidOption for a tile without radar or without optical images."""
    for tile in plan.tiles if plan.request.sensor_fusion else ():
        found = {kind_of(name) for name in _dated(tile)}
        for kind, what in ((RADAR, "radar (Sentinel-1)"), (OPTICAL, "optical")):
            if kind not in found:
                raise InvalidOption(
                    f"Fuse radar and optical: {tile.name} has no {what} images. Give both for "
                    "every tile, or leave SENSOR_FUSION out."
                )


def _dated(tile: Tile) -> Iterator[str]:
    """Yield a name with a date for each sensor of a tile."""
    for source in tile.sources:
        if source.kind == "features":
            yield from (name for name in open_image(source.path).band_names if parsed(name))
        elif source.kind != "undated":
            yield f"{source.sensor}_b1_20000101"


def samples_of(plan: Plan, name: str, run: int) -> Samples:
    """Return what a model of a plan learns from: the features that it looks at."""
    path = plan.tree.samples(name, run, plan.round)
    samples = read_samples([path], Fields(plan.label))
    if not plan.seeing:
        return samples
    return samples.only([n for n, name in enumerate(samples.names) if kind_of(name) == plan.seeing])


@dataclass(frozen=True)
class Picked(View):
    """Some bands of the image below, by number from 1."""

    numbers: tuple[int, ...] = ()

    @property
    def bands(self) -> int:
        """Number of the bands."""
        return len(self.numbers)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.source.band_names[number - 1] for number in self.numbers)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read these bands of the image below."""
        wanted = self.numbers if bands is None else [self.numbers[band - 1] for band in bands]
        return self.source.read(window, list(wanted), rounded)


def seen_of(plan: Plan, image: Image) -> Image:
    """Return the bands of an image of features that the models of a plan look at."""
    if not plan.seeing:
        return image
    names = enumerate(image.band_names, 1)
    return Picked(image, tuple(number for number, name in names if kind_of(name) == plan.seeing))


def believing(plan: Plan, model: Model, run: int) -> Iterator[Task]:
    """Yield the tasks that find out how far each model of two is to be believed."""
    for view in views(plan) if plan.request.sensor_fusion else ():
        tree = view.tree
        yield Task(
            f"confusion_model_{model.name}_seed_{run}{tree.version}",
            "confusionSarOpt",
            Believe(view, model, run),
            {"training": asdict(plan.training())},
            (tree.samples(model.name, run), tree.model(model.name, run)),
            (tree.believed(model.name, run),),
            group="learning",
        )


@dataclass(frozen=True)
class Believe:
    """Cross-validate a model by polygons; what validates the map is not looked at."""

    plan: Plan
    model: Model
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the confusion of the samples while they were held out."""
        plan, tree, name = self.plan, self.plan.tree, self.model.name
        samples = samples_of(plan, name, self.run)
        model, classes = load_model(tree.model(name, self.run)), samples.classes
        try:
            count = usable_folds(samples.indices, samples.groups, plan.training().folds)
        except NoSolution:
            progress.warn(
                f"A class of region {name} has one polygon in run {self.run}: how far the models "
                "are believed is found from the samples that they learned."
            )
            found, _ = model.labeled(np.ascontiguousarray(samples.values.T))
        else:
            how = plan.training()
            lesson = Lesson(samples, how, class_weights(how, samples))
            folds = dealt(samples.indices, samples.groups, count)
            most = MOST.get(model.classifier, 0)
            held = assess(lesson, model.classifier, folds, most=most, progress=progress)
            found = classes[held.predicted]
        confusion = confusion_of(samples.labels, found, classes.tolist())
        write_confusion(tree.believed(name, self.run), confusion)
        right = float((found == samples.labels).mean())
        progress.info(f"{model.classifier} is right for {100 * right:.1f} % of held out samples.")


def fusing(plan: Plan, model: Model, run: int, tile: Tile) -> Iterator[Task]:
    """Yield the task that fuses the maps of both models of a tile."""
    if not plan.request.sensor_fusion:
        return
    tree, key, parts = plan.tree, (tile.name, model.name, run), views(plan)
    yield Task(
        f"fusion_{tile.name}_model_{model.name}_seed_{run}_SAR_OPT",
        "fusion",
        FuseSensors(plan, tile, model, run),
        {"fusing": _rule(plan)},
        (
            *(path for part in parts for path in part.maps_of(key)),
            *(part.tree.model(model.name, run) for part in parts),
            *(part.tree.believed(model.name, run) for part in parts),
        ),
        (*plan.maps_of(key), tree.choice(*key)),
        group="classification",
    )


def _rule(plan: Plan) -> dict[str, str]:
    given = plan.steps.get("fuseclassifications", {})
    tie = given.get("tie", "confidence")
    return {"measure": given.get("measure", "precision"), "tie": str(tie)}


@dataclass(frozen=True)
class FuseSensors:
    """Fuse the maps that the radar and the optical model make of a tile."""

    plan: Plan
    tile: Tile
    model: Model
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write labels, confidence, and who decided; probabilities if asked for."""
        plan, tree = self.plan, self.plan.tree
        key = (self.tile.name, self.model.name, self.run)
        fused, how = self._fused(key), plan.writing(share)
        write_maps(fused, Maps(*plan.maps_of(key)), how, progress.part(0.0, 0.7), plan.legend)
        write(Chosen(fused), tree.choice(*key), how, progress.part(0.7, 1.0))

    def _fused(self, key: tuple[str, str, int]) -> Fused:
        trees = [part.tree for part in views(self.plan)]
        models: list[Learned] = [load_model(tree.model(*key[1:])) for tree in trees]
        known = {label: name for one in models for label, name in zip(one.labels, one.names)}
        classes, rule = tuple(sorted(known)), _rule(self.plan)
        confusions = (read_confusion(tree.believed(*key[1:])) for tree in trees)
        beliefs = tuple(beliefs_of(confusion, rule["measure"]) for confusion in confusions)
        chances = self.plan.request.probability
        return Fused(
            tuple(open_image(tree.labels(*key)) for tree in trees),
            classes,
            Fusing("dempstershafer", rule["tie"], 0, beliefs),
            tuple(open_image(tree.confidence(*key)) for tree in trees),
            tuple(open_image(tree.probability(*key)) for tree in trees) if chances else (),
            tuple(one.labels for one in models) if chances else (),
            tuple(known[label] for label in classes),
            unit="fraction",
        )
