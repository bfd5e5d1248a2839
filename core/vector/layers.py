# SPDX-License-Identifier: GPL-2.0-or-later
"""GeoPackages of several layers, each with the style QGIS applies when it is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from osgeo import gdal, ogr

from ..errors import ImageIOError, InvalidOption
from ..raster.crs import reference
from ..raster.errors import refusing
from ..stage import staged
from .features import Feature

_TYPES = {"string": ogr.OFTString, "integer": ogr.OFTInteger64, "real": ogr.OFTReal}
_DRIVERS = {".gpkg": "GPKG", ".sqlite": "SQLite"}
_STYLE_TEXTS = (
    ("f_table_catalog", 256),
    ("f_table_schema", 256),
    ("f_table_name", 256),
    ("f_geometry_column", 256),
    ("styleName", 30),
    ("styleQML", 0),
    ("styleSLD", 0),
)


@dataclass(frozen=True)
class Layer:
    """What a written layer holds; `fields` are (name, "string" | "integer" | "real")."""

    name: str
    geometry: str
    crs: str
    fields: tuple[tuple[str, str], ...]
    features: Iterable[Feature]
    style: str = ""


def write_layers(path: str, layers: Sequence[Layer]) -> str:
    """Write layers into a new GeoPackage (or .sqlite) that appears when complete; return its path.

    Raises InvalidOption for another extension, ImageIOError when it cannot be written.
    """
    path, title = os.path.abspath(path), os.path.basename(path)
    if os.path.splitext(title.lower())[1] not in _DRIVERS:
        raise InvalidOption(f"{title} is no GeoPackage. Choose a name that ends in .gpkg.")
    with staged(path) as temporary, refusing(f"{title} cannot be written"):
        _fill(temporary, layers, title)
    return path


def _fill(path: str, layers: Sequence[Layer], title: str) -> None:
    driver = _DRIVERS[os.path.splitext(title.lower())[1]]
    dataset = ogr.GetDriverByName(driver).CreateDataSource(path)
    if dataset is None:
        raise ImageIOError(f"{title} cannot be written: {gdal.GetLastErrorMsg()}.")
    dataset.StartTransaction()
    for layer in layers:
        _add(dataset, layer)
    styled = [layer for layer in layers if layer.style]
    if styled:
        _add_styles(dataset, styled)
    dataset.CommitTransaction()
    dataset.FlushCache()
    # closing writes the rest of the file; OGR closes with the last reference
    del dataset


def _add(dataset: ogr.DataSource, layer: Layer) -> None:
    kind = getattr(ogr, "wkb" + layer.geometry)
    crs = reference(layer.crs) if layer.crs else None
    table = dataset.CreateLayer(layer.name, crs, kind, ["GEOMETRY_NAME=geom"])
    for name, declared in layer.fields:
        table.CreateField(ogr.FieldDefn(name, _TYPES[declared]))
    definition = table.GetLayerDefn()
    for feature in layer.features:
        row = ogr.Feature(definition)
        # by number: OGR looks a name up for every value
        for index, (name, _) in enumerate(layer.fields):
            value = feature.values.get(name)
            if value is not None:
                row.SetField(index, value)
        row.SetGeometryDirectly(_geometry(feature.geometry, kind))
        table.CreateFeature(row)


def _geometry(wkb: bytes, kind: int) -> ogr.Geometry:
    """Return a geometry in the type of its layer: a single part becomes a list of one."""
    found = ogr.CreateGeometryFromWkb(wkb)
    return found if found.GetGeometryType() == kind else ogr.ForceTo(found, kind)


def _add_styles(dataset: ogr.DataSource, layers: Sequence[Layer]) -> None:
    """Add the table layer_styles with the columns QGIS writes."""
    table = dataset.CreateLayer("layer_styles", None, ogr.wkbNone, ["FID=id"])
    for name, width in _STYLE_TEXTS:
        table.CreateField(_text(name, width))
    default = ogr.FieldDefn("useAsDefault", ogr.OFTInteger)
    default.SetSubType(ogr.OFSTBoolean)
    table.CreateField(default)
    for name, width in (("description", 0), ("owner", 30), ("ui", 30)):
        table.CreateField(_text(name, width))
    changed = ogr.FieldDefn("update_time", ogr.OFTDateTime)
    changed.SetDefault("CURRENT_TIMESTAMP")
    table.CreateField(changed)
    for layer in layers:
        table.CreateFeature(_style_row(table.GetLayerDefn(), layer))


def _text(name: str, width: int) -> ogr.FieldDefn:
    field = ogr.FieldDefn(name, ogr.OFTString)
    field.SetWidth(width)
    return field


def _style_row(definition: ogr.FeatureDefn, layer: Layer) -> ogr.Feature:
    row = ogr.Feature(definition)
    values = {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": layer.name,
        "f_geometry_column": "geom",
        "styleName": layer.name,
        "styleQML": layer.style,
        "useAsDefault": 1,
        "description": "",
        "owner": "",
    }
    for name, value in values.items():
        row.SetField(name, value)
    now = datetime.now(timezone.utc)
    seconds = now.second + now.microsecond // 1000 / 1000
    index = definition.GetFieldIndex("update_time")
    # 100 is OGR's flag for UTC; it makes the driver write YYYY-MM-DDTHH:MM:SS.sssZ
    row.SetField(index, now.year, now.month, now.day, now.hour, now.minute, seconds, 100)
    return row
