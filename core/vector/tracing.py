# SPDX-License-Identifier: GPL-2.0-or-later
"""Masks to polygons along the edges of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from osgeo import gdal, ogr

from ..grid import Grid, Transform
from ..image import Array
from ..raster.errors import quiet, refusing
from .rings import Polygon, mapped, ring_area, rings_of, wkb_of

_HALVINGS = 6


def trace(path: str, grid: Grid) -> bytes:
    """Return where a one-band mask file is not 0 as a MultiPolygon in map units.

    The polygons follow the edges of pixels; pixels that meet only at a corner are separate. The
    file's own transform is not looked at: `grid` places the pixels, once.
    """
    return wkb_of(mapped(trace_pixels(path), grid.to_map))


def trace_pixels(path: str) -> tuple[Polygon, ...]:
    """Return where a one-band mask file is not 0 as polygons in pixel coordinates."""
    with refusing(f"The temporary mask {path} cannot be traced"):
        dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR)
        band = None if dataset is None else dataset.GetRasterBand(1)
        memory = ogr.GetDriverByName("Memory").CreateDataSource("")
        layer = memory.CreateLayer("valid", None, ogr.wkbPolygon)
        if band is not None:
            # the band is its own mask: what is 0 gives no polygon
            gdal.Polygonize(band, band, layer, -1, [])
    found = [p for feature in layer for p in valid_polygons(feature.GetGeometryRef())]
    return mapped(found, partial(_corners, _transform(dataset)))


def valid_polygons(geometry: ogr.Geometry) -> tuple[Polygon, ...]:
    """Return a traced polygon; a ring that touches itself at a corner is split there."""
    with quiet():  # GDAL remarks on rings that touch themselves
        if geometry.IsValid():
            return rings_of(bytes(geometry.ExportToWkb(ogr.wkbNDR)))
        repaired = geometry.MakeValid()
    return rings_of(bytes(ogr.ForceToMultiPolygon(repaired).ExportToWkb(ogr.wkbNDR)))


def tidied(polygons: Sequence[Polygon], min_part: float, min_hole: float) -> tuple[Polygon, ...]:
    """Return polygons without parts and holes smaller than an area; parts in such holes go too."""
    parts = [p for p in polygons if not min_part or abs(ring_area(p[0])) >= min_part]
    if not min_hole:
        return tuple(parts)
    kept, closed = [], []
    for outer, *holes in parts:
        small = [abs(ring_area(hole)) < min_hole for hole in holes]
        kept.append((outer, *(hole for hole, is_small in zip(holes, small) if not is_small)))
        closed += [hole for hole, is_small in zip(holes, small) if is_small]
    return tuple(_outside(kept, closed))


def simplified(polygons: Sequence[Polygon], tolerance: float) -> tuple[Polygon, ...]:
    """Return polygons with fewer vertices, none farther away than a tolerance.

    Topology is kept: where a simplified edge would pass over a neighboring part or hole, the
    tolerance is halved until none does.
    """
    if tolerance <= 0 or not polygons:
        return tuple(polygons)
    whole = ogr.CreateGeometryFromWkb(wkb_of(polygons))
    with quiet():
        for halving in range(_HALVINGS):
            found = whole.SimplifyPreserveTopology(tolerance / 2**halving)
            if found is not None and found.IsValid():
                return rings_of(bytes(found.ExportToWkb(ogr.wkbNDR)))
    return tuple(polygons)


def quadrilateral(grid: Grid) -> Polygon:
    """Return the outline of all pixels of a grid in pixel coordinates."""
    w, h = grid.width, grid.height
    return (np.array([[0, 0], [w, 0], [w, h], [0, h], [0, 0]], float),)


def _transform(dataset: gdal.Dataset) -> Transform:
    found: Transform = dataset.GetGeoTransform(can_return_null=True) or (0, 1, 0, 0, 0, 1)
    return found


def _corners(transform: Transform, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the corners of pixels that GDAL has placed with a file's own transform."""
    col, row = Grid(1, 1, transform).to_pixel(x, y)
    return np.rint(col), np.rint(row)


def _outside(polygons: Sequence[Polygon], closed: Sequence[Array]) -> list[Polygon]:
    """Return the polygons that do not lie inside a closed hole."""
    first = np.array([polygon[0][:2].mean(0) for polygon in polygons]).reshape(-1, 2)
    kept = np.ones(len(polygons), bool)
    for hole in closed:
        # nothing fits into a hole of one pixel
        if len(hole) > 5 or abs(ring_area(hole)) > 4:
            low, high = hole.min(0), hole.max(0)
            near = np.flatnonzero(((first > low) & (first < high)).all(1) & kept)
            kept[near[_within(hole, first[near])]] = False
    return [polygon for polygon, is_kept in zip(polygons, kept) if is_kept]


def _within(ring: Array, points: Array) -> Array:
    """Return which points lie inside a ring."""
    x, y = points[:, :1], points[:, 1:]
    (x0, y0), (x1, y1) = ring[:-1].T, ring[1:].T
    crosses = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = x < (x1 - x0) * (y - y0) / (y1 - y0) + x0
    found: Array = (crosses & left).sum(1) % 2 == 1
    return found
