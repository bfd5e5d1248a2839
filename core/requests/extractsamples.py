# SPDX-License-Identifier: GPL-2.0-or-later
"""Collect the features of the pixels under reference polygons, to train a classifier with."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import Memory
from .shared.labels import Labels

STRATEGIES = ("all", "smallest", "constant", "percent", "total", "byclass")


@dataclass(frozen=True)
class Request(Memory):
    """Options of the run."""

    image: str = redefault(Labels, "image")
    polygons: str = redefault(Labels, "polygons")
    field: str = redefault(Labels, "field")
    strategy: str = option(
        Kind.CHOICE, "Pixels taken", "all", choices=STRATEGIES,
        help="all; smallest: as many of each class as the smallest has; constant: AMOUNT of each; "
        "percent: AMOUNT % of each; total: AMOUNT in all, shared as the classes are; byclass: "
        "those of RATES.",
    )  # fmt: skip
    amount: float = option(
        Kind.NUMBER, "Amount", 0.0, minimum=0,
        help="Pixels of each class, percent, or pixels in all, as the choice above says.",
    )  # fmt: skip
    output: str = option(
        Kind.VECTOR_OUT, "Samples", help="A GeoPackage of points with label, polygon and features."
    )
    output_rates: str | None = option(
        Kind.TABLE_OUT, "Table of rates", None, help="Pixels taken and there are, for each class."
    )
    run: int = option(
        Kind.INTEGER, "Run", -1, minimum=-1, advanced=True,
        help="Take the polygons whose field seed_<run> is PART; -1: all polygons.",
    )  # fmt: skip
    part: str = option(
        Kind.CHOICE, "Set", "learn", choices=("learn", "validation"), advanced=True,
        help="Which polygons of the run are taken.",
    )  # fmt: skip
    sampler: str = option(
        Kind.CHOICE, "Sampler", "random", choices=("random", "periodic"), advanced=True,
        help="random: drawn without order; periodic: one every so often along the rows.",
    )  # fmt: skip
    jitter: int = option(
        Kind.INTEGER, "Jitter", 0, unit="px", minimum=0, advanced=True,
        help="Positions by which a periodic sample may be moved along its row.",
    )  # fmt: skip
    erosion: int = option(
        Kind.INTEGER, "Erosion", 0, unit="px", minimum=0, maximum=100, advanced=True,
        help="Pixels left out along the edges of polygons, which are often mixed. A polygon that "
        "would vanish keeps its innermost pixels.",
    )  # fmt: skip
    max_per_polygon: int = option(
        Kind.INTEGER, "Most pixels of one polygon", 0, minimum=0, advanced=True,
        help="So that one large polygon does not stand for its class; 0: no limit.",
    )  # fmt: skip
    rates: str | None = option(
        Kind.FILE, "Pixels by class", None, advanced=True,
        help="For byclass: lines label,count or region,label,count.",
    )  # fmt: skip
    augment: str = option(
        Kind.CHOICE, "Add samples", "none", choices=("none", "replicate", "jitter", "smote"),
        advanced=True, help="replicate: copies; jitter: copies with noise; smote: points between "
        "neighbors of one class.",
    )  # fmt: skip
    augment_amount: str = option(
        Kind.TEXT, "Samples after adding", "balance", advanced=True,
        help="balance: as many of each class as the largest has; minimum:500; or a file of lines "
        "label,count.",
    )  # fmt: skip
    spread: float = option(
        Kind.NUMBER, "Spread of jitter", 10.0, minimum=0.1, advanced=True,
        help="The noise is the standard deviation of the class divided by this.",
    )  # fmt: skip
    neighbors: int = option(
        Kind.INTEGER, "Neighbors", 5, minimum=1, maximum=100, advanced=True,
        help="Neighbors among which smote chooses.",
    )  # fmt: skip
    transfer: str | None = option(
        Kind.FILE, "Samples for other regions", None, advanced=True,
        help="Lines source_region,destination_region,class,quantity.",
    )  # fmt: skip
    region: str | None = option(
        Kind.TEXT, "Region", None, advanced=True, help="Only the polygons of this region."
    )
    seed: int = option(
        Kind.INTEGER, "Random seed", 0, minimum=0, advanced=True,
        help="The same seed takes the same pixels.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if (self.strategy == "byclass") != bool(self.rates):
            raise InvalidOption("Pixels taken: byclass and a file in RATES belong together.")
        if self.strategy in ("constant", "percent", "total") and not self.amount:
            raise InvalidOption(f"Amount: {self.strategy} needs one above 0.")
        if self.strategy == "percent" and self.amount > 100:
            raise InvalidOption(f"Amount: {self.amount:g} percent are more than there are.")
        if self.augment != "none" and self.part != "learn":
            raise InvalidOption("Add samples: only to those that are learned from (PART = learn).")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.VECTOR_OUT, "Samples")
    output_rates: str | None = result(Kind.TABLE_OUT, "Table of rates")
    samples: int | None = result(Kind.INTEGER, "Samples")
    classes: int | None = result(Kind.INTEGER, "Classes")
    features: int | None = result(Kind.INTEGER, "Features")
    invalid_pixels: int | None = result(Kind.INTEGER, "Pixels left out as invalid")
    conflict_pixels: int | None = result(Kind.INTEGER, "Pixels in polygons of different labels")
    eroded_polygons: int | None = result(Kind.INTEGER, "Polygons smaller than the erosion")
