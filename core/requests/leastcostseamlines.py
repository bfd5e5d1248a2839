# SPDX-License-Identifier: GPL-2.0-or-later
"""Divide the ground among overlapping images where the seams between them are seen least."""

from __future__ import annotations

from dataclasses import dataclass

from ..deps import require
from ..options import Kind, option, redefault, result
from ..seams.hints import PURPOSE
from .shared.costs import Costing, refuse_costing
from .voronoiseamlines import Cutting, Grounds


@dataclass(frozen=True)
class Request(Costing, Grounds):
    """Options of the run."""

    footprints: str | None = redefault(Grounds, "footprints", None, advanced=True, help=(
        "Polygons with the image's name to use instead of the valid pixels; their fields can "
        "stand in PRIORITY. Empty: the valid pixels are outlined."
    ))  # fmt: skip
    aoi: str | None = redefault(Grounds, "aoi", None, advanced=True)
    contained: str = redefault(Cutting, "contained", "top")
    output: str = option(
        Kind.VECTOR_OUT, "Seam cells", help="A GeoPackage, layers seamlines and cuts."
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require("scipy", PURPOSE)
        require("shapely", PURPOSE)
        refuse_costing(self)


@dataclass(frozen=True)
class Result:
    """What the run gives; areas and lengths in units of the CRS."""

    output: str = result(Kind.VECTOR_OUT, "Seam cells")
    save_cost: str | None = result(Kind.RASTER_OUT, "Cost raster")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    cell_count: int | None = result(Kind.INTEGER, "Seam cells")
    seam_length: float | None = result(Kind.NUMBER, "Length of all seams")
    mean_seam_cost: float | None = result(Kind.NUMBER, "Mean cost along the seams")
    mean_center_cost: float | None = result(Kind.NUMBER, "Mean cost along center seams")
    obstacles_crossed: int | None = result(Kind.INTEGER, "Obstacles that seams cross")
    gap_area: float | None = result(Kind.NUMBER, "Area of gaps")
    overlap_area: float | None = result(Kind.NUMBER, "Area of overlaps")
    skipped: str | None = result(Kind.TEXT, "Images without cell")
