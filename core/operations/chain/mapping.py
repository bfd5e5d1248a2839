# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks from samples to maps: learn, classify tiles, put models and tiles together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...image import Image, Pixels, View, constant
from ...landcover.classified import Classified, assigned
from ...landcover.legend import Legend
from ...landcover.models import load_model, save_model
from ...landcover.mosaicked import Labeled, Percent, Zeroed
from ...landcover.training import train
from ...masks.restricted import Restricted
from ...progress import Progress
from ...raster import RasterImage, open_image
from ...vector import read_polygons
from ...windows import Window
from ...workflow.maps import Maps, write_maps
from ...write import write
from .. import mosaicclassification
from ..mosaicclassification import Pieces
from ..trainclassifier import class_weights
from . import sensing
from .plan import Model, Plan
from .tiles import Tile, features_of


@dataclass(frozen=True)
class WriteFeatures:
    """Write the features of a tile."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them."""
        plan = self.plan
        view = features_of(
            self.tile, plan.grid_file(self.tile), plan.masks(self.tile), plan.how, progress
        )
        write(view, plan.features_file(self.tile), plan.writing(share), progress)


@dataclass(frozen=True)
class MosaicFeatures:
    """Put the features of all tiles together."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write final/features_map.tif."""
        plan = self.plan
        images = [open_image(plan.features_file(tile)) for tile in seen_tiles(plan)]
        pieces = envelopes_of(plan, images, progress)
        plain = Pieces(tuple(images), pieces.tiles, pieces.grid, pieces.envelopes)
        kind = np.result_type(*(image.dtype for image in images))
        write(
            plain.together(images, kind),
            plan.tree.final("features_map.tif"),
            plan.writing(share),
            progress,
        )


def seen_tiles(plan: Plan) -> list[Tile]:
    """Return the tiles that have an envelope: some of their ground was seen."""
    features = read_polygons(plan.tree.envelopes, plan.crs)
    names = {str(feature.values["tile"]) for feature in features}
    return [tile for tile in plan.tiles if tile.name in names]


def envelopes_of(plan: Plan, images: Sequence[RasterImage], progress: Progress) -> Pieces:
    """Return how images of all tiles are put together as classes: each in its envelope."""
    request = mosaicclassification.Request(
        images=tuple(image.path for image in images),
        envelopes=plan.tree.envelopes,
        output_folder=plan.tree.at("final"),
    )
    return mosaicclassification.pieces_of(images, request, Legend(), progress)


@dataclass(frozen=True)
class Learn:
    """Train a model."""

    plan: Plan
    model: Model
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Read the samples, train, write the model."""
        plan, tree, name = self.plan, self.plan.tree, self.model.name
        how, samples = plan.training(), sensing.samples_of(plan, name, self.run)
        names = {label: plan.legend.name(label) for label in samples.classes.tolist()}
        found = train(samples, how, progress, names=names, weights=class_weights(how, samples))
        save_model(found.model, tree.model(name, self.run))
        progress.info(
            f"Model {name}, run {self.run}: {found.model.classifier} learned {len(names)} classes "
            f"from {len(samples)} samples."
        )


@dataclass(frozen=True)
class Area:
    """Write where a region is classified in a tile: inside it, where the ground was ever clear."""

    plan: Plan
    region: str
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the mask."""
        plan, name = self.plan, self.tile.name
        inside = open_image(plan.tree.region(plan.layer, self.region, name, "tif"))
        clear = Restricted(Labeled(inside), open_image(plan.tree.clear(name)), "nonzero")
        path = plan.tree.area(self.region, name)
        write(Zeroed(clear), path, plan.writing(share), progress)


@dataclass(frozen=True)
class Within(View):
    """The image below, which is not read where nothing of a window is asked for."""

    area: Image

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below where it is asked for."""
        if self.area.read(window).values.any():
            return self.source.read(window, bands, rounded)
        count = self.bands if bands is None else len(bands)
        values = np.zeros((count, *window.shape), self.dtype)
        return Pixels(values, constant(False, window.shape))


@dataclass(frozen=True)
class Classify:
    """Classify a tile with a model."""

    plan: Plan
    model: Model
    run: int
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write labels and confidence, and probabilities if asked for, in one pass."""
        plan, tree = self.plan, self.plan.tree
        key = (self.tile.name, self.model.name, self.run)
        area = open_image(tree.area(self.model.region, self.tile.name))
        model = load_model(tree.model(self.model.name, self.run))
        features = sensing.seen_of(plan, plan.features(self.tile))
        image = plan.in_context(Within(features, area), self.tile, self.run)
        largest = max(plan.legend.names, default=0)
        found = (assigned(model, image, progress),)
        wanted = plan.request.probability
        view = Classified(image, found, area, unit="fraction", largest=largest, chances=wanted)
        paths = Maps(*plan.maps_of(key))
        mapped = write_maps(view, paths, plan.writing(share), progress, plan.legend)
        counted = ", ".join(f"{a} {b}" for a, b in zip(mapped.labels, mapped.pixels))
        progress.info(f"Pixels by label: {counted}.")


