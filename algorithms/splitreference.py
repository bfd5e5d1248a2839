# SPDX-License-Identifier: GPL-2.0-or-later
"""Split of reference polygons, in the Toolbox."""

from __future__ import annotations

from ..core.requests import splitreference
from .base import OperationAlgorithm


class SplitReference(OperationAlgorithm):
    """Splits labeled polygons into those to learn from and those to validate with.

    <b>When to use it.</b> Before "Extract samples" and "Train classifier", so that "Accuracy" can
    say how good the map is where the classifier has not seen the ground.

    <b>What comes out.</b> A GeoPackage of single polygons with the fields seed_0, seed_1 and so
    on, one for each run, that say learn, validation or unused, and a table of how many polygons
    and how much area each class has in each set.

    <b>How it splits.</b> A polygon with all its parts is in one set only, also when tiles or the
    clear area cut it: it is split before it is cut. Each class of each region is split on its own;
    adding a class does not change the others. With <i>block</i> all polygons of a square stay
    together, so that neighbors, which look alike, do not stand in both sets and flatter the map.

    <b>Limits.</b> A class with a single polygon can only learn or validate; you may choose which.
    """

    operation = splitreference
    title = "Split reference"
    group_id = "landcover"
    keywords = ("training", "validation", "learn", "sample", "cross validation", "folds", "blocks")
