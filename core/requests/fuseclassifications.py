# SPDX-License-Identifier: GPL-2.0-or-later
"""Fuse several class maps of one place into one: by votes, confidence, belief or probability."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, result
from . import Writing

METHODS = ("majority", "confidence", "dempstershafer", "ignorance", "probability")
MEASURES = ("precision", "recall", "accuracy", "kappa")
TIES = ("undecided", "confidence", "priority")


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    images: tuple[str, ...] = option(
        Kind.RASTERS, "Maps", help="Two class maps or more, on one grid; 0 = no class."
    )
    confidences: tuple[str, ...] = option(
        Kind.RASTERS, "Confidences", (),
        help="Of the maps, in the same order: percent as whole numbers, or 0 to 1.",
    )  # fmt: skip
    method: str = option(
        Kind.CHOICE, "Method", "majority", choices=METHODS,
        help="majority: most votes; confidence: largest sum of confidences; dempstershafer and "
        "ignorance: what the confusions let believe; probability: largest mean of the "
        "probabilities.",
    )  # fmt: skip
    output: str = option(Kind.RASTER_OUT, "Fused map", help="Labels; 0 where no map has a class.")
    output_confidence: str | None = option(
        Kind.RASTER_OUT, "Confidence", None,
        help="Mean confidence of the maps in the result: theirs where they agree, one minus it "
        "where they do not.",
    )  # fmt: skip
    confusions: tuple[str, ...] = option(
        Kind.NAMES, "Confusions", (), advanced=True,
        help="Files of confusions of the maps, in the same order (Classif_Seed_0.csv), for "
        "dempstershafer and ignorance; separated by commas.",
    )  # fmt: skip
    measure: str = option(
        Kind.CHOICE, "Belief in a map", "precision", choices=MEASURES, advanced=True,
        help="What of its confusion says how far a map is believed.",
    )  # fmt: skip
    tie: str = option(
        Kind.CHOICE, "Ties", "undecided", choices=TIES, advanced=True,
        help="undecided: the label below; confidence: the label of the more confident maps; "
        "priority: that of the first map.",
    )  # fmt: skip
    undecided: int = option(
        Kind.INTEGER, "Label of ties", 0, minimum=0, maximum=65535, advanced=True,
        help="No class may have it; 0: no class.",
    )  # fmt: skip
    probabilities: tuple[str, ...] = option(
        Kind.RASTERS, "Probabilities", (), advanced=True,
        help="Of the maps, in the same order: one band for each class, named by it.",
    )  # fmt: skip
    nomenclature: str | None = option(
        Kind.FILE, "Class names", None, advanced=True,
        help="A text file with lines name:label, where bands of probabilities have names.",
    )  # fmt: skip
    output_probability: str | None = option(
        Kind.RASTER_OUT, "Fused probabilities", None, advanced=True,
        help="Means of the probabilities, per mille, one band for each class.",
    )  # fmt: skip
    output_choice: str | None = option(
        Kind.RASTER_OUT, "Choice", None, advanced=True,
        help="Who agreed with the result: 0 no map, 1 all, 2 the first alone, 3 the second alone "
        "…, 255 several.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        needs = {
            "confidence": ("confidences", self.confidences),
            "dempstershafer": ("confusions", self.confusions),
            "ignorance": ("confusions", self.confusions),
            "probability": ("probabilities", self.probabilities),
        }
        name, given = needs.get(self.method, ("", self.images))
        if not given:
            raise InvalidOption(f"Method: {self.method} needs {name}; give them, one for each map.")
        if self.tie == "confidence" and not self.confidences:
            raise InvalidOption("Ties: confidence needs confidences; give them, one for each map.")
        if self.output_probability and not self.probabilities:
            raise InvalidOption("Fused probabilities: give the probabilities of the maps.")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Fused map")
    output_confidence: str | None = result(Kind.RASTER_OUT, "Confidence")
    output_probability: str | None = result(Kind.RASTER_OUT, "Fused probabilities")
    output_choice: str | None = result(Kind.RASTER_OUT, "Choice")
    maps: int | None = result(Kind.INTEGER, "Maps fused")
    classes: int | None = result(Kind.INTEGER, "Classes")
    undecided_pixels: int | None = result(Kind.INTEGER, "Pixels that stayed undecided")
