# SPDX-License-Identifier: GPL-2.0-or-later
"""Lay footprints over each other by rank: the best image keeps all of its ground."""

from __future__ import annotations

from dataclasses import dataclass

from ..deps import require
from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import ImageField, Threads


@dataclass(frozen=True)
class Request(ImageField, Threads):
    """Options of the run."""

    footprints: str = option(
        Kind.VECTOR, "Footprints", help="Polygons with the image's name and the fields of RANK."
    )
    rank: str = option(
        Kind.TEXT,
        "Rank",
        help="Expression with fields in braces, such as {valid_fraction} - 2 * {cloud}; a field "
        "with a date counts in days.",
    )
    rank_descending: bool = option(
        Kind.FLAG, "Larger is better", True, help="No: the smallest value lies on top."
    )
    image_field_name: str = redefault(ImageField, "image_field_name", "image", advanced=False)
    input_layer: str | None = option(
        Kind.TEXT,
        "Layer of the footprints",
        None,
        advanced=True,
        help="Name of the layer to read; empty: the one that was given, or the first.",
    )
    output_layer: str = option(
        Kind.TEXT, "Layer of the result", "seamlines", advanced=True, help="Its name in the file."
    )
    output: str = option(Kind.VECTOR_OUT, "Seam cells", help="A GeoPackage.")

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require("scipy", "Ranked seamlines")
        require("shapely", "Ranked seamlines")
        if not self.output_layer.strip():
            raise InvalidOption("Layer of the result: OUTPUT_LAYER is empty. Give it a name.")


@dataclass(frozen=True)
class Result:
    """What the run gives; areas in units of the CRS."""

    output: str = result(Kind.VECTOR_OUT, "Seam cells")
    cell_count: int | None = result(Kind.INTEGER, "Seam cells")
    gap_area: float | None = result(Kind.NUMBER, "Area of gaps")
    overlap_area: float | None = result(Kind.NUMBER, "Area of overlaps")
    skipped: str | None = result(Kind.TEXT, "Images without cell")
