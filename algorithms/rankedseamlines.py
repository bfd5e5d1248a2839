# SPDX-License-Identifier: GPL-2.0-or-later
"""Ranked seamlines, in the Toolbox."""

from __future__ import annotations

from ..core.requests import rankedseamlines
from .base import OperationAlgorithm


class RankedSeamlines(OperationAlgorithm):
    """Lays the footprints of images over each other in the order of a rank that you write as an
    expression over their fields: the best image keeps all its ground, the next one what is left.

    <b>When to use it.</b> When one image is simply better than another, for example newer, with
    less cloud or with smaller pixels: {date}, -{cloud}, 1 / {pixel_size_x}. Otherwise "Voronoi
    seamlines" puts seams through the middle of the overlaps.

    <b>What comes out.</b> A GeoPackage with one polygon for each image that is seen, all fields of
    the footprints, the value of the expression (<i>weighted_score</i>) and the place
    (<i>weighted_rank</i>, 1 lies on top). The polygons fit together exactly and serve "Merge
    images" as seam cells.

    <b>How to read the numbers.</b> The gap area and the overlap area are measured on the cells
    and are 0 apart from rounding. Images that better ones cover completely are listed.

    Needs the Python packages SciPy and Shapely.
    """

    operation = rankedseamlines
    title = "Ranked seamlines"
    group_id = "mosaic"
    keywords = (
        "seamline",
        "cutline",
        "rank",
        "weight",
        "priority",
        "order",
        "best pixel",
        "mosaic",
    )
