# SPDX-License-Identifier: GPL-2.0-or-later
"""Stack dated images onto one grid as a time series, with their masks."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..landcover.sensors import RULES, sensors
from ..options import Kind, option, redefault, result
from . import Images, OneMosaic, Writing

SENSORS = ("auto", *sensors())


SAME_DAY = ("suffix", "first", "clearest")

BITS = 32
"""Bits that a value of a mask has at most."""


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    images: tuple[str, ...] = option(
        Kind.RASTERS,
        "Images",
        help="Dated images, or a folder with the products of one tile of a known sensor.",
    )
    masks: tuple[str, ...] = option(
        Kind.RASTERS,
        "Masks",
        (),
        help="One mask for each date, matched by date; known products bring their own.",
    )
    reference: str | None = option(
        Kind.RASTER,
        "Reference",
        None,
        help="Image that gives CRS, pixel size and extent; empty: the first image.",
    )
    band_names: tuple[str, ...] = option(
        Kind.NAMES,
        "Band names",
        (),
        help="Names in the order of the bands, with commas; empty: those of the sensor.",
    )
    sensor: str = option(
        Kind.CHOICE,
        "Sensor",
        "auto",
        choices=SENSORS,
        advanced=True,
        help="auto: found by the names of product folders; other images are called image.",
    )
    date_pattern: str = option(
        Kind.TEXT,
        "Date pattern",
        r"(\d{8})",
        advanced=True,
        help="Regular expression whose first group is the date, YYYYMMDD; tried on the name of the "
        "file, then of its folder.",
    )
    dates: str | None = option(
        Kind.FILE,
        "Table of dates",
        None,
        advanced=True,
        help="CSV with the columns file,date, which replaces the pattern.",
    )
    mask_rule: str = option(
        Kind.CHOICE,
        "Mask rule",
        "nonzero",
        choices=RULES,
        advanced=True,
        help="Which values of a mask are bad: all but 0, the listed values, or those that have one "
        "of the listed bits",
    )
    mask_values: tuple[float, ...] = option(
        Kind.NUMBERS,
        "Mask values",
        (),
        advanced=True,
        help="Bad values or numbers of bits (0 is the lowest), such as 3,8,9,10.",
    )
    resolution: float | None = option(
        Kind.NUMBER,
        "Resolution",
        None,
        unit="map units",
        minimum=0,
        advanced=True,
        help="Pixel size of the stack; 0: that of the first band; empty: that of the reference.",
    )
    crs: str | None = option(
        Kind.CRS, "CRS", None, advanced=True, help="CRS of the stack; empty: of the reference."
    )
    extent: tuple[float, ...] | None = option(
        Kind.EXTENT,
        "Extent",
        None,
        advanced=True,
        help="Part of the ground to stack, in the CRS of the stack; empty: the reference.",
    )
    resampling: str = redefault(
        OneMosaic,
        "resampling",
        "bilinear",
        help="Used for images that do not lie on the pixels of the stack; masks: always nearest.",
    )
    nodata: float | None = redefault(
        Images,
        "nodata",
        None,
        help="Replaces that of all images; empty: theirs, else that of the sensor.",
    )
    same_day: str = option(
        Kind.CHOICE,
        "Images of one day",
        "suffix",
        choices=SAME_DAY,
        advanced=True,
        help="suffix: both, the second date is named <date>.1. first: the first one. clearest: for "
        "each pixel the first one that is clear there",
    )
    output: str = option(Kind.RASTER_OUT, "Series", help="GeoTIFF.")
    output_masks: str | None = option(
        Kind.RASTER_OUT,
        "Mask series",
        None,
        help="0 valid, 1 cloud, shadow or saturated, 2 not acquired, for each date.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.mask_rule != "nonzero" and not self.mask_values:
            raise InvalidOption(
                f"Mask values: none given; the mask rule {self.mask_rule} needs some."
            )
        texts = ", ".join(f"{value:g}" for value in self.mask_values)
        if not all(float(value).is_integer() for value in self.mask_values):
            raise InvalidOption(f"Mask values: {texts} are not all whole numbers.")
        if self.mask_rule == "bits" and not all(0 <= bit < BITS for bit in self.mask_values):
            raise InvalidOption(f"Mask values: {texts} are not all bits from 0 to {BITS - 1}.")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Series")
    output_masks: str | None = result(Kind.RASTER_OUT, "Mask series")
    output_dates: str | None = result(Kind.FILE, "Dates")
    date_count: int | None = result(Kind.INTEGER, "Dates, number")
    read_bytes: int | None = result(Kind.INTEGER, "Bytes of pixels read")
