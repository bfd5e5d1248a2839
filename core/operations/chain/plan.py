# SPDX-License-Identifier: GPL-2.0-or-later
"""What a land cover run is going to do: tiles, regions, dates and labels, known beforehand."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import InvalidOption
from ...exchange.legend import read_legend
from ...image import Array, Image
from ...landcover.context import InContext
from ...landcover.dates import day, text_of
from ...landcover.legend import Legend
from ...landcover.sensors import sensors
from ...landcover.settings import Settings
from ...options import build, options_of
from ...placement import bounds_in
from ...progress import SILENT, Progress
from ...raster import open_image
from ...requests import Writing
from ...requests import spectralfeatures as described
from ...requests.gapfill import Interpolating
from ...requests.shared.chaining import Chaining
from ...vector.clipping import Shapes
from ...vector.features import files_of, read_polygons, refuse_no_field
from ...vector.groundtruth import GroundTruth, crs_of, read_truth
from ...vector.rings import wkb_of
from ...workflow.iota2 import Configured
from ...workflow.names import Tree
from .. import extractsamples, splitreference
from .options import settings_of
from .tiles import Describing, Tile, features_of, tiles_of

ONE_REGION = splitreference.ONE_REGION
OWN_FIELDS = ("region", "originfid", "tile_o", "hold_out")
RADAR, OPTICAL = "SAR", "OPT"
DAYS = 10
"""Step of the request that means: as the sensor's table says."""


@dataclass(frozen=True)
class Model:
    """A model of a region; a region of several (`count`) has them numbered (`1f2`)."""

    name: str
    region: str
    count: int = 1


