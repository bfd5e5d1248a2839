# SPDX-License-Identifier: GPL-2.0-or-later
"""Small rasters of decimal numbers that are read and written whole, with items of our own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from osgeo import gdal

from ..grid import Grid
from ..image import Array
from ..stage import staged
from .errors import refusing
from .source import open_image
from .style import Stretch, image_style

DOMAIN = "ORTHOWEAVE"
OPTIONS = ["COMPRESS=DEFLATE", "PREDICTOR=3", "TILED=YES", "BIGTIFF=IF_SAFER"]


@dataclass(frozen=True)
class MapFile:
    """values[band, row, col], NaN where nothing is known, and items (name: text) of our domain."""

    path: str
    name: str
    grid: Grid
    values: Array
    items: Mapping[str, str]


def write_map(
    found: MapFile, band_names: Sequence[str], stretch: Stretch, colors: Sequence[str] = ()
) -> str:
    """Write a map as Float32 GeoTIFF with nodata NaN and a style beside it; return its path.

    `stretch` holds the (black, white) values of each band. Raises ImageIOError with the reason.
    """
    title = os.path.basename(found.path)
    bands, rows, cols = found.values.shape
    with staged(found.path) as temporary, refusing(f"{title} cannot be written"):
        driver = gdal.GetDriverByName("GTiff")
        dataset = driver.Create(
            temporary, cols, rows, bands, gdal.GDT_Float32, [*OPTIONS, "PHOTOMETRIC=MINISBLACK"]
        )
        dataset.SetGeoTransform(found.grid.transform)
        if found.grid.crs:
            dataset.SetProjection(found.grid.crs)
        dataset.SetMetadata(dict(found.items), DOMAIN)
        for number, values in enumerate(found.values, 1):
            band = dataset.GetRasterBand(number)
            band.SetNoDataValue(float("nan"))
            if number <= len(band_names) and band_names[number - 1]:
                band.SetDescription(band_names[number - 1])
            band.WriteArray(values.astype(np.float32))
        dataset.FlushCache()
        del band, dataset
    image_style(found.path, band_names, bands, stretch, colors=colors)
    return os.path.abspath(found.path)


def read_map(path: str) -> MapFile:
    """Read a map, one of ours or any raster; each band's nodata value becomes NaN.

    Raises ImageIOError when it cannot be read.
    """
    image = open_image(path)
    pixels = image.read(image.grid.window)
    values = pixels.values.astype(np.float64)
    for band, nodata in zip(values, image.nodata_values):
        if nodata is not None:
            band[band == nodata] = np.nan
    with refusing(f"{os.path.basename(path)} cannot be read"):
        items = gdal.OpenEx(path, gdal.OF_RASTER).GetMetadata(DOMAIN)
    return MapFile(path, image.name, image.grid, values, items or {})
