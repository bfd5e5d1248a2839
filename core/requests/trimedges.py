# SPDX-License-Identifier: GPL-2.0-or-later
"""Cut the dirty rim round invalid areas of an image."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, redefault, result
from . import Images, Writing
from .shared.moving import MovedWriting


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
    nodata: float | None = redefault(
        Images,
        "nodata",
        None,
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
