# SPDX-License-Identifier: GPL-2.0-or-later
"""Join vector layers into one: side by side, overlaid, or where all of them lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import crs_title, parse_crs, refuse_overwriting
from ..requests.mergevectors import Request as Request
from ..requests.mergevectors import Result as Result
from ..seams.overlay import overlaid
from ..vector import Feature, Layer, files_of, write_layers
from ..vector.joining import (
    Source,
    copy_features,
    open_sources,
    polygon_wkb,
    refuse_no_polygons,
    unique_names,
)
from ..vector.listing import expand_vectors
from ..vector.tables import TYPES

NEEDS = (("keep", ()), ("union, intersection", ("scipy", "shapely")))


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Join the layers of the request and write the result."""
    paths = expand_vectors(request.vectors, progress)
    output = refuse_overwriting(request.output, files_of(*paths))
    crs = parse_crs(request.crs) if request.crs else None
    sources = open_sources(paths, crs, progress)
    progress.phase("Joining the layers")
    if request.method == "keep":
        part = progress.part(0, 0.98)
        written = copy_features(output, sources, request.layer_name, request.name_field, part)
    else:
        refuse_no_polygons(sources)
        layer = overlay(sources, request, progress)
        write_layers(output, [layer])
        written = len(tuple(layer.features))
    tallies = [source.tally for source in sources]
    repaired, lost = sum(t.repaired for t in tallies), sum(t.lost for t in tallies)
    _conclude(written, repaired, lost, request, progress)
    progress.info(f"{written} features in {crs_title(sources[0].crs)}. They are {output}.")
    return Result(
        output,
        layers_used=len(sources),
        feature_count=written,
        repaired=repaired,
        skipped=lost,
    )


def overlay(sources: Sequence[Source], request: Request, progress: Progress = SILENT) -> Layer:
    """Return the overlay of polygons as a layer: one feature for each set that covers ground."""
    names = unique_names([[f.GetName() for f in s.fields] for s in sources], request.name_field)
    polygons: list[bytes] = []
    rows: list[tuple[int, dict[str, Any]]] = []
    reading = progress.part(0, 0.5).split(len(sources))
    for number, (source, own, part) in enumerate(zip(sources, names, reading)):
        for wkb, values in _polygons(source, own, part):
            polygons.append(wkb)
            rows.append((number, values))
    progress.check()
    features = tuple(
        Feature(wkb, _attributes([rows[n] for n in cover], sources, request))
        for cover, wkb in overlaid(polygons)
        if request.method == "union" or len({rows[n][0] for n in cover}) == len(sources)
    )
    progress.advance(0.9)
    fields = [
        (name, TYPES.get(defined.GetType(), "string"))
        for source, own in zip(sources, names)
        for name, defined in zip(own, source.fields)
    ]
    if request.name_field:
        fields.insert(0, (request.name_field, "string"))
    return Layer(request.layer_name, "MultiPolygon", sources[0].crs, tuple(fields), features)


def _polygons(
    source: Source, names: Sequence[str], progress: Progress
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield the polygons of a source, and their attributes under their names in the result."""
    for geometry, feature in source.features(progress):
        wkb = polygon_wkb(geometry)
        if wkb is None:
            source.tally.lost += 1
            continue
        texts = [TYPES.get(defined.GetType()) is None for defined in source.fields]
        yield (
            wkb,
            {
                name: feature.GetFieldAsString(n) if texts[n] else feature.GetField(n)
                for n, name in enumerate(names)
                if feature.IsFieldSetAndNotNull(n)
            },
        )


def _attributes(
    covering: Sequence[tuple[int, dict[str, Any]]], sources: Sequence[Source], request: Request
) -> dict[str, Any]:
    """Return the attributes of all sources; of several features of one, those of the first."""
    found: dict[str, Any] = {}
    for _, values in covering[::-1]:
        found.update(values)
    if request.name_field:
        used = dict.fromkeys(sources[number].name for number, _ in covering)
        found[request.name_field] = request.name_separator.join(used)
    return found


def _conclude(written: int, repaired: int, lost: int, request: Request, progress: Progress) -> None:
    if repaired:
        progress.warn(f"{repaired} invalid geometries were repaired.")
    if lost:
        progress.warn(f"{lost} features without usable geometry are left out.")
    if not written and request.method == "intersection":
        progress.warn("The layers have no common area; the result is an empty layer.")
    elif not written:
        progress.warn("The layers hold no features; the result is an empty layer.")
