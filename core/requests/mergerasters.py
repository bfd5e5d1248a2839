# SPDX-License-Identifier: GPL-2.0-or-later
"""Merge overlapping images into one mosaic, on one grid, with an overlap rule or along seams."""

from __future__ import annotations

from dataclasses import dataclass

from ..deps import require
from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from ..seams.rules import RULES, SEAM_RULES
from . import Calculated, ImageField, Images, OneMosaic, Planned, Writing


@dataclass(frozen=True)
class Merging(OneMosaic, Writing):
    """What a mosaic is made like; shared with the pipeline."""

    rule: str = option(
        Kind.CHOICE,
        "Overlap rule",
        "last",
        choices=tuple(RULES),
        help="What becomes of ground that several images see. first, last: the image that comes "
        "first or last in the list, or the seam cell's. minimum, maximum, mean, median, count: of "
        "all images. feather: images fade into each other. multiband: detail changes over at the "
        "seam, brightness gradually",
    )
    blend_width: int = option(
        Kind.INTEGER,
        "Blend width",
        32,
        unit="px",
        minimum=2,
        maximum=512,
        help="Full width of the zone in which feather mixes two images; for multiband the size "
        "of the coarsest detail that is mixed, a power of two. It changes nothing farther than "
        "three times that from a seam",
    )
    fill_gaps: bool = option(
        Kind.FLAG,
        "Fill gaps",
        True,
        advanced=True,
        help="Where a seam cell's image is not valid, take the next valid image.",
    )
    build_overviews: bool = redefault(Writing, "build_overviews", True)


@dataclass(frozen=True)
class Request(ImageField, Planned, Calculated, Merging, Images):
    """Options of the run."""

    seamlines: str | None = option(
        Kind.VECTOR,
        "Seam cells",
        None,
        help="Polygons with the image's name, as the seamline tools write them; empty: none. "
        "multiband then computes seams along the middle of the overlaps",
    )
    max_open_files: int = option(
        Kind.INTEGER,
        "Open files",
        64,
        minimum=1,
        maximum=100_000,
        advanced=True,
        help="Most images that are open at once; those not used for the longest are closed.",
    )
    tiles: int = option(
        Kind.INTEGER,
        "Side of tiles",
        0,
        unit="px",
        minimum=0,
        advanced=True,
        help="Above 0 the mosaic is a folder of tiles of this size and MergedImage.vrt, which "
        "shows them as one; its name is that of the output without ending",
    )
    tile_overlap: int = option(
        Kind.INTEGER,
        "Overlap of tiles",
        0,
        unit="px",
        minimum=0,
        advanced=True,
        help="Pixels by which tiles reach into each of their neighbors.",
    )
    tile_index: bool = option(
        Kind.FLAG,
        "Index of tiles",
        True,
        advanced=True,
        help="Write tiles.csv with the extent of each tile.",
    )
    output: str = option(Kind.RASTER_OUT, "Mosaic", help="The mosaic, a GeoTIFF.")
    save_sources: str | None = option(
        Kind.RASTER_OUT,
        "Source of each pixel",
        None,
        advanced=True,
        help="Raster of the number (from 1, in the order of the images) of the image that each "
        "pixel comes from; the names are in its metadata.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        refuse_seamless_rule(self.rule, bool(self.seamlines))
        refuse_tiles(self.tiles, self.tile_overlap)
        if self.save_sources and self.rule not in SEAM_RULES:
            raise InvalidOption(
                f"SAVE_SOURCES: with the overlap rule {self.rule} pixels do not come from one "
                f"image. Rules with which they do: {', '.join(SEAM_RULES)}."
            )
        if self.rule == "multiband" and not self.seamlines:
            require_center_cells()


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str | None = result(Kind.RASTER_OUT, "Mosaic")
    save_sources: str | None = result(Kind.RASTER_OUT, "Source of each pixel")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    covered: float | None = result(Kind.NUMBER, "Covered fraction of the mosaic")
    hole_pixels: int | None = result(Kind.INTEGER, "Invalid pixels inside the seam cells")
    seam_visibility: float | None = result(
        Kind.NUMBER, "Visibility of the seams (up to 1: not seen)"
    )
    read_bytes: int | None = result(Kind.INTEGER, "Bytes of pixels read")
    written_bytes: int | None = result(Kind.INTEGER, "Bytes written")


def refuse_seamless_rule(rule: str, seams: bool) -> None:
    """Raise InvalidOption when there are seams and the rule cannot follow them."""
    if seams and rule not in SEAM_RULES:
        raise InvalidOption(
            f"Overlap rule: {rule} does not follow seams. Rules that do: {', '.join(SEAM_RULES)}."
        )


def require_center_cells() -> None:
    """Raise MissingPackage unless seams can be computed."""
    for package in ("scipy", "shapely"):
        require(package, "The rule multiband without seam cells")


SMALLEST = 16
"""Side of the smallest tile, px."""


def refuse_tiles(side: int, overlap: int) -> None:
    """Raise InvalidOption for tiles that are too small or lie over each other completely."""
    if 0 < side < SMALLEST:
        raise InvalidOption(f"Side of tiles: {side} px is below {SMALLEST}; 0 writes one file.")
    if overlap and not side:
        raise InvalidOption("TILE_OVERLAP needs TILES above 0.")
    if overlap >= side > 0:
        raise InvalidOption(f"Overlap of tiles: {overlap} px is not less than their side, {side}.")
