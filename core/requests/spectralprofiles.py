# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw the mean of each band of images before and after a correction, one color for each image."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, result
from .shared.drawing import DrawingSets, DrawnResult


@dataclass(frozen=True)
class Request(DrawingSets):
    """Options of the run."""

    title: str = option(Kind.TEXT, "Title", "Spectral profiles", help="Above the figure.")
    bands_axis: str = option(Kind.TEXT, "Title of the bands", "Band", help="Below the figure.")
    values_axis: str = option(
        Kind.TEXT, "Title of the values", "Mean value", help="Left of the figure."
    )
    labels: tuple[str, ...] = option(
        Kind.NAMES,
        "Names in the legend",
        (),
        advanced=True,
        help="One for each image, in the order of the images before; empty: their names.",
    )
    line_width: float = option(
        Kind.NUMBER,
        "Line width",
        1.0,
        unit="points",
        minimum=0.1,
        maximum=10,
        advanced=True,
        help="Width of the lines.",
    )
    spread: str = option(
        Kind.CHOICE,
        "Spread",
        "none",
        choices=("none", "std", "quartiles"),
        advanced=True,
        help="What is shaded around the lines after correction: one standard deviation to either "
        "side, or the middle half of the values",
    )
    wavelengths: tuple[float, ...] = option(
        Kind.NUMBERS,
        "Wavelengths",
        (),
        advanced=True,
        help="One for each band, in any unit; empty: bands at equal steps, with their names.",
    )
    legend: bool = option(
        Kind.FLAG, "Legend", True, advanced=True, help="Show which color is which image."
    )


@dataclass(frozen=True)
class Result(DrawnResult):
    """What the run gives."""

    mean_spread_before: float | None = result(Kind.NUMBER, "Spread of the means before, %")
    mean_spread_after: float | None = result(Kind.NUMBER, "Spread of the means after, %")
