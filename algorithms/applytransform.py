# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply transform, in the Toolbox."""

from __future__ import annotations

from ..core.requests import applytransform
from .base import OperationAlgorithm


class ApplyTransform(OperationAlgorithm):
    """Moves a raster by a correction that a co-registration has saved.

    <b>When to use it.</b> A panchromatic band was co-registered and the multispectral one shall
    follow; a cloud mask or a classification belongs to an image that was moved; the same
    correction is needed at another resolution. The image must be placed on the map as the moving
    image was; pixel size, extent, data type and CRS may differ.

    <b>What comes out.</b> A GeoTIFF sampled once through the correction, on its own grid, that
    of the reference or of a template. Masks, palettes and classes keep their labels (nearest
    neighbor), other images are resampled by cubic convolution. Holes do not bleed into valid
    pixels, and no nodata value is invented.

    <b>Worth knowing.</b> The correction <i>geotransform</i> leaves every pixel as it is and only
    changes where the file says it lies. The direction <i>inverse</i> brings a raster that lies on
    the reference back onto the uncorrected image.
    """

    operation = applytransform
    title = "Apply transform"
    group_id = "alignment"
    keywords = (
        "co-registration",
        "warp",
        "transform",
        "shift",
        "resample",
        "mask",
        "multispectral",
        "geotransform",
    )
