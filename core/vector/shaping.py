# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons grown, shrunk, joined and cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from osgeo import ogr

from ..raster.errors import quiet
from .clipping import parts_of
from .rings import Polygon, rings_of, wkb_of

_SEGMENTS = 8
"""Edges of a quarter circle round a corner."""

_LONG, _PIECE = 1000, 20
"""Outlines of more points are widened in pieces of so many: the time grows with their length only,
not with its square."""


def buffered(polygons: Sequence[Polygon], distance: float) -> tuple[Polygon, ...]:
    """Return polygons grown by a distance, or shrunk by a negative one; maybe nothing is left."""
    whole = ogr.CreateGeometryFromWkb(wkb_of(polygons))
    with quiet():
        if sum(len(ring) for polygon in polygons for ring in polygon) <= _LONG:
            return _parts(whole.Buffer(distance, _SEGMENTS))
        band = _band(polygons, abs(distance))
        return _parts(whole.Union(band) if distance > 0 else whole.Difference(band))


def _band(polygons: Sequence[Polygon], width: float) -> ogr.Geometry:
    """What lies within a distance of the outlines."""
    pieces = ogr.Geometry(ogr.wkbMultiPolygon)
    for ring in (ring for polygon in polygons for ring in polygon):
        for start in range(0, len(ring) - 1, _PIECE):
            line = ogr.Geometry(ogr.wkbLineString)
            for x, y in ring[start : start + _PIECE + 1].tolist():
                line.AddPoint_2D(x, y)
            pieces.AddGeometry(line.Buffer(width, _SEGMENTS))
    return pieces.UnionCascaded()


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


def is_valid(polygon: Polygon) -> bool:
    """Return True when the rings of a polygon make an outline and its holes."""
    with quiet():
        return bool(ogr.CreateGeometryFromWkb(wkb_of([polygon])).IsValid())


def common(polygons: Sequence[Polygon], area: bytes) -> tuple[Polygon, ...]:
    """Return the part of polygons inside an area (well-known binary); maybe nothing is left."""
    shape = ogr.CreateGeometryFromWkb(area)
    whole = ogr.CreateGeometryFromWkb(wkb_of(polygons))
    if not whole.Intersects(shape):
        return ()
    with quiet():
        found = whole.Intersection(shape)
    if found is None:
        return ()
    return tuple(p for part in parts_of(found) for p in rings_of(part))


def _parts(geometry: ogr.Geometry | None) -> tuple[Polygon, ...]:
    if geometry is None or geometry.IsEmpty():
        return ()
    return rings_of(bytes(ogr.ForceToMultiPolygon(geometry).ExportToWkb(ogr.wkbNDR)))
