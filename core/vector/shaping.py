# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons grown, shrunk and joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from osgeo import ogr

from ..raster.errors import quiet
from .rings import Polygon, rings_of, wkb_of

_SEGMENTS = 8
"""Edges of a quarter circle round a corner."""


def buffered(polygons: Sequence[Polygon], distance: float) -> tuple[Polygon, ...]:
    """Return polygons grown by a distance, or shrunk by a negative one; maybe nothing is left."""
    with quiet():
        found = ogr.CreateGeometryFromWkb(wkb_of(polygons)).Buffer(distance, _SEGMENTS)
    return _parts(found)


def dissolved(shapes: Iterable[Sequence[Polygon]]) -> Iterator[tuple[Polygon, ...]]:
    """Yield what shapes become when those that overlap or touch along a line are joined."""
    whole = ogr.Geometry(ogr.wkbMultiPolygon)
    for polygons in shapes:
        for polygon in polygons:
            parts = ogr.CreateGeometryFromWkb(wkb_of([polygon]))
            whole.AddGeometry(parts.GetGeometryRef(0))
    with quiet():
        joined = whole.UnionCascaded()
    for polygon in _parts(joined):
        yield (polygon,)


def _parts(geometry: ogr.Geometry | None) -> tuple[Polygon, ...]:
    if geometry is None or geometry.IsEmpty():
        return ()
    return rings_of(bytes(ogr.ForceToMultiPolygon(geometry).ExportToWkb(ogr.wkbNDR)))
