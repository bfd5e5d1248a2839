# SPDX-License-Identifier: GPL-2.0-or-later
"""Co-register, in the Toolbox."""

from __future__ import annotations

from ..core.requests import coregister
from .base import OperationAlgorithm


class Coregister(OperationAlgorithm):
    """Moves an image onto a reference, to a few hundredths of a pixel, and says how well it did.

    <b>When to use it.</b> Two dates or two sensors shall be compared or stacked pixel by pixel.
    Both images are georeferenced, and what is left to correct is small: up to some tens of pixels,
    a few degrees, a smooth distortion. They may differ in CRS, pixel size, data type, bands,
    brightness and contrast; for many images run it as a batch against one reference.

    <b>What comes out.</b> The corrected image with all its bands, sampled once; the correction
    as a small file that "Apply transform" applies to other bands, masks and resolutions; every
    matched window as a layer; a report with overlays before and after.

    <b>How it is judged.</b> Some windows take no part in the correction. They are matched before
    and after it, in the image as it is written: the residual before and after is theirs. A result
    that is not better is refused with its reason, and no image is written, unless you choose
    otherwise.

    <b>Worth knowing.</b> A model of fewer unknowns needs less structure: the model is lowered with
    a warning where the images do not support it. Mask clouds that differ between the images when
    the result is refused. The correction <i>geotransform</i> keeps every pixel and changes
    only where the file says it lies.
    """

    operation = coregister
    title = "Co-register"
    group_id = "alignment"
    keywords = (
        "co-registration",
        "coregistration",
        "align",
        "shift",
        "image matching",
        "warp",
        "tie points",
        "time series",
        "AROSICS",
        "coregix",
        "georeference",
    )
