# SPDX-License-Identifier: GPL-2.0-or-later
"""Footprints, in the Toolbox."""

from __future__ import annotations

from ..core.requests import footprints
from .base import OperationAlgorithm


class Footprints(OperationAlgorithm):
    """Draws the outline of the valid pixels of each image, along pixel edges, with all parts and
    holes.

    <b>When to use it.</b> To see where images lie and overlap, to find images that are empty, or
    to edit the outlines and give them to "Voronoi seamlines".

    <b>What comes out.</b> A GeoPackage with one polygon for each image and its name, path, number
    of bands, pixel size, valid pixels, valid fraction and area. Images without nodata value,
    transparency, mask and NaN are outlined without reading a pixel.

    <b>How to read the numbers.</b> The union area is the ground that at least one image covers,
    in square units of the CRS. The empty count says how many images have no valid pixel.

    Needs the Python packages SciPy and Shapely.
    """

    operation = footprints
    title = "Footprints"
    group_id = "mosaic"
    keywords = (
        "footprint",
        "outline",
        "boundary",
        "extent",
        "coverage",
        "valid area",
        "nodata",
        "polygon",
    )
