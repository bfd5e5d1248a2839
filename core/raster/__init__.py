# SPDX-License-Identifier: GPL-2.0-or-later
"""The only package that touches GDAL rasters: open, read, validity, CRS, create."""

from __future__ import annotations

from .crs import CrsMapping, crs_title, parse_crs, same_crs
from .handles import bytes_read
from .listing import (
    expand,
    open_images,
    open_listed,
    output_paths,
    parts_of,
    refuse_all_overwriting,
    refuse_overwriting,
)
from .source import RasterImage, open_image

__all__ = [
    "CrsMapping",
    "RasterImage",
    "bytes_read",
    "crs_title",
    "expand",
    "open_image",
    "open_images",
    "open_listed",
    "output_paths",
    "parse_crs",
    "parts_of",
    "refuse_all_overwriting",
    "refuse_overwriting",
    "same_crs",
]
