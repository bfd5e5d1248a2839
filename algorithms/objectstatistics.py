# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics of objects, in the Toolbox."""

from __future__ import annotations

from ..core.requests import objectstatistics
from .base import OperationAlgorithm


class ObjectStatistics(OperationAlgorithm):
    """Describes objects by the features of their pixels: superpixels, parcels, segments.

    <b>When to use it.</b> To classify objects instead of pixels: train with "Train classifier" on
    what comes out, then give it to "Classify" as objects.

    <b>What comes out.</b> A GeoPackage of objects with a field &lt;feature&gt;_&lt;statistic&gt;
    for each feature and statistic; with reference polygons also the label that covers most of each
    object, and the polygon it comes from.

    <b>How it works.</b> Superpixels grow from points at equal distances: each pixel joins the
    nearest of nine, by the three principal components of the features and by position; after ten
    rounds, parts below a quarter of a cell join a neighbor. Pixels with an unknown feature belong
    to no superpixel.

    <b>Limits.</b> Where polygons of the user overlap, the first one has the pixels.
    """

    operation = objectstatistics
    title = "Object statistics"
    group_id = "landcover"
    keywords = ("superpixel", "SLIC", "segmentation", "zonal statistics", "parcels", "OBIA")
