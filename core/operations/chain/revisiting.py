# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples that learn what classes lie around them, from maps that have not learned from them.

A map is better where its model learned than elsewhere. So the shares around a sample come from maps
of models that left the sample's polygon out; only these are like the shares all over the tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import NoSolution
from ...image import Array, Image, Pixels, View, constant
from ...landcover.classified import Classified, LabelBand, assigned
from ...landcover.context import Surroundings, names_of
from ...landcover.folds import dealt, usable_folds
from ...landcover.models import Model as Learned
from ...landcover.models import load_model
from ...landcover.samples import Samples, joined
from ...landcover.settings import GRIDDED, Settings
from ...landcover.training import train
from ...progress import Progress
from ...raster import open_image
from ...vector.samplelayer import Fields, read_samples, write_samples
from ...windows import Window, tiling
from ..trainclassifier import class_weights
from .context import SIDE, counted, known_labels, nothing
from .mapping import Within, labels_of, pieces_of
from .plan import Model, Plan
from .reference import is_empty
from .samples import enlarged
from .tiles import Tile

FOLDS = 3
"""Models that leave polygons out."""


@dataclass(frozen=True)
class Revisit:
    """Give the samples of a model the shares of classes around them."""

    plan: Plan
    model: Model
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the samples that the model of this round learns from."""
        plan, name = self.plan, self.model.name
        paths = {t: plan.tree.tile_samples(t.name, name, self.run) for t in plan.of(self.model)}
        before = read_samples([plan.tree.samples(name, self.run, plan.round - 1)], self._fields)
        how = self._how()
        apart = _set_apart(before, how, progress.part(0.0, 0.3))
        parts, found = progress.part(0.3, 0.8).split(len(paths)), []
        for (tile, path), part in zip(paths.items(), parts):
            if not is_empty(path):
                found.append(self._seen(tile, path, apart, part))
        samples = enlarged(plan, name, joined(found))
        write_samples(
            plan.tree.samples(name, self.run, plan.round), samples, self._fields, plan.crs
        )
        if apart:
            again = _set_apart(samples, how, progress.part(0.8, 1.0))
            self._compare(_percent(apart), _percent(again), progress)

    @property
    def _fields(self) -> Fields:
        return Fields(self.plan.label)

    def _how(self) -> Settings:
        """Return how the model of the round before was trained."""
        tree, how = self.plan.at(self.plan.round - 1).tree, self.plan.training()
        before = load_model(tree.model(self.model.name, self.run))
        parameters = before.facts["parameters"] if how.tune else {}
        tuned = {name: value for name, value in parameters.items() if name in GRIDDED}
        return replace(how, **{**tuned, "classifier": before.classifier, "tune": False})

    def _compare(self, before: float, now: float, progress: Progress) -> None:
        """Say whether it helps, as far as the samples tell."""
        said = (
            f"in round {self.plan.round}, {now:.1f} % of the samples of {self.model.name} are "
            f"right in models that have not seen their polygons; {before:.1f} % in the round "
            "before."
        )
        if now < before:
            progress.warn(f"Auto-context does not help: {said} Try fewer rounds or another size.")
        else:
            progress.info(f"Auto-context: {said}")

    def _seen(self, tile: Tile, path: str, apart: Sequence[_Apart], progress: Progress) -> Samples:
        """Return the samples of a tile with the shares."""
        plan, samples = self.plan, read_samples([path], self._fields)
        segments = open_image(plan.tree.superpixels(tile.name))
        shares = plan.shares(tile, self.run)
        numbers = _at(segments, *segments.grid.to_pixel(samples.x, samples.y))
        found = shares[numbers]
        near = _Near(segments, plan.request.threads)
        for one, part in zip(apart, progress.split(max(1, len(apart)))):
            rows = np.isin(samples.groups, one.groups)
            if rows.any():
                wanted = near.around(numbers[rows])
                found[rows] = self._shares(tile, one.model, wanted, part)[numbers[rows]]
        values = np.concatenate([samples.values, found.astype(np.float32)], 1)
        return replace(samples, values=values, names=(*samples.names, *names_of(shares)))

    def _shares(self, tile: Tile, learned: Learned, wanted: Array, progress: Progress) -> Array:
        """Return the shares of classes in a map that is another model's in some superpixels."""
        plan = self.plan.at(self.plan.round - 1)
        segments = open_image(plan.tree.superpixels(tile.name))
        region = open_image(plan.tree.area(self.model.region, tile.name))
        area = _Chosen(segments, wanted, region)
        image = plan.in_context(Within(plan.features(tile), area), tile, self.run)
        other = Classified(image, (assigned(learned, image),), area, chances=False)
        labels = _Replaced(labels_of(pieces_of(plan, self.run, tile)), other)
        tiled = tiling(segments.grid.window, SIDE, SIDE)
        windows = [window for window in tiled if area.read(window).values.any()]
        found = Surroundings(known_labels(plan, self.run))
        threads = plan.request.threads
        return counted(found, segments, labels, windows, threads, progress).shares()


