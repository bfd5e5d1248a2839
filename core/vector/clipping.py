# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas, parts and distances of polygons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from osgeo import ogr

from ..image import Array
from ..raster.errors import quiet
from .rings import rings_of, wkb_of

_POLYGONS = (ogr.wkbPolygon, ogr.wkbMultiPolygon, ogr.wkbGeometryCollection)


@dataclass(frozen=True)
class Shapes:
    """Polygons or points as well-known binary, with what is asked of them again and again."""

    shapes: tuple[bytes, ...]

    @cached_property
    def geometries(self) -> tuple[ogr.Geometry, ...]:
        """The shapes as OGR knows them."""
        return tuple(ogr.CreateGeometryFromWkb(shape) for shape in self.shapes)

    @cached_property
    def boxes(self) -> Array:
        """Left, low, right, high of each shape."""
        found = [geometry.GetEnvelope() for geometry in self.geometries]
        return np.array(found, float).reshape(-1, 4)[:, [0, 2, 1, 3]]

    @cached_property
    def areas(self) -> Array:
        """Area of each shape in squared map units; 0 of points."""
        return np.array([_area(geometry) for geometry in self.geometries], float)

    @cached_property
    def centers(self) -> Array:
        """The centroid (x, y) of each shape."""
        centers = [geometry.Centroid() for geometry in self.geometries]
        return np.array([(c.GetX(), c.GetY()) for c in centers], float).reshape(-1, 2)

    def distance(self, first: int, second: int) -> float:
        """Return the distance of two shapes in map units, 0 where they meet."""
        return float(self.geometries[first].Distance(self.geometries[second]))

    def meeting(self, other: Shapes) -> Iterator[tuple[int, int]]:
        """Yield (ours, other) whose boxes meet."""
        for at, (left, low, right, high) in enumerate(self.boxes):
            near = (other.boxes[:, 0] <= right) & (other.boxes[:, 2] >= left)
            near &= (other.boxes[:, 1] <= high) & (other.boxes[:, 3] >= low)
            for place in np.flatnonzero(near).tolist():
                yield at, place

    def common(self, first: int, other: Shapes, second: int) -> bytes | None:
        """Return what a shape and another one share, None for nothing (or only an edge)."""
        ours, theirs = self.geometries[first], other.geometries[second]
        if not _area(ours):
            return self.shapes[first] if ours.Intersects(theirs) else None
        with quiet():
            found = ours.Intersection(theirs)
        if found is None or found.IsEmpty() or not _area(found):
            return None
        return wkb_of([polygon for part in parts_of(found) for polygon in rings_of(part)])


def _area(geometry: ogr.Geometry) -> float:
    """Return the area of a shape, 0 of points and lines, of which OGR complains."""
    return float(geometry.GetArea()) if geometry.GetDimension() > 1 else 0.0


def parts_of(geometry: ogr.Geometry) -> Iterator[bytes]:
    """Yield the polygons of a geometry, one by one; lines and points are left out."""
    kind = ogr.GT_Flatten(geometry.GetGeometryType())
    if kind == ogr.wkbPolygon:
        yield bytes(geometry.ExportToWkb(ogr.wkbNDR))
    elif kind in _POLYGONS:
        for index in range(geometry.GetGeometryCount()):
            yield from parts_of(geometry.GetGeometryRef(index))


def exploded(shape: bytes) -> tuple[bytes, ...]:
    """Return the single polygons of a shape; a point as it is."""
    geometry = ogr.CreateGeometryFromWkb(shape)
    return tuple(parts_of(geometry)) or (shape,)


def largest_shares(ours: Sequence[bytes], others: Sequence[bytes]) -> Array:
    """Return for each shape the number of the other that holds most of it, -1 for none.

    Equal shares go to the first.
    """
    first, second = Shapes(tuple(ours)), Shapes(tuple(others))
    best, found = np.zeros(len(ours)), np.full(len(ours), -1)
    for at, place in first.meeting(second):
        common = first.common(at, second, place)
        if common is None:
            continue
        # points have no area: the first region that holds them takes them
        size = _area(ogr.CreateGeometryFromWkb(common)) or 1e-300
        if size > best[at]:
            best[at], found[at] = size, place
    return found
