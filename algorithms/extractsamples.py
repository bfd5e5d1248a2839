# SPDX-License-Identifier: GPL-2.0-or-later
"""Extraction of samples, in the Toolbox."""

from __future__ import annotations

from ..core.requests import extractsamples
from .base import OperationAlgorithm


class ExtractSamples(OperationAlgorithm):
    """Collects the pixels under labeled polygons, with all their features, as a layer of points.

    <b>When to use it.</b> Before "Train classifier": with one image or a series, and polygons (or
    points) whose field holds the class. With polygons of "Split reference", choose a
    <i>Run</i>: only those that learn are taken.

    <b>What comes out.</b> A GeoPackage of points with label, polygon (originfid), region and one
    field for each band, and a table of how many pixels each class has.

    <b>How pixels are chosen.</b> A pixel belongs to a polygon when its center lies in it. All are
    taken, or as many as the choice says, drawn at random. Pixels that are not valid in every band,
    and those in polygons of different labels, are left out and counted.

    <b>Limits.</b> Neighboring pixels are alike: more pixels of few polygons do not make a better
    classifier. Set <i>Most pixels of one polygon</i> when some are very large.
    """

    operation = extractsamples
    title = "Extract samples"
    group_id = "landcover"
    keywords = ("training", "pixels", "polygons", "features", "augmentation", "smote", "sampling")
