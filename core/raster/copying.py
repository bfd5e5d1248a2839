# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies of rasters that differ in nothing but where they lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from osgeo import gdal

from ..grid import Transform
from ..progress import SILENT, Progress
from .create import Format
from .errors import refusing

_INSIDE = "GDAL_TIFF_INTERNAL_MASK"


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

    def listen(fraction: float, _message: str, _data: Any) -> int:
        progress.advance(fraction)
        return 0 if progress.cancelled() else 1

    driver = gdal.GetDriverByName("GTiff")
    with _masks_inside(), _stoppable(progress), refusing(f"{title} cannot be written"):
        original = gdal.OpenEx(source, gdal.OF_RASTER)
        options = form.listed(TILED="YES", BIGTIFF="IF_SAFER")
        copied = driver.CreateCopy(path, original, 0, options, callback=listen)
        if copied is not None:
            copied.SetGeoTransform(transform)
            copied.FlushCache()
        del copied, original


@contextmanager
def _stoppable(progress: Progress) -> Iterator[None]:
    """A stop, which GDAL reports as a failure, is Cancelled."""
    try:
        yield
    finally:
        progress.check()


@contextmanager
def _masks_inside() -> Iterator[None]:
    """Keep masks in the file, for this thread and the moment of the copy."""
    former = gdal.GetThreadLocalConfigOption(_INSIDE)
    try:
        gdal.SetThreadLocalConfigOption(_INSIDE, "YES")
        yield
    finally:
        gdal.SetThreadLocalConfigOption(_INSIDE, former)
