# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that split the reference polygons once and cut them to tiles and clear areas."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InvalidOption
from ...exchange.legend import write_names
from ...landcover.splitting import ROLES, UNUSED
from ...progress import Progress
from ...vector import Feature, Layer, read_polygons, write_layers
from ...vector.clipping import Shapes, exploded
from ...vector.groundtruth import read_truth
from ...vector.rings import rings_of, wkb_of
from ...vector.shapefiles import write_shapefile
from ...vector.sources import open_layer
from .. import splitreference
from .plan import Plan
from .tiles import Tile

KINDS = (1, 3, 4, 6)
"""OGR's numbers of points and polygons."""


@dataclass(frozen=True)
class Split:
    """Split the whole reference once, before it is cut anywhere."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the reference with labels as used, regions and the roles in all runs."""
        plan = self.plan
        parted = splitreference.estimate(plan.splitting(), plan.crs, progress)
        numbers = _numbered(plan, parted)
        rows = tuple(
            Feature(
                feature.geometry,
                {
                    plan.label: int(parted.truth.labels[at]),
                    "region": numbers[at],
                    "originfid": feature.number,
                    "hold_out": "yes" if parted.held[at] else "no",
                    **{f"seed_{run}": ROLES[role] for run, role in enumerate(parted.roles[:, at])},
                },
            )
            for at, feature in enumerate(parted.truth.features)
        )
        name = os.path.splitext(os.path.basename(plan.reference))[0]
        write_shapefile(plan.reference, layer_of(plan, name, rows, multiple=True))
        if plan.named:
            write_names(plan.tree.at("nomenclature.txt"), dict(plan.named))
        used = int((parted.roles != UNUSED).any(0).sum())
        progress.info(f"{used} of {len(rows)} polygons are used; {parted.left_out} are left out.")


def _numbered(plan: Plan, parted: splitreference.Parted) -> list[str]:
    """Return the model that each polygon learns for: regions of several deal theirs out."""
    counts = {model.region: model.count for model in plan.models}
    random = np.random.default_rng([plan.request.seed, 17])
    found = np.array(parted.regions, object)
    for region, count in counts.items():
        if count < 2:
            continue
        for label in parted.truth.classes:
            mine = np.flatnonzero((found == region) & (parted.truth.labels == label))
            for place, at in enumerate(random.permutation(mine).tolist()):
                found[at] = f"{region}f{place % count + 1}"
    return [str(name) for name in found]


def layer_of(
    plan: Plan, name: str, rows: Iterable[Feature], *, multiple: bool = False, tile: bool = False
) -> Layer:
    """Return polygons or points with the fields of the reference as a layer."""
    kinds = [(plan.label, "integer"), ("region", "string"), ("originfid", "integer")]
    kinds += [("tile_o", "string")] if tile else []
    kinds += [("hold_out", "string"), *((f"seed_{run}", "string") for run in _all_runs(plan))]
    geometry = "Point" if plan.points else "MultiPolygon" if multiple else "Polygon"
    return Layer(name, geometry, plan.crs, tuple(kinds), tuple(rows))


def _all_runs(plan: Plan) -> range:
    """Return the numbers of the run fields; the last fold has one too."""
    return range(plan.request.runs)


@dataclass(frozen=True)
class Format:
    """Cut the polygons of a tile to its envelope and clear area; the split stands already."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the polygons of the tile, and those of each run and set."""
        plan, name = self.plan, self.tile.name
        envelope = shapes_in(plan.tree.envelope(name), plan.crs)
        clear = shapes_in(plan.tree.clear_area(name, plan.request.threshold), plan.crs)
        truth = read_truth(plan.reference, plan.label, plan.crs)
        rows = tuple(
            Feature(single, {**whole(feature.values), "tile_o": name})
            for feature in truth.features
            for part in _cut(feature.geometry, envelope)
            for piece in _cut(part, clear)
            for single in exploded(piece)
        )
        write_shapefile(plan.tree.formatted(name), layer_of(plan, name, rows, tile=True))
        for run in plan.runs:
            for part, word in (("learn", "learn"), ("val", "validation")):
                some = [row for row in rows if row.values[f"seed_{run}"] == word]
                layer = layer_of(plan, f"{name}_{part}", some, tile=True)
                write_layers(plan.tree.part(name, run, part), [layer])
        progress.info(f"{len(rows)} parts of polygons lie in {name}.")


def whole(values: dict[str, Any]) -> dict[str, Any]:
    """Return attributes with whole numbers as such: a shapefile may give them back as real."""
    return {n: int(v) if isinstance(v, float) else v for n, v in values.items()}


def is_empty(path: str) -> bool:
    """Return True for a layer without features."""
    # OGR forgets a layer when its file is closed
    opened = open_layer(path, KINDS, "polygons or points")
    return bool(opened.layer.GetFeatureCount() == 0)


def shapes_in(path: str, crs: str) -> Shapes:
    """Return the polygons of a layer, which may be empty."""
    if is_empty(path):
        return Shapes(())
    return Shapes(tuple(feature.geometry for feature in read_polygons(path, crs)))


def _cut(shape: bytes, cutter: Shapes) -> Iterator[bytes]:
    ours = Shapes((shape,))
    for _, place in ours.meeting(cutter):
        common = ours.common(0, cutter, place)
        if common is not None:
            yield common


@dataclass(frozen=True)
class Together:
    """Put the polygons of all tiles together again, each one feature with its parts."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them, with what counts for validation."""
        plan = self.plan
        parts: dict[tuple[int, int], list[Feature]] = {}
        for tile in plan.tiles:
            for feature in rows_of(plan, tile):
                # a point is a unit of its own
                key = feature.values["originfid"], len(parts) if plan.points else 0
                parts.setdefault(key, []).append(feature)
        if not parts:
            raise InvalidOption("No reference polygon lies in the tiles and the clear area.")
        rows = tuple(
            Feature(_joined([one.geometry for one in group]), whole(group[0].values))
            for _, group in sorted(parts.items())
        )
        write_layers(plan.tree.validation, [layer_of(plan, "reference", rows, multiple=True)])


def _joined(shapes: Sequence[bytes]) -> bytes:
    if len(shapes) == 1:
        return shapes[0]
    return wkb_of([polygon for shape in shapes for polygon in rings_of(shape)])


def rows_of(plan: Plan, tile: Tile) -> tuple[Feature, ...]:
    """Return the parts of polygons in a tile."""
    path = plan.tree.formatted(tile.name)
    if is_empty(path):
        return ()
    return read_truth(path, plan.label, plan.crs).features
