# SPDX-License-Identifier: GPL-2.0-or-later
"""Split reference polygons into those to learn from and those to validate with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from ..errors import InvalidOption
from ..exchange.numbertable import csv_text
from ..image import Array, Mask
from ..landcover.samples import blocks
from ..landcover.spacing import leveling_range, near, nearest
from ..landcover.splitting import LEARN, ROLES, UNUSED, VALIDATION, Features, Splitting, split
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import refuse_overwriting
from ..requests.splitreference import Request as Request
from ..requests.splitreference import Result as Result
from ..stage import write_text
from ..vector import Feature, Layer, files_of, refuse_no_field, write_layers
from ..vector.clipping import Shapes, exploded, largest_shares
from ..vector.features import read_polygons
from ..vector.groundtruth import GroundTruth, crs_of, read_truth

NEEDS = (("splits", ()),)

ONE_REGION = "1"
"""Name of the region when there are none."""

OUTPUT_FIELDS = ("region", "originfid", "tile_o", "hold_out")


@dataclass(frozen=True)
class Parted:
    """Reference polygons with their regions, and the roles[run, polygon] that they were given."""

    truth: GroundTruth
    regions: tuple[str, ...]
    roles: Array
    held: Mask
    side: float | None = None
    distance: float | None = None
    left_out: int = 0


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Split the polygons of the request and write them."""
    inputs = files_of(request.polygons, request.regions, request.tiles, request.area)
    output = refuse_overwriting(request.output, inputs)
    _refuse_taken(request)
    crs = crs_of(request.polygons)
    parted = estimate(request, crs, progress.part(0.0, 0.7))
    rows = tuple(_rows(parted, request, crs, progress.part(0.7, 0.95)))
    if not rows:
        raise InvalidOption("No reference polygon lies in the tiles and the clear area.")
    kind = "string" if parted.truth.named else "integer"
    seeds = [(f"seed_{number}", "string") for number in range(len(parted.roles))]
    types = [(name, "integer" if name == "originfid" else "string") for name in OUTPUT_FIELDS]
    geometry = "Point" if parted.truth.points else "Polygon"
    fields = ((request.field, kind), *types, *seeds)
    write_layers(output, [Layer("reference", geometry, crs, fields, rows)])
    table = None
    if request.output_classes:
        table = write_text(request.output_classes, _table(parted))
    used = (parted.roles != UNUSED).any(0)
    progress.advance(1.0)
    return Result(
        output,
        table,
        classes=len(parted.truth.classes),
        polygons_used=int(used.sum()),
        polygons_left_out=parted.left_out,
        block_side=parted.side,
        validation_distance=parted.distance,
    )


def _refuse_taken(request: Request) -> None:
    """Raise InvalidOption when the field with the label is called as another one of the result."""
    seeds = (f"seed_{number}" for number in range(request.runs))
    if request.field.lower() in {*OUTPUT_FIELDS, *seeds, "fid", "geom"}:
        raise InvalidOption(
            f"Field with the label: the result has a field {request.field!r} of its own. Give the "
            "labels another name."
        )


def estimate(request: Request, crs: str, progress: Progress = SILENT) -> Parted:
    """Return the roles of all polygons, in the CRS given (WKT).

    Raises InvalidOption when fewer than two classes are left.
    """
    truth = read_truth(request.polygons, request.field, crs, progress)
    truth, names, left_out = _in_regions(truth, request, crs, progress)
    if len(truth.classes) < 2:
        raise InvalidOption(
            f"{truth.title} has only the class {truth.classes[0] if truth.classes else '-'} where "
            "it can be used; a classifier needs at least 2."
        )
    shapes = Shapes(tuple(feature.geometry for feature in truth.features))
    units, side = _units(truth, shapes, request, progress)
    codes = np.unique(names, return_inverse=True)[1].astype(np.int64)
    areas = np.where(shapes.areas > 0, shapes.areas, 1.0)
    # codes of texts are those of the alphabet: another class would change them
    streams = {code: crc32(text.encode()) for code, text in truth.named}
    x, y = shapes.centers.T
    features = Features(truth.labels, areas, codes, units, x, y, streams)
    how = Splitting(
        request.ratio,
        request.runs,
        request.method,
        request.balance,
        request.single,
        request.hold_out,
        request.split,
        request.seed,
    )
    roles, held = split(features, how)
    if request.split and request.method == "random":
        _say_singles(features, truth, np.unique(names).tolist(), request, progress)
    distances = []
    for role in roles:
        learned, asked = role == LEARN, role == VALIDATION
        if request.buffer:
            close = near(shapes.boxes, learned, asked, request.buffer, shapes.distance)
            role[close] = UNUSED
        distances.append(nearest(shapes.boxes, learned, role == VALIDATION))
    if request.split:
        _say_empty(roles, truth, progress)
    found = np.concatenate(distances) if distances else np.empty(0)
    distance = float(np.median(found)) if np.isfinite(found).any() else None
    return Parted(truth, tuple(names.tolist()), roles, held, side, distance, left_out)


