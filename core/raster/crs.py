# SPDX-License-Identifier: GPL-2.0-or-later
"""Coordinate reference systems: compare, name, parse, and map positions between them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from osgeo import osr

from ..errors import ImageIOError, IncompatibleImages, InvalidOption
from ..image import Array
from .errors import quiet, refusing


@lru_cache(maxsize=256)
def same_crs(a: str, b: str) -> bool:
    """Return True when two WKT texts mean the same CRS (none equals none only)."""
    if a == b:
        return True
    return bool(a and b and reference(a).IsSame(reference(b)))


def crs_title(wkt: str) -> str:
    """Return the short name users know, for example "EPSG:32633"."""
    if not wkt:
        return "no CRS"
    found = reference(wkt)
    authority, code = found.GetAuthorityName(None), found.GetAuthorityCode(None)
    return f"{authority}:{code}" if code else (found.GetName() or "a CRS without EPSG code")


def parse_crs(text: str) -> str:
    """Return the WKT of "EPSG:32633", a PROJ or WKT text.

    Raises InvalidOption when PROJ does not know it.
    """
    found = osr.SpatialReference()
    try:
        with refusing("CRS"):
            found.SetFromUserInput(text)
    except ImageIOError as error:
        raise InvalidOption(f"CRS: {text!r} is not known.") from error
    if not found.ExportToWkt():
        raise InvalidOption(f"CRS: {text!r} is not known.")
    return str(found.ExportToWkt())


def is_geographic(wkt: str) -> bool:
    """Return True when map units are degrees."""
    return bool(wkt) and bool(reference(wkt).IsGeographic())


@lru_cache(maxsize=64)
def area_of_use(wkt: str) -> tuple[float, float, float, float] | None:
    """Return where a CRS is meant to be used (west, south, east, north, degrees); None: unknown.

    An area across the antimeridian ends beyond 180. A transverse Mercator without EPSG code, as
    many files declare their zone, serves 60 degrees on both sides of its middle.
    """
    given, known = reference(wkt), osr.SpatialReference()
    # a WKT of the first kind does not say it
    with quiet():
        coded = given.GetAuthorityCode(None) and not known.SetFromUserInput(crs_title(wkt))
        area = known.GetAreaOfUse() if coded else None
    if area is not None:
        west, east = area.west_lon_degree, area.east_lon_degree
        east += 360.0 if east < west else 0.0
        return west, area.south_lat_degree, east, area.north_lat_degree
    if given.GetAttrValue("PROJECTION") != "Transverse_Mercator":
        return None
    middle = float(given.GetProjParm("central_meridian"))
    return middle - 60.0, -85.0, middle + 60.0, 85.0


def reference(wkt: str) -> osr.SpatialReference:
    """Return a spatial reference whose axes are x, y (longitude first)."""
    found = osr.SpatialReference()
    found.ImportFromWkt(wkt)
    found.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return found


_transformations = threading.local()


@dataclass(frozen=True)
class CrsMapping:
    """Map positions of one CRS to another; frozen, so that views that hold it can be pickled."""

    source: str
    target: str

    def __call__(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return (x, y) in the target CRS; positions without image there are infinite."""
        x, y = np.broadcast_arrays(x, y)
        shape = x.shape
        points = np.empty((int(np.prod(shape)), 2))
        points[:, 0], points[:, 1] = np.ravel(x), np.ravel(y)
        with quiet():
            found = np.asarray(self._transformation().TransformPoints(points), float)
        return found[:, 0].reshape(shape), found[:, 1].reshape(shape)

    def inverse(self) -> CrsMapping:
        """Return the way back."""
        return CrsMapping(self.target, self.source)

    def _transformation(self) -> Any:
        # PROJ objects belong to one thread
        known: dict[Any, Any] = _transformations.__dict__
        if self not in known:
            ends = reference(self.source), reference(self.target)
            try:
                with refusing("CRS"):
                    known[self] = osr.CoordinateTransformation(*ends)
            except ImageIOError as error:
                raise IncompatibleImages(
                    f"No way is known from {crs_title(self.source)} to {crs_title(self.target)}."
                ) from error
        return known[self]
