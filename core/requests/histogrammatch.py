# SPDX-License-Identifier: GPL-2.0-or-later
"""Give images the histogram, mean and spread, or range of a reference image or of their set."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import UsedPixels
from .shared.correcting import ModeledResult, Modeling


@dataclass(frozen=True)
class Request(UsedPixels, Modeling):
    """Options of the run."""

    name_pattern: str = redefault(Modeling, "name_pattern", "$_Histogram")
    reference: str | None = option(
        Kind.RASTER,
        "Reference image",
        None,
        help="The image whose levels the others get; empty: the average of the set.",
    )
    method: str = option(
        Kind.CHOICE,
        "Method",
        "histogram",
        choices=("histogram", "mean_std", "min_max"),
        help="histogram: the whole distribution, by a curve; mean_std and min_max: gain and "
        "offset that make these two equal",
    )
    pixels: str = option(
        Kind.CHOICE,
        "Pixels",
        "whole",
        choices=("whole", "overlap"),
        help="whole: all pixels of both images; overlap: only where image and reference are both "
        "valid",
    )
    strength: float = option(
        Kind.NUMBER,
        "Strength",
        1.0,
        help="Part of the correction that is applied; 0 leaves the images unchanged.",
        minimum=0,
        maximum=1,
        advanced=True,
    )
    quantiles: int = option(
        Kind.INTEGER,
        "Quantiles",
        1024,
        minimum=16,
        maximum=4096,
        advanced=True,
        help="Points of the curve from values to corrected values.",
    )
    trim: float = option(
        Kind.NUMBER,
        "Tails left out",
        0.1,
        unit="%",
        minimum=0,
        maximum=10,
        advanced=True,
        help="Part of the pixels, at either end, that do not shape the curve; min_max takes the "
        "values there as smallest and largest.",
    )
    set_weight: str = option(
        Kind.CHOICE,
        "Weight of an image in the set",
        "equal",
        choices=("equal", "pixels"),
        advanced=True,
        help="Without reference, images count the same or by their pixels.",
    )
    max_slope: float = option(
        Kind.NUMBER,
        "Steepest slope",
        8.0,
        minimum=1,
        advanced=True,
        help="Steepest part of a curve, as a multiple of the mean_std gain: no posterization, no "
        "blown-up noise.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.pixels == "overlap" and not self.reference:
            raise InvalidOption("PIXELS=overlap needs a reference image in REFERENCE.")


@dataclass(frozen=True)
class Result(ModeledResult):
    """What the run gives."""

    difference_before: float | None = result(Kind.NUMBER, "Difference of levels before, %")
    difference_after: float | None = result(Kind.NUMBER, "Difference of levels after, %")
