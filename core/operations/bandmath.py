# SPDX-License-Identifier: GPL-2.0-or-later
"""Compute new bands from the bands of images by an expression."""

from __future__ import annotations

import math

from ..image import calculation_type
from ..masks.evaluated import Target
from ..masks.machine import Expression
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage
from ..requests.bandmath import Request as Request
from ..requests.bandmath import Result as Result
from .expression.computing import INVALID, compute

NEEDS = ()


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read the expression for every image, see the images through it, and write them."""

    def aim(image: RasterImage, expression: Expression) -> Target:
        return target(image, expression, request)

    found = compute(request, lambda image: request.expression, aim, progress)
    return Result(
        found.paths,
        found.used,
        found.skipped,
        found.valid,
        found.undefined,
        found.clipped,
        found.moved,
    )


def target(image: RasterImage, expression: Expression, request: Request) -> Target:
    """Return type and nodata value of the results for an image."""
    automatic = str(calculation_type(image.dtype))
    chosen = request.calculation_type
    decimals = automatic if chosen == "auto" else chosen
    rounded_to = "" if chosen == "auto" else chosen
    wanted = request.output_type
    if wanted == "auto":
        if all(expression.logical):
            return Target("uint8", INVALID)
        return Target(decimals, math.nan, decimals=rounded_to)
    kind = image.dtype.name if wanted == "same" else wanted
    nodata = math.nan if kind.startswith("float") else image.nodata
    if all(expression.logical) and nodata in (0, 1):
        nodata = INVALID
    return Target(kind, nodata, decimals=rounded_to)