@dataclass(frozen=True)
class _Apart:
    """A model, polygons that it has not seen, how many of their samples it has right, of all."""

    model: Learned
    groups: Array
    right: int
    samples: int


def _set_apart(samples: Samples, how: Settings, progress: Progress) -> tuple[_Apart, ...]:
    """Return models that each have not seen some of the polygons."""
    try:
        count = usable_folds(samples.indices, samples.groups, FOLDS)
    except NoSolution:
        progress.warn(
            "A class has one polygon only; samples see the map that has learned from them."
        )
        return ()
    fold, found = dealt(samples.indices, samples.groups, count), []
    for number, part in enumerate(progress.split(count)):
        rest, held = samples.taken(fold != number), samples.taken(fold == number)
        model = train(rest, how, part, weights=class_weights(how, rest)).model
        right = int((model.labeled(held.values.T)[0] == held.labels).sum())
        found.append(_Apart(model, np.unique(held.groups), right, len(held)))
    return tuple(found)


def _percent(apart: Sequence[_Apart]) -> float:
    return 100 * sum(one.right for one in apart) / sum(one.samples for one in apart)


class _Near:
    """Which superpixels of a tile touch."""

    def __init__(self, segments: Image, threads: int) -> None:
        windows = list(tiling(segments.grid.window, SIDE, SIDE))
        found = counted(Surroundings(()), segments, nothing(segments.grid), windows, threads)
        self._one, self._other = found.touching()

    def around(self, numbers: Array) -> Array:
        """Return superpixels and those that they touch."""
        return np.union1d(numbers, self._other[np.isin(self._one, numbers)])


@dataclass(frozen=True)
class _Chosen(LabelBand, View):
    """1 where superpixels are wanted and a model is used, else 0."""

    wanted: Array
    region: Image

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Look numbers up."""
        inside = np.isin(self.source.read(window).values, self.wanted)
        inside &= self.region.read(window).values > 0
        return Pixels(inside.astype(np.uint8), constant(True, window.shape))


@dataclass(frozen=True)
class _Replaced(LabelBand, View):
    """A map of classes with those of another one where this is valid."""

    other: Image

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read both."""
        found, other = self.source.read(window), self.other.read(window)
        values = np.where(other.valid, other.values, found.values)
        return Pixels(values, found.valid | other.valid)


def _at(image: Image, x: Array, y: Array) -> Array:
    """Return the values of an image at pixel positions, each window being read once."""
    cols, rows = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    found = np.zeros(len(cols), image.dtype)
    for window in tiling(image.grid.window, SIDE, SIDE):
        down, right = rows - window.row, cols - window.col
        here = (down >= 0) & (down < window.height) & (right >= 0) & (right < window.width)
        if here.any():
            found[here] = image.read(window).values[0][down[here], right[here]]
    return found
