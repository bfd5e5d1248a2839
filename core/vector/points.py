# SPDX-License-Identifier: GPL-2.0-or-later
"""Point layers as columns: positions and attributes in, features out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import ogr

from ..image import Array
from ..raster.errors import refusing
from .features import Feature
from .sources import open_layer

_POINTS = (ogr.wkbPoint, ogr.wkbMultiPoint, ogr.wkbUnknown)
_WKB = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])


@dataclass(frozen=True)
class PointTable:
    """A point layer: x, y[point] (NaN without geometry) and one list of values for each field."""

    title: str
    crs: str
    x: Array
    y: Array
    columns: dict[str, list[Any]]


def point_features(x: Array, y: Array, columns: Mapping[str, Sequence[Any]]) -> tuple[Feature, ...]:
    """Return points with attributes; NaN becomes an empty attribute."""
    packed = np.zeros(len(x), _WKB)
    packed["order"], packed["kind"], packed["x"], packed["y"] = 1, 1, x, y
    raw, size = packed.tobytes(), _WKB.itemsize
    values = zip(*(_listed(column) for column in columns.values()))
    return tuple(
        Feature(raw[at * size : (at + 1) * size], dict(zip(columns, row)))
        for at, row in enumerate(values)
    )


def read_points(source: str) -> PointTable:
    """Read the points of "path" or "path|layername=x"; of several in one feature, the first.

    Raises ImageIOError when the file cannot be read, InvalidOption when it has no such layer or
    no points.
    """
    found = open_layer(source, _POINTS, "points")
    definition = found.layer.GetLayerDefn()
    names = [definition.GetFieldDefn(i).GetName() for i in range(definition.GetFieldCount())]
    with refusing(f"{found.title} cannot be read"):
        rows = list(_rows(found.layer, len(names)))
    columns = list(zip(*rows)) if rows else [()] * (len(names) + 2)
    x, y = (np.asarray(column, np.float64) for column in columns[:2])
    values = {name: list(column) for name, column in zip(names, columns[2:])}
    return PointTable(found.title, found.crs, x, y, values)


def _rows(layer: ogr.Layer, count: int) -> Iterator[list[Any]]:
    for feature in layer:
        values = [feature.GetField(index) for index in range(count)]
        yield [*_position(feature.GetGeometryRef()), *values]


def _position(geometry: ogr.Geometry | None) -> tuple[float, float]:
    if geometry is None or geometry.IsEmpty():
        return (np.nan, np.nan)
    if geometry.GetGeometryCount():
        geometry = geometry.GetGeometryRef(0)
    return (geometry.GetX(), geometry.GetY())


def _listed(column: Any) -> list[Any]:
    """Return plain values; NaN, which is the only number that differs from itself, is None."""
    values = column.tolist() if isinstance(column, np.ndarray) else list(column)
    return [None if value != value else value for value in values]
