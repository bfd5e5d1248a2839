# SPDX-License-Identifier: GPL-2.0-or-later
"""Bring images to the values of a reference by brightness classes, wherever both images lie."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, redefault, result
from . import UsedPixels
from .shared.correcting import ModeledResult, Modeling


@dataclass(frozen=True)
class Request(UsedPixels, Modeling):
    """Options of the run."""

    name_pattern: str = redefault(Modeling, "name_pattern", "$_LIRRN")
    reference: str = option(
        Kind.RASTER,
        "Reference image",
        help="The image whose values the others get: of any size, resolution, place and CRS, with "
        "the same bands.",
    )
    samples: int = option(
        Kind.INTEGER,
        "Samples",
        1000,
        minimum=100,
        maximum=100_000,
        help="Pixels nearest to each level of each brightness class.",
    )
    classes: int = option(
        Kind.INTEGER,
        "Classes",
        3,
        minimum=2,
        maximum=5,
        advanced=True,
        help="Brightness classes of each band.",
    )
    fraction: float = option(
        Kind.NUMBER,
        "Fraction drawn",
        0.1,
        minimum=0.01,
        maximum=1,
        advanced=True,
        help="Part of the samples that is drawn by chance.",
    )
    seed: int = option(
        Kind.INTEGER,
        "Seed",
        0,
        minimum=0,
        advanced=True,
        help="The same number draws the same samples again.",
    )
    robust: bool = option(
        Kind.FLAG,
        "Robust line",
        True,
        advanced=True,
        help="Samples far off the line hardly count; no: ordinary least squares.",
    )


@dataclass(frozen=True)
class Result(ModeledResult):
    """What the run gives."""

    difference_before: float | None = result(Kind.NUMBER, "Difference of levels before, %")
    difference_after: float | None = result(Kind.NUMBER, "Difference of levels after, %")
