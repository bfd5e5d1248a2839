# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure how an image is displaced from a reference, and judge how accurate it is."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, result
from .shared.comparing import Analyzing
from .shared.numbers import Numbers


@dataclass(frozen=True)
class Request(Analyzing):
    """Options of the run."""

    moving: str = option(
        Kind.RASTER, "Moving image", help="The image under test; KARIOS calls it monitored."
    )
    reference: str = option(Kind.RASTER, "Reference", help="The image that is taken as truth.")
    output_folder: str = option(
        Kind.FOLDER_OUT,
        "Output folder",
        aliases=("out",),
        help="Results go to a folder in it, named <moving>_<reference>; files of the same names "
        "are replaced.",
    )
    key_points: str | None = option(
        Kind.VECTOR_OUT,
        "Key points",
        None,
        created=True,
        help="Layer of arrows; without a name it is key_points.gpkg in the result folder.",
    )
    report: str | None = option(
        Kind.HTML_OUT,
        "Report",
        None,
        created=True,
        help="Verdict, numbers and figures; the result folder has a copy.",
    )


@dataclass(frozen=True)
class Result(Numbers):
    """What the run gives."""

    output_folder: str = result(Kind.FOLDER_OUT, "Result folder")
    key_points: str | None = result(Kind.VECTOR_OUT, "Key points")
    report: str | None = result(Kind.HTML_OUT, "Report")
    statistics: str | None = result(Kind.FILE, "Statistics")
