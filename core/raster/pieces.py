# SPDX-License-Identifier: GPL-2.0-or-later
"""Small files cut out of images: GeoTIFFs, PNG pictures, and a virtual raster that joins them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from osgeo import gdal, gdal_array

from ..grid import Grid, hull
from ..image import Array, Image, representable
from ..windows import Window
from .errors import refusing


@dataclass(frozen=True)
class Piece:
    """A file that holds a window of an image; `path` is relative to the virtual raster."""

    path: str
    window: Window


def write_piece(path: str, values: Array, grid: Grid, nodata: float | None) -> None:
    """Write values[band, row, col] as a GeoTIFF of its own, as they are.

    The caller stages it. Raises ImageIOError with GDAL's reason.
    """
    count, height, width = values.shape
    with refusing(f"{os.path.basename(path)} cannot be written"):
        driver = gdal.GetDriverByName("GTiff")
        dataset = driver.Create(path, width, height, count, _code(values.dtype))
        if dataset is None:
            raise RuntimeError(gdal.GetLastErrorMsg())
        dataset.SetGeoTransform(grid.transform)
        if grid.crs:
            dataset.SetProjection(grid.crs)
        marker = representable(nodata, values.dtype)
        for band in range(1, count + 1) if marker is not None else ():
            dataset.GetRasterBand(band).SetNoDataValue(float(marker))
        dataset.WriteArray(np.ascontiguousarray(values))
        # closing writes the file; GDAL closes with the last reference
        del dataset


def write_picture(path: str, gray: Array) -> None:
    """Write gray[row, col] of bytes as a PNG; the caller stages it.

    Raises ImageIOError with GDAL's reason.
    """
    with refusing(f"{os.path.basename(path)} cannot be written"):
        source = gdal_array.OpenArray(np.ascontiguousarray(gray, np.uint8))
        if gdal.GetDriverByName("PNG").CreateCopy(path, source) is None:
            raise RuntimeError(gdal.GetLastErrorMsg())


def joined(image: Image, pieces: Sequence[Piece]) -> str:
    """Return the text of a virtual raster (VRT) of windows of an image, on its pixels.

    Written here because GDAL joins neither rotated nor south-up files. Later pieces lie on top;
    what no piece covers is the image's nodata.
    """
    area = pieces[0].window
    for piece in pieces[1:]:
        area = hull(area, piece.window)
    grid = image.grid.cropped(area)
    numbers = ", ".join(f"{number:.17g}" for number in grid.transform)
    crs = f'<SRS dataAxisToSRSAxisMapping="1,2">{escape(grid.crs)}</SRS>\n' if grid.crs else ""
    bands = "".join(_band(image, number, area, pieces) for number in range(1, image.bands + 1))
    return (
        f'<VRTDataset rasterXSize="{area.width}" rasterYSize="{area.height}">\n{crs}'
        f"<GeoTransform>{numbers}</GeoTransform>\n{bands}</VRTDataset>\n"
    )


def _band(image: Image, number: int, area: Window, pieces: Iterable[Piece]) -> str:
    kind = gdal.GetDataTypeName(_code(image.dtype))
    marker = representable(image.nodata, image.dtype)
    nodata = "" if marker is None else f"<NoDataValue>{float(marker):.17g}</NoDataValue>\n"
    sources = "".join(_source(number, area, piece) for piece in pieces)
    return f'<VRTRasterBand dataType="{kind}" band="{number}">\n{nodata}{sources}</VRTRasterBand>\n'


def _source(number: int, area: Window, piece: Piece) -> str:
    window = piece.window
    size = f'xSize="{window.width}" ySize="{window.height}"'
    col, row = window.col - area.col, window.row - area.row
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="1">{escape(piece.path)}</SourceFilename>'
        f'<SourceBand>{number}</SourceBand><SrcRect xOff="0" yOff="0" {size}/>'
        f'<DstRect xOff="{col}" yOff="{row}" {size}/></SimpleSource>\n'
    )


def _code(dtype: np.dtype[Any]) -> int:
    return int(gdal_array.NumericTypeCodeToGDALTypeCode(dtype))
