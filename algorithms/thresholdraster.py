# SPDX-License-Identifier: GPL-2.0-or-later
"""Threshold raster, in the Toolbox."""

from __future__ import annotations

from ..core.requests import thresholdraster
from .base import OperationAlgorithm


class ThresholdRaster(OperationAlgorithm):
    """Writes a mask of each image that is 1 where a condition on its bands holds, 0 where it does
    not, and 255 where the image is not valid.

    <b>When to use it.</b> To mark bright, dark or otherwise special pixels: b4 &gt; 95%b4 marks
    those above the 95th percentile of band 4, b1 &gt; 200 &amp; b2 &lt; 50 those for which both
    hold, bit(b5, 3) a flag of a quality band. The words of expressions are those of "Band math".

    <b>What comes out.</b> A mask for each image. It serves other tools as a mask, and "Raster to
    polygons" outlines it. The number says which share of the valid pixels is true.
    """

    operation = thresholdraster
    title = "Threshold raster"
    group_id = "masks"
    keywords = ("threshold", "mask", "binary", "condition", "percentile", "quality flag")
