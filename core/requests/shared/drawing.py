# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and results of the operations that draw pictures of images."""

from __future__ import annotations

from dataclasses import dataclass

from ...options import Kind, option, redefault, result
from .. import Images, Memory


@dataclass(frozen=True)
class Drawing(Memory):
    """Options of every figure."""

    nodata: float | None = redefault(Images, "nodata", None)
    width: float = option(
        Kind.NUMBER,
        "Width",
        10.0,
        unit="in",
        minimum=3,
        maximum=60,
        advanced=True,
        help="Width of the figure.",
    )
    height: float = option(
        Kind.NUMBER,
        "Height",
        6.0,
        unit="in",
        minimum=2,
        maximum=60,
        advanced=True,
        help="Height of the figure.",
    )
    dpi: int = option(
        Kind.INTEGER,
        "Resolution",
        300,
        unit="dots per inch",
        minimum=50,
        maximum=1200,
        advanced=True,
        help="Resolution of a PNG file, and of photographs in PDF and SVG.",
    )
    output: str = option(
        Kind.FIGURE_OUT, "Figure", help="A PNG, PDF or SVG file, by the ending of its name."
    )
    report: str | None = option(
        Kind.HTML_OUT, "Report", None, created=True, help="The figure with its numbers."
    )


@dataclass(frozen=True)
class DrawingSets(Drawing):
    """Options of figures that show images before and after."""

    before: tuple[str, ...] = option(
        Kind.RASTERS, "Images before", help="Files, folders or patterns."
    )
    after: tuple[str, ...] = option(
        Kind.RASTERS,
        "Images after",
        help="The same images after correction; they belong together by their names without the "
        "suffixes of steps, else by their order.",
    )


@dataclass(frozen=True)
class DrawnResult:
    """What every figure gives."""

    output: str | None = result(Kind.FIGURE_OUT, "Figure")
    report: str | None = result(Kind.HTML_OUT, "Report")
