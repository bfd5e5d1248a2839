# SPDX-License-Identifier: GPL-2.0-or-later
"""Cut the dirty rim round invalid areas of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ..alike import file_name
from ..errors import InvalidOption
from ..image import Image
from ..masks.edges import Rim, Trimmed, detection, eroded
from ..masks.spared import Finding, Spared, Sparing
from ..options import Kind, option, redefault, result
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_image, refuse_overwriting
from ..registration.corrected import MovedWriting, declared
from ..requests import Writing
from ..survey import survey
from ..write import write

NEEDS = ()

MUCH = 0.25
"""Share of the valid pixels whose loss is remarked upon."""

REVISITED = 32
"""Depth, px, from which whole blocks are looked at again by neighboring windows."""


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    image: str = option(Kind.RASTER, "Image", help="Any raster; it is never changed itself.")
    depth: int = option(
        Kind.INTEGER,
        "Depth",
        8,
        unit="px",
        minimum=0,
        help="Pixels so near to an invalid one, along rows and columns, become nodata in all "
        "bands.",
    )
    band: int = option(
        Kind.INTEGER,
        "Band",
        1,
        minimum=0,
        help="Band in which invalid pixels are looked for; 0: a pixel is invalid when it is in any "
        "band.",
    )
    invalid_below: float | None = option(
        Kind.NUMBER,
        "Invalid up to",
        None,
        help="Values of the band up to this one are invalid too; empty: none.",
    )
    invalid_above: float | None = option(
        Kind.NUMBER,
        "Invalid from",
        None,
        help="Values of the band from this one on are invalid too; empty: none.",
    )
    nodata: float | None = option(
        Kind.NUMBER,
        "Nodata value",
        None,
        advanced=True,
        help="Replaces the declared nodata value; empty keeps it. An image of whole numbers that "
        "declares none, and has no mask or alpha, needs one.",
    )
    output_nodata: float | None = redefault(
        MovedWriting, "output_nodata", None, help="Empty: that of the image."
    )
    scope: str = option(
        Kind.CHOICE,
        "Regions",
        "all",
        choices=("all", "border", "frame"),
        advanced=True,
        help="all: round every invalid region. border: only round those that touch the image's "
        "frame. frame: also along the frame, as if all beyond it were invalid",
    )
    keep_holes_under: int = option(
        Kind.INTEGER,
        "Leave holes alone under",
        0,
        unit="px",
        minimum=0,
        advanced=True,
        help="Invalid regions of fewer pixels than this do not grow. Pixels that meet only at a "
        "corner are not one region.",
    )
    output: str = option(Kind.RASTER_OUT, "Trimmed image", help="GeoTIFF.")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Trimmed image")
    trimmed_pixels: int | None = result(Kind.INTEGER, "Pixels that became invalid")


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
