# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw where and by how much an image changed, as a map of the mean difference of its bands."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import OneMosaic
from .shared.costs import Costing
from .shared.drawing import Drawing, DrawnResult


@dataclass(frozen=True)
class Request(Drawing):
    """Options of the run."""

    before: str = option(Kind.RASTER, "Image before", help="The image whose pixels are compared.")
    after: str = option(
        Kind.RASTER, "Image after", help="The same image after a change; it is brought onto the "
        "pixels of the first one.",
    )  # fmt: skip
    title: str = option(Kind.TEXT, "Title", "Difference map", help="Above the map.")
    subtitle: str = option(Kind.TEXT, "Subtitle", "", help="Below the title.")
    label: str = option(
        Kind.TEXT, "Title of the colors", "Mean difference", help="Below the scale of colors."
    )
    scale_min: float | None = option(
        Kind.NUMBER,
        "Lowest color",
        None,
        advanced=True,
        help="The colors reach as far as the larger of this and the highest one without sign, to "
        "both sides of 0; empty: 98 % of the differences.",
    )
    scale_max: float | None = option(
        Kind.NUMBER, "Highest color", None, advanced=True, help="See the lowest one."
    )
    resampling: str = redefault(OneMosaic, "resampling", "bilinear")
    bands: tuple[float, ...] = redefault(Costing, "bands", advanced=True)
    relative: bool = option(
        Kind.FLAG,
        "In percent",
        False,
        advanced=True,
        help="Differences in percent of the mean of the bands before.",
    )
    output_raster: str | None = option(
        Kind.RASTER_OUT, "Difference raster", None, help="The differences as decimal numbers."
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if any(band < 1 or band != int(band) for band in self.bands):
            raise InvalidOption("Bands: give whole numbers from 1 on, such as 3,2,1.")
        if self.scale_min is not None and self.scale_min == self.scale_max == 0:
            raise InvalidOption("Lowest and highest color: both are 0.")


@dataclass(frozen=True)
class Result(DrawnResult):
    """What the run gives."""

    output_raster: str | None = result(Kind.RASTER_OUT, "Difference raster")
    mean_difference: float | None = result(Kind.NUMBER, "Mean difference")
    mean_absolute_difference: float | None = result(Kind.NUMBER, "Mean difference without sign")
    rms_difference: float | None = result(Kind.NUMBER, "RMS difference")
    scale_limit: float | None = result(Kind.NUMBER, "Difference that the colors reach")
