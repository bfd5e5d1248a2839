# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies of rasters that differ in nothing but where they lie."""

from __future__ import annotations

from osgeo import gdal

from ..grid import Transform
from ..progress import SILENT, Progress
from .config import config
from .create import Format, heard
from .errors import refusing


def copy_placed(
    source: str,
    path: str,
    transform: Transform,
    form: Format,
    title: str,
    progress: Progress = SILENT,
) -> None:
    """Copy a raster as GeoTIFF, every band, mask and entry as it is, with another transform.

    Raises ImageIOError with GDAL's reason, Cancelled when the user stops.
    """
    driver, refusal = gdal.GetDriverByName("GTiff"), refusing(f"{title} cannot be written")
    with config("GDAL_TIFF_INTERNAL_MASK", "YES"), refusal, heard(progress) as callback:
        original = gdal.OpenEx(source, gdal.OF_RASTER)
        options = form.listed(TILED="YES", BIGTIFF="IF_SAFER")
        copied = driver.CreateCopy(path, original, 0, options, callback=callback)
        if copied is not None:
            copied.SetGeoTransform(transform)
            copied.FlushCache()
        del copied, original
