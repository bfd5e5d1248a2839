# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the vegetation index NDVI, (NIR - red) / (NIR + red), of images."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import ManyOutputs, Writing
from .shared.expressing import ComputedResult, Computing


@dataclass(frozen=True)
class Request(Computing):
    """Options of the run."""

    nir_band: int = option(
        Kind.BAND, "Near-infrared band", 4, minimum=1, parent="images", help="Its number, from 1."
    )
    red_band: int = option(
        Kind.BAND, "Red band", 3, minimum=1, parent="images", help="Its number, from 1."
    )
    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_Vegetation")
    output_type: str = redefault(
        Writing,
        "output_type",
        "float32",
        choices=("float32", "float64", "int16", "int32"),
        help="Decimal numbers hold NDVI itself; whole ones hold it times 10000 and declare the "
        "scale 0.0001.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.nir_band == self.red_band:
            raise InvalidOption(
                f"NIR_BAND and RED_BAND are both {self.red_band}; NDVI compares two bands."
            )


@dataclass(frozen=True)
class Result(ComputedResult):
    """What the run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "NDVI")
