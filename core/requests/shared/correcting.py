# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and results of the operations that correct the colors of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...options import Kind, option, result
from .. import CorrectedOutputs, Images, ManyOutputs, Planned, Writing


@dataclass(frozen=True)
class Reporting(Planned, Writing, ManyOutputs, Images):
    """Options of runs that write an image for each one, and a report.

    With RESUME, what is written of each image depends on all files that are read.
    """

    joint: ClassVar[bool] = True
    build_overviews: bool = False
    report: str | None = option(
        Kind.HTML_OUT, "Report", None, created=True, help="What was done and how good it is."
    )


@dataclass(frozen=True)
class Correcting(CorrectedOutputs, Reporting):
    """Options of runs that write a corrected image for each one, or only what they estimated."""


@dataclass(frozen=True)
class Modeling(Correcting):
    """Options of runs that also save gains and offsets."""

    output_model: str | None = option(
        Kind.JSON_OUT,
        "Model",
        None,
        help="Gains, offsets and statistics of all images, to read, edit and apply again.",
    )


@dataclass(frozen=True)
class CorrectedResult:
    """What every such run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Corrected images")
    report: str | None = result(Kind.HTML_OUT, "Report")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    clipped_fraction: float | None = result(Kind.NUMBER, "Fraction of values cut to the type")
    moved_from_nodata: int | None = result(Kind.INTEGER, "Values moved away from nodata")


@dataclass(frozen=True)
class ModeledResult(CorrectedResult):
    """What runs that estimate gains and offsets give."""

    output_model: str | None = result(Kind.JSON_OUT, "Model")
    gain_min: float | None = result(Kind.NUMBER, "Smallest gain")
    gain_max: float | None = result(Kind.NUMBER, "Largest gain")
