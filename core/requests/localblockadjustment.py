# SPDX-License-Identifier: GPL-2.0-or-later
"""Even out differences inside images, such as vignetting and haze: block maps from the overlaps."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, redefault, result
from ..requests.shared.blocks import Blocking
from .shared.correcting import CorrectedResult, Correcting


@dataclass(frozen=True)
class Request(Blocking, Correcting):
    """Options of the run."""

    name_pattern: str = redefault(Correcting, "name_pattern", "$_Local")
    save_reference_map: str | None = option(
        Kind.RASTER_OUT,
        "Reference map",
        None,
        help="What images should show in each block: a raster with one pixel per block, to bring "
        "other images to the same level later.",
    )
    save_local_maps: str | None = option(
        Kind.TEXT,
        "Local maps to save",
        None,
        advanced=True,
        help="What each image shows in each block, one raster for each: a path with $ for the "
        "image's name, inside the output folder unless it is absolute.",
    )
    load_reference_map: str | None = option(
        Kind.RASTER,
        "Known reference map",
        None,
        advanced=True,
        help="Images are brought to this map, which is not changed.",
    )
    load_local_maps: tuple[str, ...] = option(
        Kind.RASTERS,
        "Known local maps",
        (),
        advanced=True,
        help="A path with $ for the image's name, a folder or files. Images without a map get one "
        "computed.",
    )


@dataclass(frozen=True)
class Result(CorrectedResult):
    """What the run gives."""

    reference_map: str | None = result(Kind.RASTER, "Reference map")
    block_count_rows: int | None = result(Kind.INTEGER, "Rows of blocks")
    block_count_columns: int | None = result(Kind.INTEGER, "Columns of blocks")
    blocks_used: int | None = result(Kind.INTEGER, "Blocks used")
    shading_explained: float | None = result(Kind.NUMBER, "Part explained by shading")
    mean_difference_before: float | None = result(Kind.NUMBER, "Overlap difference before, %")
    mean_difference_after: float | None = result(Kind.NUMBER, "Overlap difference after, %")
