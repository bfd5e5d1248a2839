# SPDX-License-Identifier: GPL-2.0-or-later
"""Show images before and after a correction in two rows, with one stretch for all of them."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, result
from .shared.drawing import DrawingSets, DrawnResult


@dataclass(frozen=True)
class Request(DrawingSets):
    """Options of the run."""

    before_label: str = option(Kind.TEXT, "Title of the first row", "Before", help="Left of it.")
    after_label: str = option(Kind.TEXT, "Title of the second row", "After", help="Left of it.")
    bands: tuple[float, ...] = option(
        Kind.NUMBERS,
        "Bands",
        (),
        help="Three bands shown as red, green and blue, or one; empty: those named so, else 1,2,3 "
        "of three bands and 3,2,1 of more.",
    )
    names: tuple[str, ...] = option(
        Kind.NAMES,
        "Names of the images",
        (),
        advanced=True,
        help="One for each image, in the order of the images before; empty: their names.",
    )
    columns: int | None = option(
        Kind.INTEGER,
        "Columns",
        None,
        minimum=1,
        advanced=True,
        help="Images beside each other; empty: all up to 8, else as few rows of 8 as needed.",
    )
    stretch: str = option(
        Kind.CHOICE,
        "Stretch",
        "both",
        choices=("both", "row", "image"),
        advanced=True,
        help="What is shown black and white alike: all images, so that brightness can be compared; "
        "those of a row; or each image by itself",
    )
    lower: float = option(
        Kind.NUMBER,
        "Shown black",
        2.0,
        unit="%",
        minimum=0,
        maximum=100,
        advanced=True,
        help="Part of the values up to which all is black.",
    )
    upper: float = option(
        Kind.NUMBER,
        "Shown white",
        98.0,
        unit="%",
        minimum=0,
        maximum=100,
        advanced=True,
        help="Part of the values from which on all is white.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.lower >= self.upper:
            raise InvalidOption(
                f"Shown black: {self.lower:g} % is not below shown white ({self.upper:g} %)."
            )
        if self.bands and (
            len(self.bands) not in (1, 3) or any(b < 1 or b != int(b) for b in self.bands)
        ):
            raise InvalidOption("Bands: give three whole numbers from 1 on, such as 3,2,1, or one.")


@dataclass(frozen=True)
class Result(DrawnResult):
    """What the run gives."""

    images: int | None = result(Kind.INTEGER, "Images shown before and after")
