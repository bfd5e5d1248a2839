# SPDX-License-Identifier: GPL-2.0-or-later
"""Footprints cut by polygons, as well-known binary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..deps import require
from .arrangement import flat
from .boundary import PURPOSE


def united(areas: Sequence[bytes]) -> bytes:
    """Return the union of polygons as one MultiPolygon; an empty one of none."""
    return _packed(require("shapely.ops", PURPOSE).unary_union([valid(area) for area in areas]))


def clipped(footprint: bytes, area: bytes, *, inside: bool) -> bytes:
    """Return the part of a footprint inside, or outside, an area."""
    whole, polygon = valid(footprint), valid(area)
    return _packed(whole.intersection(polygon) if inside else whole.difference(polygon))


def valid(area: bytes) -> Any:
    """Return a polygon that is valid."""
    found = require("shapely.wkb", PURPOSE).loads(area)
    return found if found.is_valid else found.buffer(0)


def _packed(geometry: Any) -> bytes:
    """Return the polygons of a geometry; points and lines where areas only touch are no ground."""
    multi = require("shapely.geometry", PURPOSE).MultiPolygon
    parts = [part for part in flat(geometry) if part.geom_type == "Polygon"]
    nested = [p for part in flat(geometry) for p in getattr(part, "geoms", ())]
    parts += [part for part in nested if part.geom_type == "Polygon"]
    return bytes(multi(parts).wkb)
