# SPDX-License-Identifier: GPL-2.0-or-later
"""NDVI, in the Toolbox."""

from __future__ import annotations

from ..core.requests import ndvi
from .base import OperationAlgorithm


class Ndvi(OperationAlgorithm):
    """Writes the vegetation index (NIR - red) / (NIR + red) of each image: near 0 on bare ground,
    up to 1 on dense green vegetation, below 0 on water.

    <b>What comes out.</b> Decimal numbers with NaN where a pixel is invalid or both bands sum up
    to 0. As whole numbers (int16, int32) it is multiplied by 10000 and the file declares the scale
    0.0001, so that QGIS shows -1 to 1; invalid pixels get the lowest number of the type.

    Where a file declares scale or offset of its bands, as recent Sentinel-2 products do, the index
    is that of the reflectances and not of the stored numbers.
    """

    operation = ndvi
    title = "NDVI"
    group_id = "masks"
    keywords = ("ndvi", "vegetation", "index", "greenness", "near infrared")
