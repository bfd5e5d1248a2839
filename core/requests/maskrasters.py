# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the pixels of images invalid outside polygons, or inside them."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, redefault, result
from . import Images, ManyOutputs, Planned, StatisticsMask, Writing


@dataclass(frozen=True)
class Request(Planned, Writing, ManyOutputs, Images):
    """Options of the run."""

    vector_mask: str = option(
        Kind.VECTOR, "Polygons", help="Polygons in any CRS; they are brought to that of each image."
    )
    mask_mode: str = redefault(
        StatisticsMask,
        "mask_mode",
        "include",
        advanced=False,
        help="include: pixels inside the polygons are kept. exclude: those outside, exactly the "
        "other ones",
    )
    mask_field: str | None = redefault(StatisticsMask, "mask_field", None, advanced=False)
    include_touched_pixels: bool = option(
        Kind.FLAG,
        "Include touched pixels",
        False,
        help="No: the center of a pixel decides whether it lies inside. Yes: every pixel that a "
        "polygon touches does.",
    )
    nodata: float | None = redefault(
        Images,
        "nodata",
        None,
        help="Written where pixels are not kept; empty: the image's own value, else its alpha or "
        "an internal mask. Kept pixels that have this value in all bands are moved beside it.",
    )
    crop: bool = option(
        Kind.FLAG,
        "Crop",
        False,
        advanced=True,
        help="Crop each output to the box round what is kept, along the pixels.",
    )
    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_Mask")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Masked images")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    kept_pixels: int | None = result(Kind.INTEGER, "Pixels kept")
    masked_pixels: int | None = result(Kind.INTEGER, "Pixels that became invalid")
    moved_from_nodata: int | None = result(Kind.INTEGER, "Values moved away from nodata")
    polygons_outside: int | None = result(Kind.INTEGER, "Polygons outside all images")
    skipped: tuple[str, ...] = result(Kind.NAMES, "Images that no polygon names")
