# SPDX-License-Identifier: GPL-2.0-or-later
"""Shift field, in the Toolbox."""

from __future__ import annotations

from ..core.requests import shiftfield
from .base import OperationAlgorithm


class ShiftField(OperationAlgorithm):
    """Makes a continuous field of displacements from key points: at each node, a plane through the
    nearest points.

    <b>When to use it.</b> To look at distortions as a picture, to move vector data, or to compare
    with other data. The key points come from "Shift analysis" (the layer or its CSV) or from
    KARIOS (the CSV).

    <b>What comes out.</b> An image on the grid of the reference with four bands: dx, dy, the
    standard deviation, and the distance to the nearest key point. Rejected points take no part.

    <b>How to read the numbers.</b> dx and dy are where the moving image shows a position, minus
    where the reference shows it, in pixels (x to the right, y down) or as east and north in map
    units. Far from key points the field is guessed; the distance band shows where.
    """

    operation = shiftfield
    title = "Shift field"
    group_id = "alignment"
    keywords = (
        "displacement field",
        "vector field",
        "distortion",
        "shift",
        "interpolation",
        "key points",
        "disparity",
    )
