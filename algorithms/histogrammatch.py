# SPDX-License-Identifier: GPL-2.0-or-later
"""Histogram matching, in the Toolbox."""

from __future__ import annotations

from ..core.requests import histogrammatch
from .base import OperationAlgorithm


class HistogramMatch(OperationAlgorithm):
    """Gives images the histogram, the mean and spread, or the range of a reference image; without
    one, all images get the average of their set.

    <b>When to use it.</b> When images should look alike although they do not overlap, or their
    values differ by more than a gain and an offset. Images that overlap are better served by
    "Global regression", which compares the same ground. A histogram also carries real differences
    of the ground from one image to the other: use <i>overlap</i>, or polygons, where the images
    show different land.

    <b>What comes out.</b> One corrected image for each input, with the same valid pixels;
    optionally a JSON model with gains, offsets and curves that "Apply adjustments" takes, and a
    report with the curves and the levels before and after.

    <b>How to read the numbers.</b> The difference of levels compares the values below which equal
    shares of the pixels lie, in percent of the mean; after histogram matching it is near 0.
    """

    operation = histogrammatch
    title = "Histogram matching"
    group_id = "radiometry"
    keywords = (
        "histogram",
        "match",
        "normalization",
        "quantile",
        "lookup table",
        "mean",
        "standard deviation",
        "min max",
        "color balance",
    )
