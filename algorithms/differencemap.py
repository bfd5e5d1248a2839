# SPDX-License-Identifier: GPL-2.0-or-later
"""Difference maps, in the Toolbox."""

from __future__ import annotations

from ..core.requests import differencemap
from .base import OperationAlgorithm


class DifferenceMap(OperationAlgorithm):
    """Draws where and by how much an image changed: the mean difference of its bands, in colors
    that are symmetric around 0.

    <b>When to use it.</b> To see what a correction did inside an image, or how two dates differ
    after normalization. The second image is brought onto the pixels of the first one.

    <b>What comes out.</b> A PNG, PDF or SVG file, optionally the differences as a raster of
    decimal numbers, and a report.

    <b>How to read the numbers.</b> Red is more, blue less than before; gray is not valid in both
    images. The mean says what was added on the whole, the mean without sign how much changed.
    """

    operation = differencemap
    title = "Difference map (figure)"
    group_id = "radiometry"
    keywords = ("figure", "map", "difference", "change", "before", "after", "comparison")
