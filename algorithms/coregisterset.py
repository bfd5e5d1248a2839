# SPDX-License-Identifier: GPL-2.0-or-later
"""Co-register a set, in the Toolbox."""

from __future__ import annotations

from ..core.requests import coregisterset
from .base import OperationAlgorithm


class CoregisterSet(OperationAlgorithm):
    """Moves overlapping images together until all of them fit each other, without a reference.

    <b>When to use it.</b> Before a mosaic of drone frames, flight strips or scenes that lie some
    pixels apart in their overlaps. For one image and its reference use "Co-register".

    <b>What is done.</b> In every overlap small windows are matched; what they say is adjusted for
    all images at once, each with one shift (or rotation, scale, shear). Fixed images hold the
    others. Without any, the mean correction is nothing: the set as a whole neither drifts nor
    shrinks.

    <b>What comes out.</b> One image for each input, by default with the same pixels bit for bit at
    a corrected place on the map, so that a mosaic resamples them only once; a rotation is stored
    in the georeferencing. Another resolution computes new pixels. A report with the graph of the
    images, tie points as a layer and as a file for the next run, and the correction of each image
    for "Apply transform".

    <b>How it is judged.</b> One tie point in five takes no part; the residuals before and after
    are theirs. A set in which a pair gets worse is refused with its reason, and no image is
    written, unless you choose otherwise. Images without tie points are copied and named.
    """

    operation = coregisterset
    title = "Co-register a set"
    group_id = "alignment"
    keywords = (
        "co-registration",
        "coregistration",
        "joint adjustment",
        "bundle",
        "network",
        "tie points",
        "drone",
        "UAV",
        "mosaic",
        "align",
        "spectralmatch",
    )
