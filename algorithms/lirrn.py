# SPDX-License-Identifier: GPL-2.0-or-later
"""LIRRN, in the Toolbox."""

from __future__ import annotations

from ..core.requests import lirrn
from .base import OperationAlgorithm


class Lirrn(OperationAlgorithm):
    """Brings images to the values of a reference by comparing brightness classes instead of
    places: the images may lie elsewhere, have another size, resolution or CRS, and need not fit
    onto each other.

    <b>When to use it.</b> When images do not overlap or are not co-registered, but show land of
    the same kind. Where they overlap and fit, "Global regression" is more exact. Do not use it
    when the reference has clouds, snow or land that the images do not have: its classes would
    mean something else.

    <b>What comes out.</b> One corrected image for each input, with the same valid pixels;
    optionally a JSON model with gains and offsets that "Apply adjustments" takes, and a report
    that shows samples and lines.

    <b>How to read the numbers.</b> The difference of levels compares the values below which equal
    shares of the pixels lie, in percent of the mean. If it does not fall, the classes of image
    and reference do not mean the same; try "Histogram matching" with mean_std.

    After Moghimi and others 2024, doi:10.3390/s24072272.
    """

    operation = lirrn
    title = "LIRRN (normalization without overlap)"
    group_id = "radiometry"
    keywords = (
        "normalization",
        "relative radiometric normalization",
        "location independent",
        "LIRRN",
        "reference image",
        "gain",
        "offset",
        "classes",
    )
