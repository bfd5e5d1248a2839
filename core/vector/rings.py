# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons as arrays: well-known binary taken apart into rings and put together again."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np

from ..image import Array

Polygon = tuple[Array, ...]
"""Rings of (x, y) rows, closed; the first is the outer one."""

Mapping = Callable[[Array, Array], tuple[Array, Array]]

MOST = 20
"""Pieces of an edge, so that a step that is far too small does no harm."""

_POLYGON, _MULTIPOLYGON = 3, 6


def rings_of(wkb: bytes) -> tuple[Polygon, ...]:
    """Return the polygons of a two-dimensional Polygon or MultiPolygon.

    Raises ValueError for any other geometry.
    """
    found, end = _take(wkb, 0)
    if end != len(wkb):
        raise ValueError("bytes behind the geometry")
    return found


def points_of(wkb: bytes) -> Array:
    """Return the points[point, (x, y)] of a two-dimensional LineString of ours."""
    return np.frombuffer(wkb[9:], "<f8").reshape(-1, 2)


def wkb_of(polygons: Sequence[Polygon]) -> bytes:
    """Return polygons as the well-known binary of one MultiPolygon."""
    return struct.pack("<BII", 1, _MULTIPOLYGON, len(polygons)) + b"".join(map(_pack, polygons))


def mapped(polygons: Sequence[Polygon], mapping: Mapping) -> tuple[Polygon, ...]:
    """Return the polygons with every vertex moved by a mapping of (x, y) arrays."""
    return tuple(
        tuple(np.column_stack(mapping(ring[:, 0], ring[:, 1])) for ring in polygon)
        for polygon in polygons
    )


def densified(polygons: Sequence[Polygon], step: float) -> tuple[Polygon, ...]:
    """Return the polygons with edges divided into pieces of at most `step`, or MOST pieces."""
    return tuple(tuple(_dense(ring, step) for ring in polygon) for polygon in polygons)


def ring_area(ring: Array) -> float:
    """Return the area inside a ring, negative when it runs clockwise (y up)."""
    x, y = (ring - ring[0]).T
    return float(0.5 * np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def area_of(polygons: Sequence[Polygon]) -> float:
    """Return the area of polygons, without their holes."""
    return sum(
        abs(ring_area(outer)) - sum(abs(ring_area(hole)) for hole in holes)
        for outer, *holes in polygons
    )


def _dense(ring: Array, step: float) -> Array:
    start, way = ring[:-1], np.diff(ring, axis=0)
    pieces = np.ceil(np.hypot(way[:, 0], way[:, 1]) / step - 1e-9)
    pieces = np.clip(pieces, 1, MOST).astype(int)
    edge = np.repeat(np.arange(len(way)), pieces)
    first = np.cumsum(pieces) - pieces
    part = (np.arange(len(edge)) - first[edge]) / pieces[edge]
    points: Array = start[edge] + way[edge] * part[:, None]
    return np.vstack([points, ring[-1:]])


def _take(wkb: bytes, at: int) -> tuple[tuple[Polygon, ...], int]:
    order = "<" if wkb[at] == 1 else ">"
    kind, count = struct.unpack_from(order + "II", wkb, at + 1)
    at += 9
    if kind == _POLYGON:
        polygon, at = _take_rings(wkb, at, order, count)
        return ((polygon,) if polygon else ()), at
    if kind != _MULTIPOLYGON:
        raise ValueError(f"geometry of type {kind} instead of a polygon")
    polygons: list[Polygon] = []
    for _ in range(count):
        part, at = _take(wkb, at)
        polygons += part
    return tuple(polygons), at


def _take_rings(wkb: bytes, at: int, order: str, count: int) -> tuple[Polygon, int]:
    rings = []
    for _ in range(count):
        (points,) = struct.unpack_from(order + "I", wkb, at)
        ring = np.frombuffer(wkb, order + "f8", 2 * points, at + 4).reshape(-1, 2)
        rings.append(ring.astype(float))
        at += 4 + 16 * points
    return tuple(rings), at


def _pack(polygon: Polygon) -> bytes:
    parts = [struct.pack("<BII", 1, _POLYGON, len(polygon))]
    for ring in polygon:
        parts += [struct.pack("<I", len(ring)), ring.astype("<f8").tobytes()]
    return b"".join(parts)
