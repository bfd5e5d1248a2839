# SPDX-License-Identifier: GPL-2.0-or-later
"""Spectral profiles, in the Toolbox."""

from __future__ import annotations

from ..core.requests import spectralprofiles
from .base import OperationAlgorithm


class SpectralProfiles(OperationAlgorithm):
    """Draws the mean of each band of every image before and after a correction: one color for
    each image, dashed before, solid after.

    <b>When to use it.</b> To see, and to show others, whether images agree better after "Global
    regression", "Histogram matching" or another correction. Lines that come together mean that
    the images became alike; images of different ground stay apart for a good reason.

    <b>What comes out.</b> A PNG, PDF or SVG file, and a report with the figure, all means and
    standard deviations.

    <b>How to read the numbers.</b> The spread is one standard deviation of the images' means, in
    percent, averaged over the bands.
    """

    operation = spectralprofiles
    title = "Spectral profiles (figure)"
    group_id = "radiometry"
    keywords = ("figure", "plot", "chart", "spectrum", "mean", "bands", "before", "after")
