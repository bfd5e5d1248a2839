# SPDX-License-Identifier: GPL-2.0-or-later
"""Clean a class map: small regions go to their neighbors, coarser pixels take the majority."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, result
from . import Writing


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    image: str = option(Kind.RASTER, "Class map", help="Labels as whole numbers; 0 = no class.")
    umc1: int = option(
        Kind.INTEGER, "Smallest region first", 10, unit="px", minimum=0, maximum=10000,
        help="Regions of fewer pixels (held together by edges) go to the neighbor with the longest "
        "common border; 0: none do.",
    )  # fmt: skip
    umc2: int = option(
        Kind.INTEGER, "Smallest region in the end", 3, unit="px", minimum=0, maximum=10000,
        help="The same on the pixels of the result (held together by corners too); 0: none do.",
    )  # fmt: skip
    resolution: float = option(
        Kind.NUMBER, "Pixel size of the result", 20.0, unit="map units", minimum=0,
        help="Coarser pixels get the most frequent label; 0: as the map.",
    )  # fmt: skip
    output: str = option(Kind.RASTER_OUT, "Regularized map", help="Labels; 0 = no class.")
    nomenclature: str | None = option(
        Kind.FILE, "Groups of classes", None, advanced=True,
        help="Lines label,group: small regions go to neighbors of their group first.",
    )  # fmt: skip
    inland: str | None = option(
        Kind.VECTOR, "Land", None, advanced=True,
        help="Water outside these polygons gets the label of the sea.",
    )  # fmt: skip
    sea_label: int = option(
        Kind.INTEGER, "Label of the sea", 0, minimum=0, maximum=65535, advanced=True,
        help="Given to water outside the land.",
    )  # fmt: skip
    water_label: int = option(
        Kind.INTEGER, "Label of water", 0, minimum=0, maximum=65535, advanced=True,
        help="The class of the map that is water.",
    )  # fmt: skip
    keep: str = option(
        Kind.TEXT, "Kept labels", "", advanced=True,
        help="Labels whose small regions stay, separated by commas.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.inland and not (self.sea_label and self.water_label):
            raise InvalidOption("Land: give the labels of the sea and of water with it.")
        labels_in(self.keep)


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Regularized map")
    classified_pixels: int | None = result(Kind.INTEGER, "Pixels with a class")


def labels_in(text: str) -> tuple[int, ...]:
    """Return the labels of a text like "11, 12"; raises InvalidOption for anything else."""
    words = text.replace(",", " ").split()
    if not all(word.isdigit() for word in words):
        raise InvalidOption(f"Kept labels: {text!r} is no list of labels, such as 11,12.")
    return tuple(int(word) for word in words)
