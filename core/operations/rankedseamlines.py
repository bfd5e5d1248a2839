# SPDX-License-Identifier: GPL-2.0-or-later
"""Lay footprints over each other by rank: the best image keeps all of its ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidOption
from ..masks.ranking import rank_values
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import crs_title, refuse_overwriting
from ..raster.listing import natural
from ..requests.rankedseamlines import Request as Request
from ..requests.rankedseamlines import Result as Result
from ..seams.areas import united
from ..seams.cells import Partition
from ..seams.painted import painted
from ..vector import Feature, Layer, files_of, refuse_no_field, write_layers
from ..vector.rings import area_of, rings_of
from ..vector.styles import cells_style
from ..vector.tables import PolygonTable, read_table

SCORE, RANK = "weighted_score", "weighted_rank"

NEEDS = (("polygons", ("scipy", "shapely")),)


@dataclass(frozen=True)
class Ranked:
    """An image: its footprint, its attributes, its score (NaN where there is none)."""

    name: str
    footprint: bytes
    values: dict[str, Any]
    score: float = math.nan


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Rank the footprints of the request and write what is seen of each."""
    output = refuse_overwriting(request.output, files_of(request.footprints))
    progress.phase("Reading the footprints")
    table = read_table(request.footprints, request.input_layer, progress.part(0, 0.2))
    images = ranked(table, request, progress)
    progress.phase("Laying footprints over each other")
    progress.check()
    cells = painted([image.footprint for image in images])
    progress.advance(0.9)
    write_layers(output, [_layer(cells, images, table, request)])
    hidden = [f"{images[n].name} is covered by better ones" for n in sorted(cells.skipped)]
    for clause in hidden:
        progress.warn(f"No seam cell: {clause}.")
    progress.info(
        f"{len(cells.cells)} of {len(images)} images are seen; {images[0].name} lies on top. The "
        f"cells are {output}, in {crs_title(table.crs)}."
    )
    return Result(
        output,
        cell_count=len(cells.cells),
        gap_area=cells.gap_area,
        overlap_area=cells.overlap_area,
        skipped="; ".join(hidden),
    )


def ranked(table: PolygonTable, request: Request, progress: Progress = SILENT) -> list[Ranked]:
    """Return the images of a table, the best first; equals in natural order of their names."""
    images = _united(table, request.image_field_name, progress)
    scores = rank_values(request.rank, [image.values for image in images])
    images = [replace(image, score=score) for image, score in zip(images, scores)]
    lost = [image.name for image in images if math.isnan(image.score)]
    if lost:
        progress.warn(f"Without rank, so below all others: {', '.join(lost)}.")
    sign = -1.0 if request.rank_descending else 1.0

    def place(image: Ranked) -> tuple[bool, float, Any]:
        lost = math.isnan(image.score)
        return lost, 0.0 if lost else sign * image.score, natural(image.name)

    return sorted(images, key=place)


def _united(table: PolygonTable, field: str, progress: Progress) -> list[Ranked]:
    """Return one image for each name in a field; what says nothing of an image is left out."""
    refuse_no_field((name for name, _ in table.fields), field, table.title)
    groups: dict[str, list[Feature]] = {}
    for feature in table.features:
        name = feature.values[field]
        groups.setdefault("" if name is None else str(name), []).append(feature)
    nameless = groups.pop("", [])
    if nameless:
        progress.warn(f"{len(nameless)} polygons have no image in {field!r} and are left out.")
    if not groups:
        raise InvalidOption(f"{table.title} has no polygon with a name in field {field!r}.")
    differing = [name for name, found in groups.items() if _differ(found)]
    if differing:
        progress.warn(
            f"Polygons of one image have different attributes: {', '.join(differing)}. The "
            "largest number and the text of the largest polygon are used."
        )
    return [
        Ranked(name, united([f.geometry for f in found]), _attributes(found, table.fields))
        for name, found in groups.items()
    ]


def _differ(features: Sequence[Feature]) -> bool:
    return any(feature.values != features[0].values for feature in features[1:])


def _attributes(features: Sequence[Feature], fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the largest number and the text of the largest polygon, for each field."""
    largest = max(features, key=lambda feature: area_of(rings_of(feature.geometry)))
    values = dict(largest.values)
    for name, kind in fields:
        numbers = [f.values[name] for f in features if f.values[name] is not None]
        if kind != "string" and numbers:
            values[name] = max(numbers)
    return values


def _layer(
    cells: Partition, images: Sequence[Ranked], table: PolygonTable, request: Request
) -> Layer:
    """Return what is seen of each image, with its attributes, score and rank."""
    kept = tuple((name, kind) for name, kind in table.fields if name not in (SCORE, RANK))
    fields = (*kept, (SCORE, "real"), (RANK, "integer"))
    features = tuple(
        Feature(wkb, {**_plain(images[number], kept), RANK: number + 1})
        for number, wkb in cells.cells.items()
    )
    style = cells_style(request.image_field_name)
    return Layer(request.output_layer, "MultiPolygon", table.crs, fields, features, style)


def _plain(image: Ranked, fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return attributes as they are written."""
    values = {
        name: str(image.values[name]) if kind == "string" else image.values[name]
        for name, kind in fields
        if image.values.get(name) is not None
    }
    return {**values, SCORE: None if math.isnan(image.score) else image.score}
