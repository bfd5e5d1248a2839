# SPDX-License-Identifier: GPL-2.0-or-later
"""Local block adjustment, in the Toolbox."""

from __future__ import annotations

from ..core.requests import localblockadjustment
from .base import OperationAlgorithm


class LocalBlockAdjustment(OperationAlgorithm):
    """Evens out differences inside images, such as darker corners, a slope of brightness or haze,
    so that overlapping images meet without a step.

    <b>When to use it.</b> After global regression, when images still differ in parts of their
    overlaps. It is not meant for images of different seasons: blocks that differ as much as a
    thick cloud are left alone, but smaller real changes look like haze and are carried from one
    image into the other. A warning names images whose ground differs in large parts.

    <b>How it works.</b> First a smooth field inside each image is solved for all images at once; it
    is used only when it explains parts of the overlaps that it was not fitted to. What remains is
    corrected block by block: images meet where they overlap, and the correction fades out where
    only one image is.

    <b>What comes out.</b> One corrected image for each input, with the same valid pixels and one
    common style; a report; and, if wanted, block maps with one pixel per block. With a saved
    reference map, other images are brought to the same level later.

    <b>How to read the numbers.</b> The mean difference before and after is the difference of block
    means in the overlaps, in percent of their mean. The part explained by shading says how much of
    the differences a smooth field inside images accounts for, 0 to 1.
    """

    operation = localblockadjustment
    title = "Local block adjustment"
    group_id = "radiometry"
    keywords = (
        "normalization",
        "radiometry",
        "color balance",
        "colour balance",
        "vignetting",
        "haze",
        "dodging",
        "illumination",
        "block",
        "gamma",
        "mosaic",
    )
