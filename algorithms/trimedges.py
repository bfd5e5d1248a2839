# SPDX-License-Identifier: GPL-2.0-or-later
"""Trim edges, in the Toolbox."""

from __future__ import annotations

from ..core.requests import trimedges
from .base import OperationAlgorithm


class TrimEdges(OperationAlgorithm):
    """Makes the pixels next to invalid areas invalid as well: there, resampling by other tools has
    often mixed nodata into the values.

    <b>When to use it.</b> When a mosaic shows dark or bright lines along the borders of images, or
    before seams are cut and colors are matched. Tools of this plugin leave no such rim.

    <b>What is invalid.</b> What the image declares by nodata, NaN, mask or alpha, and in the band
    that is looked at its nodata value and values beyond the limits. A pixel counts even where
    other bands have data: choose a band, or with regions "border", when dark valid pixels have the
    nodata value too.

    <b>What comes out.</b> The image with nodata in all bands of the trimmed pixels; all other
    pixels keep their values bit for bit. The number says how many became invalid.
    """

    operation = trimedges
    title = "Trim edges"
    group_id = "masks"
    keywords = ("edge", "border", "rim", "collar", "nodata", "erode", "buffer", "clean")
