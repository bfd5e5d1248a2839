# SPDX-License-Identifier: GPL-2.0-or-later
"""Merge vectors, in the Toolbox."""

from __future__ import annotations

from ..core.requests import mergevectors
from .base import OperationAlgorithm


class MergeVectors(OperationAlgorithm):
    """Joins vector layers into one layer, in one CRS.

    <b>When to use it.</b> To bring the seam cells, footprints or masks of several runs together
    (<i>keep</i>), to overlay polygons so that every piece of ground is there once (<i>union</i>),
    or to find the ground that all layers have in common (<i>intersection</i>).

    <b>What comes out.</b> A GeoPackage with one layer. With <i>keep</i>, fields of one name and
    type are one field; otherwise every layer has its own fields, and names that repeat get _2,
    _3. Of several polygons of one layer that cover the same ground, the first one's attributes
    are kept. A field may say which files a feature comes from.

    <b>How to read the numbers.</b> Invalid geometries are repaired and counted; features without
    a geometry that can be used are left out and counted.

    Union and intersection need the Python packages SciPy and Shapely.
    """

    operation = mergevectors
    title = "Merge vectors"
    group_id = "mosaic"
    keywords = ("vector", "join", "combine", "append", "union", "overlay", "intersection", "merge")
