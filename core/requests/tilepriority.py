# SPDX-License-Identifier: GPL-2.0-or-later
"""Divide the ground among overlapping tiles: the envelope that a mosaic takes from each."""

from __future__ import annotations

from dataclasses import dataclass

from ..deps import require
from ..errors import InvalidOption
from ..options import Kind, option, result
from . import Threads


@dataclass(frozen=True)
class Request(Threads):
    """Options of the run."""

    images: tuple[str, ...] = option(
        Kind.RASTERS,
        "Tiles",
        help="One raster for each tile (its valid pixels; nonzero ones where it declares no "
        "nodata), or layers with its footprint.",
    )
    method: str = option(
        Kind.CHOICE,
        "Method",
        "voronoi",
        choices=("voronoi", "iota2"),
        help="voronoi: seams midway inside the overlaps. iota2: rectangles, the preferred tile "
        "gets the overlap but for the margin",
    )
    order: str = option(
        Kind.CHOICE,
        "Order",
        "northwest",
        choices=("northwest", "validity", "list"),
        help="Which tile is preferred: from north to south and west to east, the one that is clear "
        "more often, or as listed",
    )
    margin: float = option(
        Kind.NUMBER,
        "Margin",
        600.0,
        unit="map units",
        minimum=0,
        help="Kept from the far edge of the preferred tile; half of an overlap at most.",
    )
    order_list: tuple[str, ...] = option(
        Kind.NAMES,
        "Listed order",
        (),
        advanced=True,
        help="Names of the tiles with commas, the preferred one first.",
    )
    validities: tuple[str, ...] = option(
        Kind.RASTERS,
        "Clear dates",
        (),
        advanced=True,
        help="For the order validity: the count of clear dates of each tile, as pixelvalidity "
        "writes it, in the order of the tiles.",
    )
    output: str = option(Kind.VECTOR_OUT, "Envelopes", help="A GeoPackage, layer envelopes.")
    output_folder: str | None = option(
        Kind.FOLDER_OUT,
        "Folder for single files",
        None,
        advanced=True,
        help="Also written there: <tile>.shp for each tile.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require("scipy", "Envelopes of tiles")
        require("shapely", "Envelopes of tiles")
        if self.order == "list" and not self.order_list:
            raise InvalidOption("Listed order: none given; the order list needs it.")
        if self.order == "validity" and not self.validities:
            raise InvalidOption("Clear dates: none given; the order validity needs them.")


@dataclass(frozen=True)
class Result:
    """What the run gives; areas in units of the CRS."""

    output: str = result(Kind.VECTOR_OUT, "Envelopes")
    tile_count: int | None = result(Kind.INTEGER, "Tiles")
    gap_area: float | None = result(Kind.NUMBER, "Area of gaps")
    overlap_area: float | None = result(Kind.NUMBER, "Area of overlaps")
    output_folder: str | None = result(Kind.FOLDER, "Folder of single files")
