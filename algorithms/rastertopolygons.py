# SPDX-License-Identifier: GPL-2.0-or-later
"""Raster to polygons, in the Toolbox."""

from __future__ import annotations

from ..core.requests import rastertopolygons
from .base import OperationAlgorithm


class RasterToPolygons(OperationAlgorithm):
    """Draws polygons round the pixels where a condition holds, or round pixels of equal value.

    <b>When to use it.</b> To turn masks and classes into polygons, for example clouds for "Mask
    rasters" or the seamlines: b1 == 1 on a cloud mask, or b1 for all its classes. The words of
    expressions are those of "Band math"; numbers are rounded to whole values.

    <b>Size.</b> &gt;100 keeps polygons of more than 100 square map units, &gt;50px of more than 50
    pixels, &gt;95% those larger than the 95th percentile of all polygons. Then they grow by the
    buffer; what overlaps and has one value becomes one polygon.

    <b>New values.</b> 1:10,2: makes 10 of 1 and leaves 2 out, before polygons are drawn.

    <b>What comes out.</b> A GeoPackage for each image, layer mask, with value, area in square map
    units and the image's name. Objects are never cut: the image is traced as a whole.
    """

    operation = rastertopolygons
    title = "Raster to polygons"
    group_id = "masks"
    keywords = ("polygonize", "vectorize", "trace", "outline", "classes", "mask")
