# SPDX-License-Identifier: GPL-2.0-or-later
"""Voronoi seamlines, in the Toolbox."""

from __future__ import annotations

from ..core.requests import voronoiseamlines
from .base import OperationAlgorithm


class VoronoiSeamlines(OperationAlgorithm):
    """Divides the ground among overlapping images: each image gets the cell in which it lies
    farthest from its own border, so that seams run along the middle of the overlaps.

    <b>When to use it.</b> Before "Merge images", when every point of the mosaic is to come from
    one image. The cells may be edited before merging.

    <b>What comes out.</b> A GeoPackage with the layers <i>seamlines</i> (one cell for each image)
    and <i>cuts</i> (one line for each seam). The cells fit together exactly: no gaps, no
    overlaps, also where many images meet. Of images with the same footprint, also one that
    differs by ragged borders of a few pixels, the first one gets the ground.

    <b>What you may change.</b> An area of interest clips the cells. With a shortest seam, small
    pieces are drawn together and crumbs of cells given to their neighbors, as far as footprints
    allow. Polygons may limit where each image is used. "Steps of the construction" shows how the
    center lines were found.

    <b>How to read the numbers.</b> The gap area and the overlap area are measured on the cells
    and are 0 apart from rounding. Images without a cell, for example because they lie
    inside others, are listed with the reason.

    Needs the Python packages SciPy and Shapely.
    """

    operation = voronoiseamlines
    title = "Voronoi seamlines"
    group_id = "mosaic"
    keywords = (
        "seamline",
        "cutline",
        "voronoi",
        "seam",
        "mosaic",
        "stitch",
        "center line",
    )