@dataclass(frozen=True)
class TileMap:
    """Put the maps of all regions of a tile together."""

    plan: Plan
    run: int
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write labels and confidence, and for the first run the count of clear dates."""
        plan, tree, name = self.plan, self.plan.tree, self.tile.name
        how = plan.writing(share)
        keys = keys_of(plan, self.run, self.tile)
        pieces = pieces_of(plan, self.run, self.tile)
        labels = labels_of(pieces)
        write(labels, tree.temporary(f"{name}_seed_{self.run}.tif"), how, progress.part(0, 0.5))
        sure = [Percent(open_image(tree.confidence(*key))) for key in keys]
        path = tree.temporary(f"{name}_GlobalConfidence_seed_{self.run}.tif")
        together = Zeroed(pieces.together(sure, np.dtype(np.uint8)))
        write(together, path, how, progress.part(0.5, 0.8))
        if self.run == plan.runs[0]:
            clear = Restricted(open_image(tree.clear(name)), labels, "valid")
            path = tree.temporary(f"{name}_Cloud.tif")
            write(Zeroed(clear), path, how, progress.part(0.8, 0.9))
        if plan.request.probability:
            chances = self._chances([open_image(tree.probability(*key)) for key in keys], pieces)
            path = tree.temporary(f"{name}_ProbabilityMap_seed_{self.run}.tif")
            write(chances, path, how, progress.part(0.9, 1.0))

    def _chances(self, images: Sequence[Image], pieces: Pieces) -> Image:
        """Return the probabilities of all classes of the run; 0 where a model lacks one."""
        plan = self.plan
        trees = [part.tree for part in sensing.views(plan)]
        models = [load_model(t.model(model.name, self.run)) for model in plan.models for t in trees]
        known = {label: name for m in models for label, name in zip(m.labels, m.names)}
        names = tuple(known[label] for label in sorted(known))
        return pieces.together([Widened(image, names) for image in images], np.dtype(np.uint16))


def keys_of(plan: Plan, run: int, tile: Tile) -> list[tuple[str, str, int]]:
    """Return tile, region and run of the maps of a tile."""
    regions = (region for region in plan.regions if tile.name in plan.reach[region])
    return [(tile.name, region, run) for region in regions]


def pieces_of(plan: Plan, run: int, tile: Tile) -> Pieces:
    """Return the maps of all regions of a tile."""
    paths = (plan.tree.labels(*key) for key in keys_of(plan, run, tile))
    maps = tuple(Labeled(open_image(path)) for path in paths)
    return Pieces(maps, (tile.name,) * len(maps), tile.grid)


def labels_of(pieces: Pieces) -> Image:
    """Return the maps of a tile as one."""
    kind = np.result_type(*(image.dtype for image in pieces.maps))
    return pieces.together(pieces.maps, kind)


@dataclass(frozen=True)
class Widened(Zeroed):
    """Probabilities of some classes seen as those of all, found by name; others are 0."""

    names: tuple[str, ...]

    @property
    def bands(self) -> int:
        """One for each class."""
        return len(self.names)

    @property
    def band_names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.names

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the classes there are."""
        found = self.source.read(window)
        values = np.zeros((len(self.names), *window.shape), self.dtype)
        values[[self.names.index(name) for name in self.source.band_names]] = found.values
        return Pixels(
            values if bands is None else values[[band - 1 for band in bands]], found.valid
        )


@dataclass(frozen=True)
class Mosaic:
    """Put the maps of all tiles together."""

    plan: Plan
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the final products of a run."""
        plan, tree = self.plan, self.plan.tree
        names = [tile.name for tile in seen_tiles(plan)]

        def pieces(pattern: str) -> tuple[str, ...]:
            return tuple(tree.temporary(pattern.replace("$", name)) for name in names)

        chances: tuple[str, ...] = ()
        if plan.request.probability:
            chances = pieces(f"$_ProbabilityMap_seed_{self.run}.tif")
        request = plan.step(
            mosaicclassification.Request,
            "mosaicclassification",
            images=pieces(f"$_seed_{self.run}.tif"),
            confidences=pieces(f"$_GlobalConfidence_seed_{self.run}.tif"),
            validities=pieces("$_Cloud.tif") if self.run == plan.runs[0] else (),
            probabilities=chances,
            envelopes=tree.envelopes,
            colors=plan.request.colors,
            nomenclature=plan.nomenclature,
            run=self.run,
            output_folder=tree.at("final"),
        )
        mosaicclassification.put_together(request, progress)


def names_of_mosaic(plan: Plan, run: int) -> tuple[str, ...]:
    """Return the final products that belong to a run."""
    names = [f"Classif_Seed_{run}.tif", f"Classif_Seed_{run}_ColorIndexed.tif"]
    names.append(f"Confidence_Seed_{run}.tif")
    if run == plan.runs[0]:
        names.append("PixelsValidity.tif")
    if plan.request.probability:
        names.append(f"ProbabilityMap_seed_{run}.tif")
    return tuple(plan.tree.final(name) for name in names)
