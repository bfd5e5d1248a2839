# SPDX-License-Identifier: GPL-2.0-or-later
"""Vectorization of class maps, in the Toolbox."""

from __future__ import annotations

from ..core.requests import vectorizeclasses
from .base import OperationAlgorithm


class VectorizeClasses(OperationAlgorithm):
    """Turns a class map into polygons without gaps or overlaps, with smooth common borders.

    <b>When to use it.</b> After "Regularize classes", to give a land cover map to people who work
    with polygons.

    <b>What comes out.</b> A GeoPackage with class, name, area (m²), mean and deviation of clear
    dates, mean confidence, and the share of each class in percent (c&lt;label&gt;), in the colors
    of the map. With zones also a shapefile for each, cut at its border.

    <b>How it works.</b> Polygons below the smallest area join the neighbor with the longest common
    border. Borders are drawn once for both sides: stairs of pixels are cut, points within the
    tolerance left out, what remains is rounded. A border that would get into another one is drawn
    closer to the pixels. Where three polygons meet, and along pixels without class, nothing moves,
    so the polygons cover exactly the pixels that have a class.

    <b>Limits.</b> Shares and means are counted in the pixels of each polygon before its border is
    drawn. A polygon among pixels without class stays, however small.
    """

    operation = vectorizeclasses
    title = "Vectorize classes"
    group_id = "landcover"
    keywords = ("polygonize", "simplify", "Douglas-Peucker", "Hermite", "smooth", "vector", "MMU")
