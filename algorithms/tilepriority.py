# SPDX-License-Identifier: GPL-2.0-or-later
"""Tile priority, in the Toolbox."""

from __future__ import annotations

from ..core.requests import tilepriority
from .base import OperationAlgorithm


class TilePriority(OperationAlgorithm):
    """Divides the ground among overlapping tiles, so that each point of a mosaic comes from one of
    them: envelopes that do not overlap and leave no gap.

    <b>When to use it.</b> Before maps of several tiles are put together, and to take samples of
    each point once.

    <b>Methods.</b> <i>voronoi</i> runs the seams midway inside the overlaps. <i>iota2</i> cuts
    rectangles: the preferred tile gets the overlap, except for a margin along its own far edge.

    <b>What comes out.</b> A GeoPackage with one feature for each tile, its name and its priority;
    on request a Shapefile for each tile. The gap area and the overlap area are measured on the
    envelopes and are 0 apart from rounding.

    Needs the Python packages SciPy and Shapely.
    """

    operation = tilepriority
    title = "Tile priority"
    group_id = "landcover"
    keywords = ("tiles", "envelope", "priority", "overlap", "voronoi", "sentinel-2", "iota2")
