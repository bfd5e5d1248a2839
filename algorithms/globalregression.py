# SPDX-License-Identifier: GPL-2.0-or-later
"""Global regression, in the Toolbox."""

from __future__ import annotations

from ..core.requests import globalregression
from .base import OperationAlgorithm


class GlobalRegression(OperationAlgorithm):
    """Gives each image and band one gain and one offset, solved for all images at once, so that
    overlapping images show the same ground with the same values.

    <b>When to use it.</b> Before mosaicking, when whole images are brighter, darker or of another
    contrast than their neighbors. Images that overlap nobody keep their values.

    <b>Who sets the level.</b> Without model images the level of the whole set is kept. With them,
    the other images are brought to the level of the model images.

    <b>Adding images later.</b> Give the saved model in <i>Known adjustments</i>: only pixels of new
    images and of their overlaps are read, and earlier images keep their numbers if asked to.

    <b>What comes out.</b> One corrected image for each input, with the same valid pixels and one
    common style; optionally a JSON model with gains, offsets and statistics, and a report.

    <b>How to read the numbers.</b> The mean difference before and after is the difference of
    block means in the overlaps, in percent of their mean: the smaller, the better the images
    match. Gains far from 1 point at clouds, change or a wrong nodata value: limit the statistics
    with polygons.
    """

    operation = globalregression
    title = "Global regression"
    group_id = "radiometry"
    keywords = (
        "gain",
        "offset",
        "regression",
        "normalization",
        "radiometry",
        "color match",
        "color balance",
        "colour balance",
        "mosaic",
    )
