# SPDX-License-Identifier: GPL-2.0-or-later
"""Fusion of class maps, in the Toolbox."""

from __future__ import annotations

from ..core.requests import fuseclassifications
from .base import OperationAlgorithm


class FuseClassifications(OperationAlgorithm):
    """Fuses several class maps of one place into one map.

    <b>When to use it.</b> With maps of several runs, of several models of one region, or of
    several sensors, such as radar and optical images.

    <b>What comes out.</b> A class map, on request with its confidence, its probabilities, and a
    map of who agreed with the result.

    <b>How maps are fused.</b> majority takes the label of most maps. confidence takes the label
    with the largest sum of confidences. dempstershafer weighs each map by what its confusion says
    of the label it gives, as Orfeo Toolbox does: what a map does not believe counts against its
    label. With ignorance that part counts for no class, which is better when maps are right in
    less than half of the cases. probability takes the largest mean of the probabilities.

    <b>Limits.</b> Maps must lie on the same pixels. Maps that make the same mistakes do not
    correct each other.
    """

    operation = fuseclassifications
    title = "Fuse classifications"
    group_id = "landcover"
    keywords = ("combine", "vote", "majority", "dempster", "shafer", "ensemble", "merge")