def _in_regions(
    truth: GroundTruth, request: Request, crs: str, progress: Progress
) -> tuple[GroundTruth, Array, int]:
    """Return the polygons that lie in a region, the names of their regions, how many do not."""
    if not request.regions:
        return truth, np.full(len(truth.features), ONE_REGION, object), 0
    regions = read_polygons(request.regions, crs, progress)
    field, title = request.region_field, os.path.basename(files_of(request.regions)[0])
    refuse_no_field(regions[0].values, field, request.regions)
    unnamed = [region.number for region in regions if region.values[field] in (None, "")]
    if unnamed:
        raise InvalidOption(
            f"Field {field!r} of {title} holds nothing (feature {unnamed[0]}); every region needs "
            "a name."
        )
    shapes = [feature.geometry for feature in truth.features]
    held = largest_shares(shapes, [region.geometry for region in regions])
    outside = held < 0
    areas = Shapes(tuple(shapes)).areas
    large = np.flatnonzero(outside & (areas > request.outside * 1e6))
    if large.size:
        number = truth.features[int(large[0])].number
        raise InvalidOption(
            f"{large.size} polygons of {truth.title} lie in no region and are larger than OUTSIDE "
            f"({request.outside:g} km²), such as feature {number}. Enlarge the regions or OUTSIDE."
        )
    if outside.all():
        raise InvalidOption(
            f"None of the {len(outside)} polygons of {truth.title} lies in a region of {title}."
        )
    if outside.any():
        progress.warn(
            f"{int(outside.sum())} of {len(outside)} polygons lie in no region and are left out."
        )
    names = np.array([str(regions[place].values[field]) for place in held[~outside]], object)
    return truth.only(~outside), names, int(outside.sum())


def _units(
    truth: GroundTruth, shapes: Shapes, request: Request, progress: Progress
) -> tuple[Any, float | None]:
    """Return what is kept whole, and the side of blocks where there are some."""
    if request.unit == "polygon":
        return np.arange(len(truth.features)), None
    if request.group_field:
        refuse_no_field(truth.features[0].values, request.group_field, request.polygons)
        values = [str(feature.values.get(request.group_field)) for feature in truth.features]
        return np.unique(values, return_inverse=True)[1].astype(np.int64), None
    x, y = shapes.centers.T
    side = request.block_size
    if not side:
        widest = float(np.max(shapes.boxes[:, 2:] - shapes.boxes[:, :2]))
        side = leveling_range(x, y, truth.labels, max(widest, 1e-9))
        progress.info(f"Labels are alike over {side:g} map units; blocks have that side.")
    return blocks(x, y, side), side


def _say_empty(roles: Array, truth: GroundTruth, progress: Progress) -> None:
    """Warn about classes that runs do not learn from, and runs that nothing validates."""
    for what, role in (("learn from", LEARN), ("validate with", VALIDATION)):
        without = [str(run) for run, row in enumerate(roles) if not (row == role).any()]
        if without:
            progress.warn(f"No polygon is left to {what} in run {', '.join(without)}.")
            continue
        for label in truth.classes:
            there = ((roles == role) & (truth.labels == label)).any(1)
            if 0 < there.sum() < len(there):
                runs = ", ".join(map(str, np.flatnonzero(~there)))
                progress.warn(f"Class {label} has no polygon to {what} in run {runs}.")


