# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure how many images are displaced from one reference, and put the numbers side by side."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, redefault, result
from . import ManyOutputs
from .shared.comparing import Analyzing


@dataclass(frozen=True)
class Request(Analyzing):
    """Options of the run."""

    images: tuple[str, ...] = option(
        Kind.RASTERS, "Images", help="Moving images: files, folders or patterns."
    )
    reference: str | None = option(
        Kind.RASTER, "Reference", None, help="The image that is taken as truth; empty: the first."
    )
    moving_band: int = redefault(Analyzing, "moving_band", 1, kind=Kind.INTEGER, parent="")
    resume: bool = redefault(Analyzing, "resume", True)
    output_folder: str = option(
        Kind.FOLDER_OUT,
        "Output folder",
        aliases=("out",),
        help="Takes a result folder for each image, and the table.",
    )
    name_pattern: str = redefault(
        ManyOutputs, "name_pattern", "$", label="Names of the result folders",
        help="$ is the image's name.",
    )  # fmt: skip
    report: str | None = option(
        Kind.HTML_OUT, "Report", None, created=True, help="All images side by side, with a plot."
    )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Key points of each image")
    table: str | None = result(Kind.FILE, "Table")
    report: str | None = result(Kind.HTML_OUT, "Report")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
