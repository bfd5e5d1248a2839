# SPDX-License-Identifier: GPL-2.0-or-later
"""Pixel validity, in the Toolbox."""

from __future__ import annotations

from ..core.requests import pixelvalidity
from .base import OperationAlgorithm


class PixelValidity(OperationAlgorithm):
    """Counts on how many dates each pixel is clear, and outlines where that is often enough.

    <b>When to use it.</b> Before a classification: pixels that are hardly ever clear have no
    reliable features. The polygons limit reference data to ground that was seen.

    <b>What comes out.</b> The number of clear dates (bytes below 255 dates, else 16 bits); on
    request the area that every sensor has seen, and polygons with at least as many clear dates as
    asked for, shrunk a little so that they share no edge with pixels outside.
    """

    operation = pixelvalidity
    title = "Pixel validity"
    group_id = "landcover"
    keywords = ("clouds", "clear", "validity", "mask", "observations", "count", "iota2")
