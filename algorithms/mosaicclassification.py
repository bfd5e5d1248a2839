# SPDX-License-Identifier: GPL-2.0-or-later
"""Mosaic of class maps, in the Toolbox."""

from __future__ import annotations

from ..core.requests import mosaicclassification
from .base import OperationAlgorithm


class MosaicClassification(OperationAlgorithm):
    """Puts class maps of tiles and regions together, with their confidences and validities.

    <b>When to use it.</b> After "Classify" of several tiles, or of one tile by several models.

    <b>What comes out.</b> In the folder: Classif_Seed_0.tif with the labels and the names of the
    classes, Classif_Seed_0_ColorIndexed.tif with colors, and on request Confidence_Seed_0.tif (0
    to 100), PixelsValidity.tif (clear dates) and ProbabilityMap_seed_0.tif.

    <b>What is taken where.</b> With envelopes of "Tile priority" each tile gives what lies in its
    envelope; where it has no class there, another tile that has one. Without envelopes the first
    map with a class wins. Confidence and validity always come from the map that gave the class.

    <b>Limits.</b> Labels are never mixed: maps on other pixels are resampled with nearest
    neighbors.
    """

    operation = mosaicclassification
    title = "Mosaic classifications"
    group_id = "landcover"
    keywords = ("merge", "tiles", "regions", "land cover", "confidence", "colors", "palette")
