# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and results of the operations with an expression."""

from __future__ import annotations

from dataclasses import dataclass

from ...options import Kind, option, redefault, result
from .. import TYPES, Images, ManyOutputs, Planned, Writing


@dataclass(frozen=True)
class Expressing:
    """An expression over the bands of images."""

    expression: str = option(
        Kind.TEXT,
        "Expression",
        help="Bands are b1, b2 …; + - * / // ** < <= > >= == != & | ~ and or not; abs sqrt log "
        "log10 exp sin cos tan round floor ceil min max where(c, x, y) clip(x, low, high) "
        "bit(b1, n); 5%b1 is the 5th percentile of band 1",
    )


@dataclass(frozen=True)
class Computing(Planned, Writing, ManyOutputs, Images):
    """Options of runs that write what is computed from bands, one file for each image."""

    output_type: str = redefault(
        Writing,
        "output_type",
        "auto",
        choices=("auto", *TYPES),
        help="auto: uint8 where the expression is true or false, else float32, or float64 when "
        "calculated so. Whole numbers are rounded, limited to the type and keep the image's nodata "
        "value, which becomes 255 where it would look like true or false",
    )


@dataclass(frozen=True)
class ComputedResult:
    """What every such run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Computed images")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    valid_pixels: int | None = result(Kind.INTEGER, "Pixels with a result")
    undefined_pixels: int | None = result(Kind.INTEGER, "Valid pixels without a result")
