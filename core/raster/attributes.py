# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of names, counts and colors that belongs to a raster of classes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from osgeo import gdal

from .errors import refusing

Row = tuple[int, int, str, tuple[int, int, int]]
"""Value, pixels, name, color."""

_COLUMNS = (
    ("Value", gdal.GFT_Integer, gdal.GFU_MinMax),
    ("Count", gdal.GFT_Integer, gdal.GFU_PixelCount),
    ("Class", gdal.GFT_String, gdal.GFU_Name),
    ("Red", gdal.GFT_Integer, gdal.GFU_Red),
    ("Green", gdal.GFT_Integer, gdal.GFU_Green),
    ("Blue", gdal.GFT_Integer, gdal.GFU_Blue),
)


def attribute_table(path: str, rows: Sequence[Row]) -> None:
    """Give the first band of a raster a table of its values; it goes to `<name>.aux.xml`.

    Raises ImageIOError with GDAL's reason.
    """
    table = gdal.RasterAttributeTable()
    for name, kind, usage in _COLUMNS:
        table.CreateColumn(name, kind, usage)
    table.SetRowCount(len(rows))
    for row, (value, count, name, color) in enumerate(rows):
        table.SetValueAsInt(row, 0, value)
        table.SetValueAsInt(row, 1, min(count, 2**31 - 1))
        table.SetValueAsString(row, 2, name)
        for column, part in enumerate(color, 3):
            table.SetValueAsInt(row, column, part)
    with refusing(f"The table of {os.path.basename(path)} cannot be written"):
        dataset = gdal.Open(path)
        dataset.GetRasterBand(1).SetDefaultRAT(table)
        dataset.FlushCache()
        del dataset
