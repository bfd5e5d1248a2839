# SPDX-License-Identifier: GPL-2.0-or-later
"""Least-cost seamlines, in the Toolbox."""

from __future__ import annotations

from ..core.requests import leastcostseamlines
from .base import OperationAlgorithm


class LeastCostSeamlines(OperationAlgorithm):
    """Divides the ground among overlapping images so that seams are seen least: they run where
    the images look the same, away from edges, objects, obstacles and clouds.

    <b>When to use it.</b> Before "Merge images", above all for aerial and drone images with
    trees, buildings and moving cars. Colors should be matched first; an even difference of
    brightness does not matter. Give masks of clouds, and polygons such as buildings as
    obstacles; with a priority the better images take more of the ground.

    <b>What comes out.</b> A GeoPackage with the layers <i>seamlines</i> (one cell for each image)
    and <i>cuts</i> (one line for each seam, with its mean cost). The cells fit together exactly:
    no gaps, no overlaps. They may be edited before merging.

    <b>How to read the numbers.</b> The mean cost along the seams stands beside that of seams
    through the middle of the overlaps; cost 1 is the usual difference of the images there. Gap
    and overlap area are measured on the cells and are 0 apart from rounding.

    Needs the Python packages SciPy and Shapely.
    """

    operation = leastcostseamlines
    title = "Least-cost seamlines"
    group_id = "mosaic"
    keywords = (
        "seamline",
        "cutline",
        "graph cut",
        "least cost",
        "seam",
        "mosaic",
        "clouds",
        "obstacles",
    )
