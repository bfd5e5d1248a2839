# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts of coordinate reference systems for files of our own."""

from __future__ import annotations

from .crs import reference


def modern(wkt: str) -> str:
    """Return a CRS as WKT 2 (ISO 19162:2019); "" stays empty."""
    return str(reference(wkt).ExportToWkt(["FORMAT=WKT2_2019"])) if wkt else ""


def customary(wkt: str) -> str:
    """Return a CRS in the form in which GDAL tells that of a file, the given one if it has none."""
    return str(reference(wkt).ExportToWkt()) or wkt if wkt else ""
