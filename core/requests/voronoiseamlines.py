# SPDX-License-Identifier: GPL-2.0-or-later
"""Divide the ground among overlapping images along the middle of their overlaps."""

from __future__ import annotations

from dataclasses import dataclass

from ..deps import require
from ..options import Kind, option, result
from . import ImageField, Images
from .footprints import Outlining, refuse_reserved
from .shared.areas import Areas, refuse_lonely_field


@dataclass(frozen=True)
class Cutting:
    """Where seams run; shared with the pipeline."""

    min_point_spacing: float = option(
        Kind.NUMBER,
        "Spacing of boundary points",
        0.0,
        unit="map units",
        minimum=0,
        help="Step in which boundaries are looked at; 0 takes 5 px, or a 500th of the longest "
        "side of an overlap where that is more",
    )
    min_cut_length: float = option(
        Kind.NUMBER,
        "Shortest seam",
        0.0,
        unit="map units",
        minimum=0,
        help="Shorter pieces of seams are drawn together to a point, and detached parts of cells "
        "that touch others along less than this are given to them; 0 keeps all",
    )
    contained: str = option(
        Kind.CHOICE,
        "Images inside others",
        "top",
        choices=("top", "skip"),
        advanced=True,
        help="top: an image that lies inside another one gets its whole footprint. skip: it gets "
        "no cell",
    )


@dataclass(frozen=True)
class Grounds(Areas, ImageField, Outlining, Images):
    """Where each image is used; shared by the ways to lay seams."""

    footprints: str | None = option(
        Kind.VECTOR,
        "Footprints",
        None,
        help="Polygons with the image's name to use instead of the valid pixels; no pixel is "
        "read then. Empty: the valid pixels are outlined.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        refuse_reserved(self.image_field_name)
        refuse_lonely_field(self)


@dataclass(frozen=True)
class Request(Cutting, Grounds):
    """Options of the run."""

    output: str = option(
        Kind.VECTOR_OUT, "Seam cells", help="A GeoPackage, layers seamlines and cuts."
    )
    debug_vectors: str | None = option(
        Kind.VECTOR_OUT,
        "Steps of the construction",
        None,
        advanced=True,
        help="A GeoPackage that shows how center lines were drawn: layers emp_outline (overlaps), "
        "intersections, voronoi_seeds, cutlines, and voronoi_1, voronoi_2 … for each overlap; "
        "empty: none",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require("scipy", "Voronoi seamlines")
        require("shapely", "Voronoi seamlines")


@dataclass(frozen=True)
class Result:
    """What the run gives; areas and lengths in units of the CRS."""

    output: str = result(Kind.VECTOR_OUT, "Seam cells")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    cell_count: int | None = result(Kind.INTEGER, "Seam cells")
    seam_length: float | None = result(Kind.NUMBER, "Length of all seams")
    gap_area: float | None = result(Kind.NUMBER, "Area of gaps")
    overlap_area: float | None = result(Kind.NUMBER, "Area of overlaps")
    skipped: str | None = result(Kind.TEXT, "Images without cell")
    debug_vectors: str | None = result(Kind.VECTOR_OUT, "Steps of the construction")
