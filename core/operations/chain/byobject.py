# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that learn from objects, classify them, and write them with their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InvalidOption
from ...image import Array, Image, View
from ...landcover.classified import Judged as Classes
from ...landcover.classified import LabelBand, label_type
from ...landcover.lines import Ids
from ...landcover.models import Model as Learned
from ...landcover.models import load_model
from ...landcover.samples import Samples
from ...landcover.sampling import Candidates, Sampling, taken_rows
from ...progress import Progress
from ...raster import open_image
from ...vector.groundtruth import read_truth
from ...vector.samplelayer import Fields, write_samples
from ...windows import Window
from ...workflow.maps import Maps, write_maps
from ...workflow.objecttable import KEY, Pooled
from .mapping import Classify
from .plan import Plan
from .samples import Collect, enlarged
from .segments import all_around, describing, pooled, statistics_of

ROWS = 4096
"""Objects that are read together."""


def columns_of(plan: Plan, table: Pooled) -> tuple[str, ...]:
    """Return the names of what models learn about objects."""
    features = table.own.features
    return tuple(f"{feature}_{name}" for name in statistics_of(plan) for feature in features)


@dataclass(frozen=True)
class Labeled:
    """Objects that learn: keys (ascending), labels and the polygons that they are mostly from."""

    keys: Ids
    labels: Ids
    polygons: Ids


@dataclass(frozen=True)
class CollectObjects(Collect):
    """Put the objects together that a model learns from in a run."""

    def __call__(self, progress: Progress, share: float) -> None:
        """Write their statistics as samples."""
        plan, name = self.plan, self.model.name
        tables = [pooled(plan, tile) for tile in plan.of(self.model)]
        learning = self._labeled(tables, progress)
        samples = self._samples(tables, learning).complete()
        if not len(samples):
            given = "Give smaller ones in SEGMENTS, or more polygons."
            raise InvalidOption(
                f"No object learns for region {name} in run {self.run}: polygons cover less of "
                "each than asked for, or polygons that validate lie in them too. "
                f"{given if plan.request.segments else 'Make the objects smaller (OBJECT_SIZE).'}"
            )
        samples = enlarged(plan, name, self._drawn(samples))
        write_samples(plan.tree.samples(name, self.run), samples, Fields(plan.label), plan.crs)
        progress.info(f"{len(samples)} objects of {len(samples.classes)} classes learn.")

    def _labeled(self, tables: Sequence[Pooled], progress: Progress) -> Labeled:
        """Return the objects of which a label that learns covers enough, and no other set any."""
        plan = self.plan
        # an object may reach into tiles that the region of the model does not reach
        tiles = all_around(plan, plan.of(self.model))
        covers = np.concatenate([np.load(plan.tree.covers(tile.name)) for tile in tiles])
        mine, others = self._sets()
        strange = np.unique(covers[np.isin(covers[:, 1], others), 0])
        learns = np.isin(covers[:, 1], mine)
        held = learns & np.isin(covers[:, 0], strange)
        if held.any():
            progress.info(
                f"{len(np.unique(covers[held, 0]))} objects do not learn, because polygons that "
                "validate lie in them too."
            )
        covers = covers[learns & ~held]
        found = _mostly(covers)
        sizes = _sizes(tables, found.keys)
        pixels = _pixels_of(covers, found)
        enough = pixels >= (0 if plan.points else describing(plan).min_cover) * sizes
        return Labeled(found.keys[enough], found.labels[enough], found.polygons[enough])

    def _sets(self) -> tuple[Ids, Ids]:
        """Return the polygons that this model learns from, and those of which no pixel may."""
        plan, mine, others = self.plan, [], []
        for feature in read_truth(plan.reference, plan.label, plan.crs).features:
            values, number = feature.values, int(feature.values["originfid"])
            role = values[f"seed_{self.run}"]
            if role == "learn" and str(values["region"]) == self.model.name:
                mine.append(number)
            if role == "validation" or values["hold_out"] == "yes":
                others.append(number)
        return np.array(mine, np.int64), np.array(others, np.int64)

    def _samples(self, tables: Sequence[Pooled], found: Labeled) -> Samples:
        """Return what is known of the objects, each from the first tile that has it."""
        waiting, parts = np.ones(len(found.keys), bool), []
        names = columns_of(self.plan, tables[0])
        for table in tables:
            keys = table.own.objects[:, KEY]
            there = waiting & np.isin(found.keys, keys)
            waiting &= ~there
            rows = np.searchsorted(keys, found.keys[there])
            for start in range(0, len(rows), ROWS):
                some = rows[start : start + ROWS]
                at = np.searchsorted(found.keys, keys[some])
                parts.append((at, table.rows(some, statistics_of(self.plan))))
        order = np.concatenate([at for at, _ in parts]) if parts else np.empty(0, np.int64)
        none = np.empty((0, len(names)), np.float32)
        values = np.concatenate([none, *(values for _, values in parts)])
        groups = found.polygons[order]
        return Samples(values, found.labels[order], groups, names, (self.model.name,) * len(order))

    def _drawn(self, samples: Samples) -> Samples:
        """Return as many of each class as the strategy says."""
        how = self.plan.sampling()
        if how.strategy in ("all", "byclass"):
            return samples
        none = np.zeros(len(samples), np.int64)
        candidates = Candidates(samples.labels, samples.groups, none, none)
        wish = Sampling(how.strategy, how.amount, seed=how.seed + self.run)
        rows, _ = taken_rows(candidates, np.arange(len(samples)), wish)
        return samples.taken(rows)


