# SPDX-License-Identifier: GPL-2.0-or-later
"""What this GDAL can read, write and compress."""

from __future__ import annotations

import re

from osgeo import gdal

FORMATS = ("GTiff", "COG", "VRT", "JP2OpenJPEG", "JP2ECW", "HFA", "ENVI", "netCDF", "GPKG")
COMPRESSIONS = ("DEFLATE", "LZW", "ZSTD", "LERC", "JPEG", "WEBP")


def gdal_version() -> str:
    """Return GDAL's version, "3.6.2"."""
    return str(gdal.VersionInfo("RELEASE_NAME"))


def formats() -> dict[str, str]:
    """Return for each format that matters here "reads and writes", "reads" or "absent"."""
    return {name: _ability(name) for name in FORMATS}


def compressions() -> dict[str, bool]:
    """Return for each compression of GeoTIFF whether this GDAL can write it."""
    driver = gdal.GetDriverByName("GTiff")
    known = driver.GetMetadataItem("DMD_CREATIONOPTIONLIST") if driver else ""
    words = set(re.findall(r"<Value[^>]*>([A-Z_0-9]+)</Value>", known or ""))
    return {name: name in words for name in COMPRESSIONS}


def _ability(name: str) -> str:
    driver = gdal.GetDriverByName(name)
    if driver is None:
        return "absent"
    writes = any(driver.GetMetadataItem(item) for item in ("DCAP_CREATE", "DCAP_CREATECOPY"))
    return "reads and writes" if writes else "reads"
