# SPDX-License-Identifier: GPL-2.0-or-later
"""Mask rasters, in the Toolbox."""

from __future__ import annotations

from ..core.requests import maskrasters
from .base import OperationAlgorithm


class MaskRasters(OperationAlgorithm):
    """Makes the pixels of images invalid outside polygons, or inside them. Kept pixels keep their
    values bit for bit.

    <b>When to use it.</b> To cut images to an area of interest or to seam cells, and to take out
    clouds, water or buildings that you have as polygons.

    <b>Which polygons count.</b> All of the layer, in any CRS; with a field, only those whose value
    equals the image's name (with or without its extension). With "include", an image that no
    polygon names is not written, and it is said; with "exclude" it is copied.

    <b>What comes out.</b> An image for each input. Pixels that are not kept get the nodata value
    you give, else the image's own, else its alpha band or an internal mask says that they are not
    valid: a value is never invented. "include" and "exclude" keep exactly the opposite pixels.
    """

    operation = maskrasters
    title = "Mask rasters"
    group_id = "masks"
    keywords = (
        "mask",
        "clip",
        "cut",
        "polygon",
        "include",
        "exclude",
        "area of interest",
        "nodata",
    )
