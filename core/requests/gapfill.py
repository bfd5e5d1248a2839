# SPDX-License-Identifier: GPL-2.0-or-later
"""Fill the gaps of a time series, date by date, onto regular dates."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, result
from . import Writing

METHODS = ("linear", "nearest", "harmonic")


@dataclass(frozen=True)
class Interpolating:
    """Between which dates and how gaps are filled; shared with the workflow."""

    step: int = option(
        Kind.INTEGER,
        "Step",
        10,
        unit="days",
        minimum=0,
        maximum=3660,
        help="Days between the output dates; 0: the dates of the series.",
    )
    start: str | None = option(
        Kind.TEXT, "Start", None, help="First output date, YYYYMMDD; empty: the first one there is."
    )
    end: str | None = option(
        Kind.TEXT, "End", None, help="Last day for output, YYYYMMDD; empty: the last date there is."
    )
    method: str = option(
        Kind.CHOICE,
        "Method",
        "linear",
        choices=METHODS,
        advanced=True,
        help="linear: between the clear dates before and after. nearest: the closer of the two, "
        "the earlier one on a tie. harmonic: a yearly curve through all clear dates; pixels with "
        "few of them become linear",
    )
    harmonics: int = option(
        Kind.INTEGER,
        "Harmonics",
        2,
        minimum=1,
        maximum=4,
        advanced=True,
        help="Waves of the yearly curve; a pixel needs twice as many clear dates and two more.",
    )
    extrapolate: str = option(
        Kind.CHOICE,
        "Beyond the clear dates",
        "nearest",
        choices=("nearest", "nodata"),
        advanced=True,
        help="What comes before the first and after the last clear date of a pixel.",
    )
    max_gap: int = option(
        Kind.INTEGER,
        "Longest gap",
        0,
        unit="days",
        minimum=0,
        advanced=True,
        help="Longer gaps become nodata; 0 fills all.",
    )
    target_dates: str | None = option(
        Kind.FILE,
        "Output dates",
        None,
        advanced=True,
        help="Text file, one YYYYMMDD a line; replaces step, start and end.",
    )


@dataclass(frozen=True)
class Request(Interpolating, Writing):
    """Options of the run."""

    image: str = option(
        Kind.RASTER, "Series", help="Bands named <sensor>_<band>_<YYYYMMDD>, as stacked."
    )
    masks: str | None = option(
        Kind.RASTER,
        "Mask series",
        None,
        help="Bands named mask_<YYYYMMDD>: 0 clear. Empty: only nodata is a gap.",
    )
    output: str = option(Kind.RASTER_OUT, "Filled series", help="GeoTIFF.")
    output_gaps: str | None = option(
        Kind.RASTER_OUT,
        "Length of the gaps",
        None,
        advanced=True,
        help="Days between the two dates used, for each output date; 65535: none.",
    )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Filled series")
    output_gaps: str | None = result(Kind.RASTER_OUT, "Length of the gaps")
    output_dates: str | None = result(Kind.FILE, "Output dates")
    date_count: int | None = result(Kind.INTEGER, "Output dates, number")
    empty_pixels: int | None = result(Kind.INTEGER, "Pixels without any clear date")
    read_bytes: int | None = result(Kind.INTEGER, "Bytes of pixels read")
