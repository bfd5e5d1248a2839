# SPDX-License-Identifier: GPL-2.0-or-later
"""Accuracy of class maps, in the Toolbox."""

from __future__ import annotations

from ..core.requests import accuracy
from .base import OperationAlgorithm


class Accuracy(OperationAlgorithm):
    """Compares class maps with reference polygons: how right they are, and how large classes are.

    <b>When to use it.</b> After a classification, with polygons that the classifier did not learn
    from: those marked validation by "Split reference", or a layer of their own.

    <b>What comes out.</b> In the folder: RESULTS.html with everything, RESULTS.txt and RESULTS.json
    with the numbers, a figure and a table of the confusion for each run, AREAS.csv with the areas
    of all classes and their errors, and a map of where each run is right and wrong.

    <b>How to read the numbers.</b> Overall accuracy is the share of reference pixels with the right
    class; kappa leaves out what chance would give. Intervals come from drawing whole polygons
    again: pixels of one polygon are alike, so a few polygons say less than many pixels seem to.
    Estimated areas correct what the map covers by what the reference shows it to confuse.

    <b>Limits.</b> Polygons chosen for being easy make every map look better than it is. Runs share
    polygons, so that their spread is a little too small.
    """

    operation = accuracy
    title = "Accuracy"
    group_id = "landcover"
    keywords = ("confusion", "matrix", "kappa", "validation", "area", "error", "user", "producer")
