# SPDX-License-Identifier: GPL-2.0-or-later
"""Give overlapping images comparable values: one gain and offset per image and band."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from .shared.correcting import ModeledResult, Modeling
from .shared.regression import Estimating as Estimating


@dataclass(frozen=True)
class Request(Estimating, Modeling):
    """Options of the run."""

    name_pattern: str = redefault(Modeling, "name_pattern", "$_Global")
    load_adjustments: str | None = option(
        Kind.FILE,
        "Known adjustments",
        None,
        advanced=True,
        help="A model saved before (JSON): the statistics of images and pairs in it are used "
        "again, and only the pixels of other ones are read.",
    )
    keep_adjustments: bool = option(
        Kind.FLAG,
        "Keep known adjustments",
        False,
        advanced=True,
        help="Images in the known adjustments keep their gains and offsets; only others are "
        "solved.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.keep_adjustments and not self.load_adjustments:
            raise InvalidOption("KEEP_ADJUSTMENTS needs LOAD_ADJUSTMENTS, which is not given.")


@dataclass(frozen=True)
class Result(ModeledResult):
    """What the run gives."""

    pairs: int | None = result(Kind.INTEGER, "Pairs used")
    pairs_skipped: int | None = result(Kind.INTEGER, "Pairs with too few common pixels")
    group_count: int | None = result(Kind.INTEGER, "Groups of connected images")
    mean_difference_before: float | None = result(Kind.NUMBER, "Overlap difference before, %")
    mean_difference_after: float | None = result(Kind.NUMBER, "Overlap difference after, %")
