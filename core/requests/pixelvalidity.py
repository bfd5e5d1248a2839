# SPDX-License-Identifier: GPL-2.0-or-later
"""Count on how many dates each pixel is clear."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, result
from . import Writing


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    masks: tuple[str, ...] = option(
        Kind.RASTERS, "Mask series", help="Bands named mask_<YYYYMMDD>; one file for each sensor."
    )
    threshold: int = option(
        Kind.INTEGER,
        "Least clear dates",
        1,
        minimum=0,
        help="Pixels with so many clear dates or more make up the clear area.",
    )
    shrink: float = option(
        Kind.NUMBER,
        "Shrink",
        0.1,
        unit="map units",
        minimum=0,
        advanced=True,
        help="How far the edges of the clear area are moved inward.",
    )
    output: str = option(Kind.RASTER_OUT, "Clear dates", help="GeoTIFF with one band.")
    output_common: str | None = option(
        Kind.RASTER_OUT,
        "Common area",
        None,
        help="1 where every sensor has data on one date or more, else 0.",
    )
    output_area: str | None = option(
        Kind.VECTOR_OUT, "Clear area", None, help="Polygons with enough clear dates, a GeoPackage."
    )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Clear dates")
    output_common: str | None = result(Kind.RASTER_OUT, "Common area")
    output_area: str | None = result(Kind.VECTOR_OUT, "Clear area")
    dates: int | None = result(Kind.INTEGER, "Dates")
    mean_clear: float | None = result(Kind.NUMBER, "Mean number of clear dates")
    never_clear: int | None = result(Kind.INTEGER, "Pixels that are never clear")
    clear_pixels: int | None = result(Kind.INTEGER, "Pixels of the clear area")
