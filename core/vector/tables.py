# SPDX-License-Identifier: GPL-2.0-or-later
"""Layers of polygons with all their attributes, in their own CRS."""

from __future__ import annotations

from dataclasses import dataclass

from osgeo import ogr

from ..progress import SILENT, Progress
from .features import Feature, read_polygons
from .sources import open_layer, parted

TYPES = {ogr.OFTInteger: "integer", ogr.OFTInteger64: "integer", ogr.OFTReal: "real"}
"""Fields of every other type are written as text."""

_SURFACES = (
    *(ogr.wkbPolygon, ogr.wkbMultiPolygon, ogr.wkbCurvePolygon, ogr.wkbMultiSurface),
    *(ogr.wkbGeometryCollection, ogr.wkbUnknown),
)


@dataclass(frozen=True)
class PolygonTable:
    """A layer of polygons: `fields` are (name, "string" | "integer" | "real")."""

    title: str
    crs: str
    fields: tuple[tuple[str, str], ...]
    features: tuple[Feature, ...]


def read_table(source: str, layer: str | None = None, progress: Progress = SILENT) -> PolygonTable:
    """Read the polygons of "path" or "path|layername=x"; `layer` is a name that wins over it.

    Raises ImageIOError when the file cannot be read, InvalidOption when it has no such layer or no
    polygons.
    """
    if layer:
        source = f"{parted(source)[0]}|layername={layer}"
    found = open_layer(source, _SURFACES, "polygons")
    definition = found.layer.GetLayerDefn()
    declared = [definition.GetFieldDefn(n) for n in range(definition.GetFieldCount())]
    fields = tuple((d.GetName(), TYPES.get(d.GetType(), "string")) for d in declared)
    return PolygonTable(found.title, found.crs, fields, read_polygons(source, None, progress))
