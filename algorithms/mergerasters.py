# SPDX-License-Identifier: GPL-2.0-or-later
"""Merge images, in the Toolbox."""

from __future__ import annotations

from ..core.requests import mergerasters
from .base import OperationAlgorithm


class MergeRasters(OperationAlgorithm):
    """Puts overlapping images together as one mosaic on one grid. Where several images see the
    same ground, the overlap rule decides.

    <b>When to use it.</b> For images whose colors already match, or to count or average images.
    To match colors, find seams and merge in one step, use "Mosaic pipeline".

    <b>Seams.</b> Give seam cells from "Voronoi seamlines" and the rule first or last for a hard
    cut along the seams, the rule feather to fade over the blend width, or multiband, which hides
    seams best: fine detail changes over at the seam, brightness gradually. Farther from a seam
    than half the blend width (feather) or three times it (multiband) every pixel keeps its value
    exactly. Without seam cells multiband computes seams along the middle of the overlaps.

    <b>Validity.</b> Pixels that are nodata, NaN, transparent or masked never cover valid ones.
    Images of different resolution or CRS are brought to the grid of the mosaic while they are
    read; images that already lie on its pixels are copied without resampling.

    <b>What comes out.</b> A compressed, tiled GeoTIFF with a style, and beside it a file
    <i>.orthoweave.json</i> that says how to repeat the run. Very large mosaics can be a folder of
    tiles that <i>MergedImage.vrt</i> shows as one. The covered fraction is the valid part of the
    mosaic's rectangle: below 1 where no image is valid. The visibility of the seams compares the
    steps at them with those beside them: 1 means that they cannot be told.
    """

    operation = mergerasters
    title = "Merge images"
    group_id = "mosaic"
    keywords = (
        "mosaic",
        "merge",
        "stitch",
        "combine",
        "seamline",
        "feather",
        "blend",
        "multiband",
        "median",
        "tiles",
        "overlap",
    )
