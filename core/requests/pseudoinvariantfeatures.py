# SPDX-License-Identifier: GPL-2.0-or-later
"""Find pixels that did not change between images, and match the images by them alone."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, redefault, result
from .shared.correcting import ModeledResult, Modeling
from .shared.invariant import Finding, refuse_incomplete


@dataclass(frozen=True)
class Request(Finding, Modeling):
    """Options of the run."""

    name_pattern: str = redefault(Modeling, "name_pattern", "$_Normalized")
    reference: str | None = option(
        Kind.RASTER,
        "Reference image",
        None,
        help="The image whose values the others get; empty: all overlapping images are matched to "
        "each other.",
    )
    mask_pattern: str = option(
        Kind.TEXT,
        "Names of the masks",
        "$_PIF",
        advanced=True,
        clearable=True,
        help="Masks of the invariant pixels in the output folder: 1 invariant, 0 not, 255 not "
        "valid. $ is the image's name; empty: no masks.",
    )
    score_pattern: str = option(
        Kind.TEXT,
        "Names of the scores",
        "",
        advanced=True,
        help="Rasters of what pixels are judged by (probability of no change, angle in degrees, "
        "residual); $ is the image's name; empty: none.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        refuse_incomplete(self, self.reference)


@dataclass(frozen=True)
class Result(ModeledResult):
    """What the run gives."""

    output_masks: tuple[str, ...] = result(Kind.RASTERS, "Masks of invariant pixels")
    output_scores: tuple[str, ...] = result(Kind.RASTERS, "Scores")
    pif_count: int | None = result(Kind.INTEGER, "Fewest invariant pixels of a pair")
    correlation: float | None = result(Kind.NUMBER, "Smallest correlation")
    rmse: float | None = result(Kind.NUMBER, "Largest RMSE of pixels kept for testing")
