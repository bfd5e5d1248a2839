# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply adjustments, in the Toolbox."""

from __future__ import annotations

from ..core.requests import applyadjustments
from .base import OperationAlgorithm


class ApplyAdjustments(OperationAlgorithm):
    """Applies gains, offsets, curves and block maps that were saved before, in one pass, also to
    images and bands they were not made from.

    <b>When to use it.</b> To correct again without estimating again, with a model that was edited,
    to give other bands or another resolution the same correction, or to bring a new image to a
    reference map. Models of all tools of this group are taken, and those of spectralmatch.

    <b>What comes out.</b> One corrected image for each input, with the same valid pixels. Model
    and block maps are applied together and rounded once.

    <b>How to read the numbers.</b> Images skipped are those without an entry that were copied
    unchanged. Clipped is the fraction of values that did not fit the type.
    """

    operation = applyadjustments
    title = "Apply adjustments"
    group_id = "radiometry"
    keywords = (
        "gain",
        "offset",
        "model",
        "JSON",
        "block map",
        "normalization",
        "reuse",
        "correction",
    )
