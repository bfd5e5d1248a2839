# SPDX-License-Identifier: GPL-2.0-or-later
"""Shift analysis, in the Toolbox."""

from __future__ import annotations

from ..core.requests import shiftanalysis
from .base import OperationAlgorithm


class ShiftAnalysis(OperationAlgorithm):
    """Measures where, by how much and how surely an image is displaced from a reference, and says
    how accurate it is therefore. No image is changed.

    <b>When to use it.</b> To check the geometry of a product, before images are compared pixel by
    pixel, and after a co-registration. The images may differ in grid, pixel size and CRS; shifts
    of hundreds of pixels and moderate rotations are found without asking.

    <b>What comes out.</b> Thousands of key points as a layer of arrows, a report with a verdict
    in plain words, figures, and the tables and JSON files that KARIOS writes, under the same
    names, in a folder named after the two images.

    <b>How to read the numbers.</b> dx and dy are where the moving image shows a point, minus
    where the reference shows it, in pixels of the reference, x to the right and y down. 90 % of
    the points lie within CE90. Uncertainty is the standard deviation of a single point: smaller
    displacements cannot be told from noise point by point. The verdict compares CE90 with
    the tolerance, names the main cause and says what a correction would leave.

    Without OpenCV a slower method measures on windows; figures need Matplotlib.
    """

    operation = shiftanalysis
    title = "Shift analysis"
    group_id = "alignment"
    keywords = (
        "shift",
        "displacement",
        "geometric accuracy",
        "registration",
        "co-registration",
        "key points",
        "tie points",
        "CE90",
        "KLT",
        "KARIOS",
        "georeference",
        "quality",
    )
