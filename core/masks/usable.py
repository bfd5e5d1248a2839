# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pixels of a window are valid for some bands: a NaN in another band does not count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..image import Image, Mask, Pixels, uniform


def usable(image: Image, pixels: Pixels, bands: Sequence[int]) -> Mask:
    """Return where all bands of a window have been read and `bands` (1-based) are valid.

    Nodata, alpha and masks say so for all bands together; NaN is a matter of each band.
    """
    valid, values = pixels.valid, pixels.values
    if values.dtype.kind != "f" or len(bands) == len(values) or uniform(valid) is True:
        return valid
    if getattr(image, "has_mask", image.details.validity == "mask"):
        return valid
    holes = np.isnan(values)
    mine = holes[[band - 1 for band in bands]]
    spared = ~valid & holes.any(0) & ~mine.any(0)
    if pixels.alpha is not None:
        spared &= pixels.alpha > 0
    return np.asarray(valid | spared)
