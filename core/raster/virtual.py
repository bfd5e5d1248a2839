# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that show several rasters as one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from osgeo import gdal

from ..stage import staged
from .errors import refusing


def write_virtual(path: str, parts: Sequence[str]) -> str:
    """Write a virtual raster (VRT) of files on one grid; later ones lie on top.

    Raises ImageIOError with GDAL's reason.
    """
    name = os.path.basename(path)
    with staged(path) as temporary, refusing(f"{name} cannot be written"):
        dataset = gdal.BuildVRT(temporary, list(parts))
        if dataset is None:
            raise RuntimeError(gdal.GetLastErrorMsg())
        dataset.FlushCache()
        del dataset
    return os.path.abspath(path)
