# SPDX-License-Identifier: GPL-2.0-or-later
"""Pseudo-invariant features, in the Toolbox."""

from __future__ import annotations

from ..core.requests import pseudoinvariantfeatures
from .base import OperationAlgorithm


class PseudoInvariantFeatures(OperationAlgorithm):
    """Finds pixels that did not change between images (pseudo-invariant features, PIF), and
    matches the images to a reference, or to each other, by these pixels alone.

    <b>When to use it.</b> For images of the same ground from different dates, where crops, water
    or clouds changed and a comparison of all pixels would take the change for a difference of
    light. The images must lie on each other; align them first. Where most of the ground changed,
    such as fields of two seasons or thick haze, no method finds enough: the report then says that
    all common pixels were used instead.

    <b>The methods.</b> <i>irmad</i> asks nothing and is the best first try; <i>gradient</i> takes
    edges of the same direction and is good with clouds; <i>dark_bright</i> takes the darkest and
    brightest pixels; <i>ndvi</i> bare ground; <i>threshold</i> what an expression or your polygons
    say; <i>matches</i> regions round key points.

    <b>What comes out.</b> One corrected image for each input, a mask of the invariant pixels of
    each (which "Global regression" takes as masks for statistics), optionally a raster of scores
    and a JSON model that "Apply adjustments" takes, and a report with lines and tests.

    <b>How to read the numbers.</b> The correlation of invariant pixels should be near 1. The RMSE
    is that of pixels kept for testing, in units of the images.

    IR-MAD after Canty and Nielsen 2008, doi:10.1016/j.rse.2007.07.013; gradients after Hessel and
    others 2020, doi:10.5194/isprs-annals-V-2-2020-845-2020.
    """

    operation = pseudoinvariantfeatures
    title = "Pseudo-invariant features"
    group_id = "radiometry"
    keywords = (
        "PIF",
        "pseudo-invariant features",
        "normalization",
        "relative radiometric normalization",
        "IR-MAD",
        "change detection",
        "no change",
        "time series",
        "regression",
        "mask",
    )