@dataclass(frozen=True)
class Plan:
    """Everything that the tasks of a run need to know; it is sent to workers."""

    tree: Tree
    request: Chaining
    steps: Mapping[str, dict[str, Any]]
    tiles: tuple[Tile, ...]
    crs: str
    how: Describing
    models: tuple[Model, ...]
    reach: Mapping[str, tuple[str, ...]]
    label: str
    named: tuple[tuple[int, str], ...] = ()
    points: bool = False
    runs: tuple[int, ...] = field(default=(0,))
    round: int = 0
    seeing: str = ""
    """Sensors that the models look at, where several are fused: RADAR or OPTICAL; "" = all."""

    @property
    def layer(self) -> str:
        """Name of the layer of regions."""
        if not self.request.regions:
            return "MyRegion"
        return os.path.splitext(os.path.basename(self.request.regions.partition("|")[0]))[0]

    @property
    def reference(self) -> str:
        """The reference polygons with labels as used."""
        source = (self.request.polygons or "").partition("|")[0]
        return self.tree.at(os.path.splitext(os.path.basename(source))[0] + ".shp")

    @property
    def nomenclature(self) -> str | None:
        """The file with the names of classes."""
        return self.tree.at("nomenclature.txt") if self.named else self.request.nomenclature

    @property
    def legend(self) -> Legend:
        """The names of the classes."""
        return Legend(dict(self.named) or read_legend(self.request.nomenclature).names)

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the regions."""
        return tuple(dict.fromkeys(model.region for model in self.models))

    def grid_file(self, tile: Tile) -> str:
        """Return the image whose pixels everything of a tile gets."""
        return self.tree.reference(tile.name, tile.sources[0].title)

    def masks(self, tile: Tile) -> tuple[str, ...]:
        """Return the mask series of each source of a tile; "" for one without dates."""
        titles = [source.title for source in tile.sources]
        return tuple(
            self.tree.masks(tile.name, source.title, titles[:at].count(source.title))
            if source in tile.dated
            else ""
            for at, source in enumerate(tile.sources)
        )

    def of(self, model: Model) -> tuple[Tile, ...]:
        """Return the tiles that a model is used in."""
        return tuple(tile for tile in self.tiles if tile.name in self.reach[model.region])

    def models_in(self, tile: Tile) -> tuple[Model, ...]:
        """Return the models that are used in a tile."""
        return tuple(model for model in self.models if tile.name in self.reach[model.region])

    def features_file(self, tile: Tile) -> str:
        """Return where the features of a tile are written, when they are."""
        return self.tree.feature(tile.name, f"{tile.name}_features.tif")

    def features(self, tile: Tile) -> Image:
        """Return the features of a tile: as written, else a view."""
        if self.request.write_features or self.request.builder == "features":
            return open_image(self.features_file(tile))
        radar = self.seeing == RADAR if self.seeing else None
        return features_of(tile, self.grid_file(tile), self.masks(tile), self.how, radar=radar)

    def at(self, number: int) -> Plan:
        """Return the plan of a round of auto-context: its maps, unless they are the last ones."""
        last = number == self.request.auto_context
        version = "" if last else f"_context_{number}"
        return replace(self, round=number, tree=replace(self.tree, version=version))

    def through(self, kind: str) -> Plan:
        """Return the plan of the models that look at the features of some sensors only."""
        return replace(self, seeing=kind, tree=replace(self.tree, version=f"_{kind}"))

    def maps_of(self, key: tuple[str, str, int]) -> tuple[str, ...]:
        """Return the files of a map (of tile, model, run): labels, confidence, probabilities."""
        chances = (self.tree.probability(*key),) if self.request.probability else ()
        return (self.tree.labels(*key), self.tree.confidence(*key), *chances)

    def shares(self, tile: Tile, run: int) -> Array:
        """Return what the map of the round before says about the superpixels of a tile."""
        path = self.at(self.round - 1).tree.shares(tile.name, run)
        found: Array = np.load(path, allow_pickle=False)
        return found

    def in_context(self, image: Image, tile: Tile, run: int) -> Image:
        """Return features with what this round has learned about what lies around them."""
        if not self.round:
            return image
        segments = open_image(self.tree.superpixels(tile.name))
        return InContext(image, segments, self.shares(tile, run))

    def context_in(self, tile: Tile, run: int) -> tuple[str, ...]:
        """Return the files of what this round has learned about what lies around."""
        if not self.round:
            return ()
        before = self.at(self.round - 1).tree
        return (before.superpixels(tile.name), before.shares(tile.name, run))

    def place(self, tile: Tile) -> dict[str, Any]:
        """Return what decides where and how the pixels of a tile are written."""
        grid = tile.grid
        return {
            "grid": [grid.width, grid.height, list(grid.transform), grid.crs],
            "bands": self.how.bands,
            "creation": self.request.creation_options,
            "cog": self.request.cog,
        }

    @property
    def series(self) -> dict[str, Any]:
        """What decides the features."""
        return {
            "filling": [(sensor, asdict(one)) for sensor, one in self.how.filling],
            "features": asdict(self.how.features),
            "bands": self.how.bands,
            "written": self.request.write_features,
        }

    def files(self, *steps: str) -> tuple[str, ...]:
        """Return the files that the configuration gives to single operations."""
        given = [value for step in steps for value in self.steps.get(step, {}).values()]
        return tuple(one for one in given if isinstance(one, str) and os.path.isfile(one))

    def features_in(self, tile: Tile) -> tuple[str, ...]:
        """Return the files that the features of a tile are made of."""
        if self.request.write_features:
            return (self.features_file(tile),)
        masks = tuple(path for path in self.masks(tile) if path)
        told = self.files("gapfill", "spectralfeatures")
        return (*tile.files, self.grid_file(tile), *masks, *told)

    def writing(self, share: float = 1.0) -> Writing:
        """Return how rasters are written with a share of the memory."""
        most = min(self.request.memory, int(self.request.max_memory * 1024))
        return Writing(
            threads=self.request.threads,
            memory=max(64, int(most * share)),
            window_size=self.request.window_size,
            cog=self.request.cog,
            creation_options=self.request.creation_options,
            build_overviews=self.request.build_overviews,
        )

    def splitting(self) -> splitreference.Request:
        """Return how the reference is split."""
        given = dict(self.steps.get("splitreference", {}))
        if not self.request.merge_runs:
            given.pop("hold_out", None)
        elif "hold_out" not in given:
            given["hold_out"] = 0.1
        output = self.tree.at("dataAppVal", "split.gpkg")
        made: splitreference.Request = settings_of(
            splitreference.Request, self.request, given, output=output
        )
        return made

    def sampling(self, **fixed: Any) -> extractsamples.Request:
        """Return how samples are taken."""
        given = self.steps.get("extractsamples", {})
        fixed = {"image": "features", "polygons": "reference", "field": self.label, **fixed}
        fixed["output"] = self.tree.at("learningSamples", "samples.gpkg")
        made: extractsamples.Request = settings_of(
            extractsamples.Request, self.request, given, **fixed
        )
        return made

    def training(self) -> Settings:
        """Return how models are trained."""
        made: Settings = settings_of(Settings, self.request, self.steps.get("trainclassifier", {}))
        made.check_settings()
        return made

    def step(self, kind: type, name: str, **fixed: Any) -> Any:
        """Return the request of a single operation, with what is configured for it."""
        known = options_of(kind)
        shared = {n: v for n, v in vars(self.writing()).items() if n in known}
        return build(kind, {**shared, **self.steps.get(name, {}), **fixed})


def planned(request: Chaining, configured: Configured, progress: Progress = SILENT) -> Plan:
    """Look at the names, dates and fields of what is given; no pixel is read.

    Raises InvalidOption for what is missing or does not fit.
    """
    tiles = tiles_of(request, configured.sensors, progress)
    crs = tiles[0].grid.crs
    truth = _truth(request)
    reach = _reach(request, tiles, crs)
    split = configured.steps.get("splitreference", {})
    folds = split.get("method") == "folds"
    found = Plan(
        tree=Tree(request.output_folder or ""),
        request=request,
        steps=configured.steps,
        tiles=tuple(tiles),
        crs=crs,
        how=_describing(request, configured, tiles),
        models=tuple(_models(request, reach, _square_km(request, tiles, crs))),
        reach=reach,
        label=_label(request.field or ""),
        named=truth.named,
        points=truth.points,
        runs=tuple(range(request.runs - folds)),
    )
    if request.builder != "features":
        found.splitting()
        found.sampling()
        found.training()
    _refuse_unused(found)
    _refuse_inputs(found)
    return found


def _truth(request: Chaining) -> GroundTruth:
    """Return the reference in its own CRS; features can be made without one."""
    source = request.polygons or ""
    if not source and request.builder == "features":
        return GroundTruth("", (), np.empty(0, np.int64))
    return read_truth(source, request.field or "", crs_of(source))


def _label(name: str) -> str:
    """Return the name of the label field in shapefiles, which allow ten letters."""
    short = name[:10]
    return "label" if short.lower() in OWN_FIELDS or short.startswith("seed_") else short


def _describing(request: Chaining, configured: Configured, tiles: Sequence[Tile]) -> Describing:
    steps = configured.steps
    given = dict(steps.get("gapfill", {}))
    filling = []
    for sensor, dates in _dates(tiles).items():
        known = sensors().get(sensor)
        step = known.step if known and request.step == DAYS else request.step
        if step < 0:
            continue
        days = [day(date) for date in dates]
        span = {"start": text_of(min(days)), "end": text_of(max(days)), **given}
        filling.append((sensor, settings_of(Interpolating, request, span, step=step)))
    features = settings_of(described.Describing, request, steps.get("spectralfeatures", {}))
    described.check(features)
    bands = steps.get("stacktimeseries", {}).get("band_names", "")
    return Describing(tuple(filling), features, tuple(bands.split(",")) if bands else ())


def _dates(tiles: Sequence[Tile]) -> dict[str, list[str]]:
    """Return the dates of each sensor in all tiles together."""
    found: dict[str, list[str]] = {}
    for tile in tiles:
        for source in tile.dated:
            if source.dates:
                found.setdefault(source.sensor, []).extend(source.dates)
    return found


def _models(
    request: Chaining, reach: Mapping[str, tuple[str, ...]], areas: Mapping[str, float]
) -> Iterator[Model]:
    """Yield the models of the regions; in mode fusion several for large ones."""
    for name in sorted(reach):
        if not re.fullmatch(r"[\w.-]+", name):
            raise InvalidOption(f"The region {name!r} cannot be part of a file's name.")
        count = math.ceil(areas[name] / request.fusion_area) if request.fusion == "fusion" else 1
        if count < 2:
            yield Model(name, name)
        else:
            yield from (Model(f"{name}f{at}", name, count) for at in range(1, count + 1))


def _square_km(request: Chaining, tiles: Sequence[Tile], crs: str) -> dict[str, float]:
    """Return the area of each region."""
    if not request.regions:
        return {ONE_REGION: float(sum(Shapes((_box(t, crs),)).areas[0] for t in tiles)) / 1e6}
    found: dict[str, float] = {}
    for feature in read_polygons(request.regions, crs):
        name = str(feature.values[request.region_field])
        found[name] = found.get(name, 0.0) + float(Shapes((feature.geometry,)).areas[0]) / 1e6
    return found


def _reach(request: Chaining, tiles: Sequence[Tile], crs: str) -> dict[str, tuple[str, ...]]:
    """Return the tiles that each region may reach."""
    if not request.regions:
        return {ONE_REGION: tuple(tile.name for tile in tiles)}
    boxes = Shapes(tuple(_box(tile, crs) for tile in tiles))
    name_field = request.region_field
    found: dict[str, set[str]] = {}
    features = read_polygons(request.regions, crs)
    refuse_no_field(features[0].values, name_field, request.regions)
    for feature in features:
        shape = Shapes((feature.geometry,))
        for _, place in shape.meeting(boxes):
            if shape.common(0, boxes, place) is not None:
                name = str(feature.values[name_field])
                found.setdefault(name, set()).add(tiles[place].name)
    order = [tile.name for tile in tiles]
    return {name: tuple(sorted(there, key=order.index)) for name, there in found.items()}


def _box(tile: Tile, crs: str) -> bytes:
    left, low, right, high = bounds_in(tile.grid, crs)
    corners = [(left, low), (right, low), (right, high), (left, high), (left, low)]
    return wkb_of([(np.array(corners, float),)])


def _refuse_unused(plan: Plan) -> None:
    """Raise InvalidOption when no region lies in a tile."""
    if not plan.reach:
        raise InvalidOption("None of the regions meets a tile.")


def _refuse_inputs(plan: Plan) -> None:
    """Raise InvalidOption when a file that is read lies where one is to be written."""
    request = plan.request
    inputs = files_of(request.polygons, request.regions, request.nomenclature, request.colors)
    known = {os.path.realpath(path) for path in inputs}
    for path in (plan.reference, plan.tree.at("nomenclature.txt")):
        if os.path.realpath(path) in known:
            raise InvalidOption(
                f"Output folder: {path} is an input, and would be overwritten. Choose another "
                "folder."
            )
