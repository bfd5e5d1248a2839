# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the vegetation index NDVI, (NIR - red) / (NIR + red), of images."""

from __future__ import annotations

import math

from ..alike import band_count, file_name
from ..errors import InvalidOption
from ..image import Image
from ..masks.evaluated import Target
from ..masks.machine import Expression
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage
from ..requests.ndvi import Request as Request
from ..requests.ndvi import Result as Result
from .expression.computing import compute

NEEDS = ()

TIMES = 10_000
"""What NDVI is multiplied by in whole numbers."""

LOWEST = {"int16": -32768, "int32": -(2**31)}
"""Nodata value of whole-number types."""


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """See every image as its index and write it."""
    whole = request.output_type in LOWEST
    aim = Target(
        request.output_type,
        LOWEST.get(request.output_type, math.nan),
        TIMES if whole else 1.0,
        scale=1 / TIMES if whole else None,
    )

    def text(image: RasterImage) -> str:
        return index(image, request.nir_band, request.red_band)

    def same(image: RasterImage, expression: Expression) -> Target:
        return aim

    found = compute(request, text, same, progress)
    return Result(found.paths, found.used, found.skipped, found.valid, found.undefined)


def index(image: Image, nir_band: int, red_band: int) -> str:
    """Return NDVI as an expression, of reflectances where the image declares scale and offset.

    Raises InvalidOption, naming the option, for a band that the image does not have.
    """
    for name, band in (("NIR_BAND", nir_band), ("RED_BAND", red_band)):
        if band > image.bands:
            raise InvalidOption(f"{name} is {band} but {file_name(image)} has {band_count(image)}.")
    nir, red = _physical(image, nir_band), _physical(image, red_band)
    return f"({nir} - {red}) / ({nir} + {red})"


def _physical(image: Image, band: int) -> str:
    """A band as an expression, with what the image declares of it."""
    scale, offset = (
        values[band - 1] if band <= len(values) else None
        for values in (image.details.scales, image.details.offsets)
    )
    text = f"b{band}" if scale in (None, 1.0) else f"b{band} * {scale!r}"
    return f"({text} + {offset!r})" if offset else text