def _say_singles(
    features: Features,
    truth: GroundTruth,
    regions: Sequence[str],
    how: Request,
    progress: Progress,
) -> None:
    """Warn about classes of which a region has one unit only."""
    names = dict(truth.named)
    uses = {
        "learn": "used for learning only, its accuracy is undefined",
        "validation": "used for validation only, it cannot be mapped",
        "unused": "not used",
    }
    places = np.stack([features.regions, features.labels, features.units], 1)
    pairs, counts = np.unique(np.unique(places, axis=0)[:, :2], axis=0, return_counts=True)
    for region, label in pairs[counts == 1].tolist():
        where = f" in region {regions[region]}" if len(regions) > 1 else ""
        name = f" ({names[label]})" if label in names else ""
        progress.warn(f"Class {label}{name} has one {how.unit}{where}: {uses[how.single]}.")


def _rows(parted: Parted, request: Request, crs: str, progress: Progress) -> Iterator[Feature]:
    """Yield the single parts of all polygons, cut at the tiles and to the clear area."""
    tiles = _cutters(request.tiles, request.tile_field, crs, progress)
    area = _cutters(request.area, "", crs, progress)
    names = dict(parted.truth.named)
    for at, feature in enumerate(parted.truth.features):
        progress.check()
        label = int(parted.truth.labels[at])
        values: dict[str, Any] = {
            request.field: names.get(label, label),
            "region": parted.regions[at],
            "originfid": feature.number,
            "hold_out": "yes" if parted.held[at] else "no",
            **{f"seed_{run}": ROLES[role] for run, role in enumerate(parted.roles[:, at])},
        }
        for tile, shape in _cut(feature.geometry, tiles):
            for _, part in _cut(shape, area):
                for single in exploded(part):
                    yield Feature(single, {**values, "tile_o": tile})


def _cutters(
    source: str | None, field: str, crs: str, progress: Progress
) -> tuple[Shapes, Sequence[str]] | None:
    if not source:
        return None
    features = read_polygons(source, crs, progress)
    if field:
        refuse_no_field(features[0].values, field, source)
    names = [str(feature.values.get(field, "")) for feature in features]
    return Shapes(tuple(feature.geometry for feature in features)), names


def _cut(shape: bytes, cutters: tuple[Shapes, Sequence[str]] | None) -> Iterator[tuple[str, bytes]]:
    """Yield the parts of a shape with the name of what holds them; itself without cutters."""
    if cutters is None:
        yield "", shape
        return
    shapes, names = cutters
    ours = Shapes((shape,))
    for _, place in ours.meeting(shapes):
        common = ours.common(0, shapes, place)
        if common is not None:
            yield names[place], common


def _table(parted: Parted) -> str:
    """Return polygons, area and distance of each class by run and set, as CSV.

    The distance is the median one of validation polygons to the nearest that is learned from.
    """
    names, regions = dict(parted.truth.named), np.array(parted.regions, object)
    shapes = Shapes(tuple(feature.geometry for feature in parted.truth.features))
    rows = []
    for label in parted.truth.classes:
        for region in sorted(set(parted.regions)):
            mine = (parted.truth.labels == label) & (regions == region)
            for run, roles in enumerate(parted.roles):
                for role in (LEARN, VALIDATION, UNUSED):
                    some = mine & (roles == role)
                    cells = [label, names.get(label, label), region, run, ROLES[role]]
                    apart = _apart(shapes.boxes, roles == LEARN, some) if role == VALIDATION else ""
                    rows.append([*cells, int(some.sum()), f"{shapes.areas[some].sum():g}", apart])
    titles = ("class", "name", "region", "run", "set", "polygons", "area", "distance")
    return csv_text(titles, rows)


def _apart(boxes: Array, learned: Mask, asked: Mask) -> str:
    """Return the median distance of polygons to the nearest learned one; "" where none is."""
    found = nearest(boxes, learned, asked)
    return f"{np.median(found):g}" if np.isfinite(found).any() else ""