def _mostly(covers: Ids) -> Labeled:
    """Return the label that covers most of each object; of equal ones the lowest."""
    pairs, place = np.unique(covers[:, [0, 2]], axis=0, return_inverse=True)
    pixels = np.bincount(place.ravel(), covers[:, 3], len(pairs))
    # the most pixels first, of equal ones the lowest label
    order = np.lexsort((pairs[:, 1], -pixels, pairs[:, 0]))
    keys, first = np.unique(pairs[order, 0], return_index=True)
    labels = pairs[order[first], 1]
    mine = labels[np.searchsorted(keys, covers[:, 0])] == covers[:, 2] if len(covers) else []
    own = covers[mine]
    order = np.lexsort((own[:, 1], -own[:, 3], own[:, 0]))
    _, first = np.unique(own[order, 0], return_index=True)
    return Labeled(keys, labels, own[order[first], 1])


def _pixels_of(covers: Ids, found: Labeled) -> Array:
    """Return how many pixels of each object its label covers."""
    at = np.searchsorted(found.keys, covers[:, 0])
    mine = found.labels[at] == covers[:, 2] if len(covers) else np.zeros(0, bool)
    return np.bincount(at[mine], covers[mine, 3], len(found.keys))


def _sizes(tables: Sequence[Pooled], keys: Ids) -> Ids:
    """Return the pixels of objects in all tiles."""
    found = np.zeros(len(keys), np.int64)
    for table in tables:
        known = table.own.objects[:, KEY]
        there = np.flatnonzero(np.isin(keys, known))
        found[there] = table.pixels[np.searchsorted(known, keys[there])]
    return found


@dataclass(frozen=True)
class Looked(LabelBand, View):
    """The classes of objects seen on their pixels (a ClassMap); `source` has their numbers.

    `layers`[layer, number] are confidence and per mille of each class; number 0 is no object.
    """

    area: Image
    classes: Array
    layers: Array
    model: Learned
    largest: int = 0
    unit: str = "fraction"

    @property
    def dtype(self) -> np.dtype[Any]:
        """8 bits unless a label, or `largest`, needs 16."""
        return label_type(max(self.largest, *self.labels))

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels of the model."""
        return self.model.labels

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the labels."""
        return self.model.names

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Classes:
        """Look the classes of a window up."""
        numbers = self.source.read(window).values[0]
        numbers = np.where(self.area.read(window).values[0] > 0, numbers, 0)
        labels = self.classes[numbers][None].astype(self.dtype)
        return Classes(labels, labels[0] > 0, layers=self.layers[:, numbers])


@dataclass(frozen=True)
class ClassifyObjects(Classify):
    """Classify the objects of a tile with a model."""

    def __call__(self, progress: Progress, share: float) -> None:
        """Write labels and confidence of their pixels, and probabilities if asked for."""
        plan, tree = self.plan, self.plan.tree
        key = (self.tile.name, self.model.name, self.run)
        model = load_model(tree.model(self.model.name, self.run))
        classes, layers = self._classes(model, progress.part(0.0, 0.5))
        area = open_image(tree.area(self.model.region, self.tile.name))
        largest = max(plan.legend.names, default=0)
        segments = open_image(tree.segments(self.tile.name))
        view = Looked(segments, area, classes, layers, model, largest)
        write_maps(
            view,
            Maps(*plan.maps_of(key)),
            plan.writing(share),
            progress.part(0.5, 1.0),
            plan.legend,
        )
        known = int(np.count_nonzero(classes))
        progress.info(f"{known} of {len(classes) - 1} objects of {self.tile.name} have a class.")

    def _classes(self, model: Learned, progress: Progress) -> tuple[Array, Array]:
        """Return label and layers of each object; those of number 0 are 0."""
        plan, table = self.plan, pooled(self.plan, self.tile)
        count, names = len(table.own.objects), columns_of(plan, table)
        columns = [names.index(name) for name in model.features]
        labels = np.zeros(count + 1, np.int64)
        wanted = 1 + (len(model.labels) if plan.request.probability else 0)
        layers = np.zeros((wanted, count + 1), np.float32)
        for start in range(0, count, ROWS):
            progress.check()
            rows = np.arange(start, min(start + ROWS, count))
            values = table.rows(rows, statistics_of(plan))[:, columns]
            known = np.isfinite(values).all(1)
            if known.any():
                at = rows[known] + 1
                labels[at], chances = model.labeled(np.ascontiguousarray(values[known].T))
                layers[0, at] = chances.max(0)
                if wanted > 1:
                    layers[1:, at] = np.rint(1000 * chances)
            progress.advance((rows[-1] + 1) / count)
        return labels, layers
