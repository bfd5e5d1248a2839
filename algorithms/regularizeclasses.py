# SPDX-License-Identifier: GPL-2.0-or-later
"""Regularization of class maps, in the Toolbox."""

from __future__ import annotations

from ..core.requests import regularizeclasses
from .base import OperationAlgorithm


class RegularizeClasses(OperationAlgorithm):
    """Cleans a class map: small regions go to their neighbors, coarser pixels take the majority.

    <b>When to use it.</b> Before a map is drawn or vectorized, so that single pixels do not become
    polygons.

    <b>What comes out.</b> A class map on pixels of the size asked for, with the colors of the map.

    <b>How it works.</b> Regions below the first limit go to the neighbor with the longest common
    border, the smallest first; then each coarser pixel gets the most frequent label in it; then
    regions below the second limit go. Pixels without class neither take nor give.

    <b>Limits.</b> Narrow things such as roads and hedges vanish: enter their labels under
    <i>Kept labels</i>, or lower the limits.
    """

    operation = regularizeclasses
    title = "Regularize classes"
    group_id = "landcover"
    keywords = ("sieve", "majority", "filter", "smooth", "clean", "small regions", "generalize")
