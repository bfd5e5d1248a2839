# SPDX-License-Identifier: GPL-2.0-or-later
"""Cut the dirty rim round invalid areas of an image."""

from __future__ import annotations

import math
from dataclasses import replace

from ..alike import file_name
from ..errors import InvalidOption
from ..image import Image
from ..masks.edges import Rim, Trimmed, detection, eroded
from ..masks.spared import Finding, Spared, Sparing
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_image, refuse_overwriting
from ..registration.corrected import declared
from ..requests.shared.moving import MovedWriting
from ..requests.trimedges import Request as Request
from ..requests.trimedges import Result as Result
from ..survey import survey
from ..write import write

NEEDS = ()

MUCH = 0.25
"""Share of the valid pixels whose loss is remarked upon."""

REVISITED = 32
"""Depth, px, from which whole blocks are looked at again by neighboring windows."""


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Find the invalid regions, see the image without their rim, and write it."""
    image = _opened(request, progress)
    output = refuse_overwriting(request.output, [image.path])
    rim = _rim(request)
    spared = None if rim.idle else _spared(image, rim, request, progress)
    progress.phase("Writing the trimmed image")
    view = _declared(eroded(image, rim, spared), request)
    counted = Trimmed(image)
    rest = progress.part(0.0 if spared is None else 0.3, 1.0)
    written = write(view, output, request, rest, (counted,))
    _remark(image, counted.found, written.valid_pixels, progress)
    return Result(output, counted.found)


def _opened(request: Request, progress: Progress) -> RasterImage:
    """The image, which must have a way to say that a pixel is not valid."""
    image = open_image(request.image, request.nodata)
    title = file_name(image)
    if request.nodata is not None and image.nodata is None:
        raise InvalidOption(
            f"Nodata value: {request.nodata:g} does not fit pixels of type {image.dtype}, which "
            f"{title} has. Give another one."
        )
    if image.details.validity == "all":
        if image.dtype.kind != "f":
            raise InvalidOption(
                f"{title} declares no nodata value and has no mask or alpha, so trimmed pixels "
                "cannot be marked. Give NODATA."
            )
        progress.info(f"{title} declares no nodata value; trimmed pixels become NaN.")
        image = open_image(request.image, math.nan)
    return replace(image, revisited=request.depth > REVISITED)


def _rim(request: Request) -> Rim:
    return Rim(
        request.depth,
        request.band,
        request.invalid_below,
        request.invalid_above,
        request.scope == "frame",
    )


def _spared(image: RasterImage, rim: Rim, request: Request, progress: Progress) -> Spared | None:
    """Look for the regions that have no rim; None where every region has one."""
    sparing = Sparing(request.keep_holes_under, request.scope == "border", rim.outside)
    found = detection(image, rim)
    if sparing.idle:
        return None
    progress.phase("Looking for invalid regions")
    finding = Finding(image.grid.window, sparing, found.found)
    part = progress.part(0.0, 0.3)
    survey([image], own=[finding], canvas=image.grid, threads=request.threads, progress=part)
    return finding.spared()


def _declared(view: Image, request: Request) -> Image:
    """The view in the type and with the nodata value asked for."""
    if request.output_type == "same" and request.output_nodata is None:
        return view
    how = MovedWriting(output_type=request.output_type, output_nodata=request.output_nodata)
    return declared(view, how)


def _remark(image: RasterImage, trimmed: int, left: int, progress: Progress) -> None:
    """Say what was trimmed, and warn when it is much."""
    share = trimmed / max(1, trimmed + left)
    progress.info(f"{trimmed} pixels became invalid, {100 * share:.1f} % of the valid ones.")
    if share > MUCH:
        progress.warn(
            f"{100 * share:.0f} % of the valid pixels of {file_name(image)} were trimmed. Where "
            "the nodata value also occurs inside the image, use SCOPE=border, KEEP_HOLES_UNDER or "
            "another BAND."
        )
