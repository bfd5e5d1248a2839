# SPDX-License-Identifier: GPL-2.0-or-later
"""Split reference polygons into those to learn from and those to validate with."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result, verify
from .shared.labels import Labels


@dataclass(frozen=True)
class Request:
    """Options of the run."""

    polygons: str = redefault(Labels, "polygons")
    field: str = redefault(Labels, "field")
    ratio: float = option(
        Kind.NUMBER, "Share to learn from", 0.5, minimum=0.05, maximum=0.95,
        help="Of each class of each region; the rest validates.",
    )  # fmt: skip
    runs: int = option(
        Kind.INTEGER, "Runs", 1, minimum=1, maximum=100,
        help="Splits drawn one after the other; folds with METHOD = folds.",
    )  # fmt: skip
    unit: str = option(
        Kind.CHOICE, "Kept whole", "polygon", choices=("polygon", "block", "group"),
        help="polygon: each polygon with all its parts; block: all polygons of a square, so that "
        "neighbors do not stand in two sets; group: all polygons of one value.",
    )  # fmt: skip
    output: str = option(
        Kind.VECTOR_OUT, "Split polygons",
        help="A GeoPackage with fields seed_0, seed_1 …: learn, validation or unused.",
    )  # fmt: skip
    output_classes: str | None = option(
        Kind.TABLE_OUT, "Table of classes", None,
        help="Polygons and area of each class in each run and set, and how far its validation "
        "polygons stand from the nearest learned one, as CSV.",
    )  # fmt: skip
    block_size: float = option(
        Kind.NUMBER, "Side of blocks", 0.0, unit="map units", minimum=0, advanced=True,
        help="0: the distance at which labels are no longer alike.",
    )  # fmt: skip
    buffer: float = option(
        Kind.NUMBER, "Distance between the sets", 0.0, unit="map units", minimum=0, advanced=True,
        help="Validation polygons nearer to a learned one are unused.",
    )  # fmt: skip
    group_field: str | None = option(
        Kind.FIELD, "Group", None, parent="polygons", advanced=True,
        help="For UNIT = group, such as the farm or the survey.",
    )  # fmt: skip
    method: str = option(
        Kind.CHOICE, "Method", "random", choices=("random", "folds"), advanced=True,
        help="random: each run draws anew; folds: run s learns from fold s, and all runs validate "
        "on the last of RUNS folds.",
    )  # fmt: skip
    balance: str = option(
        Kind.CHOICE, "What the share counts", "count", choices=("count", "area"), advanced=True,
        help="Polygons, or their area.",
    )  # fmt: skip
    single: str = option(
        Kind.CHOICE, "Class with one polygon", "learn", choices=("learn", "validation", "unused"),
        advanced=True, help="Its set; it is never in both.",
    )  # fmt: skip
    hold_out: float = option(
        Kind.NUMBER, "Held out of all runs", 0.0, minimum=0, maximum=0.9, advanced=True,
        help="Share set apart to test a fusion of the runs: field hold_out = yes.",
    )  # fmt: skip
    split: bool = option(
        Kind.FLAG, "Split", True, advanced=True,
        help="Off: all polygons learn; accuracy is then not independent.",
    )  # fmt: skip
    regions: str | None = option(
        Kind.VECTOR, "Regions", None, advanced=True,
        help="Areas with a model of their own; a polygon belongs to the one that holds most of it.",
    )  # fmt: skip
    region_field: str = redefault(Labels, "region_field")
    outside: float = option(
        Kind.NUMBER, "Smallest area outside", 0.1, unit="km²", minimum=0, advanced=True,
        help="Polygons in no region are left out when they are smaller, else refused.",
    )  # fmt: skip
    tiles: str | None = option(
        Kind.VECTOR, "Tiles", None, advanced=True,
        help="Polygons are cut at these after the split, and each part knows its tile.",
    )  # fmt: skip
    tile_field: str = option(
        Kind.TEXT, "Name of the tile", "tile", advanced=True,
        help="Field of the tiles with their names.",
    )  # fmt: skip
    area: str | None = option(
        Kind.VECTOR, "Clear area", None, advanced=True,
        help="Polygons are cut to it after the split.",
    )  # fmt: skip
    seed: int = option(
        Kind.INTEGER, "Random seed", 0, minimum=0, advanced=True,
        help="The same seed splits the same; run s uses the seed plus s.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check the options."""
        verify(self)
        if self.method == "folds" and self.runs < 2:
            raise InvalidOption("Runs: folds need at least 2, one to learn from, one to validate.")
        if (self.unit == "group") != bool(self.group_field):
            raise InvalidOption("Kept whole: group and a GROUP_FIELD belong together.")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.VECTOR_OUT, "Split polygons")
    output_classes: str | None = result(Kind.TABLE_OUT, "Table of classes")
    classes: int | None = result(Kind.INTEGER, "Classes")
    polygons_used: int | None = result(Kind.INTEGER, "Polygons used")
    polygons_left_out: int | None = result(Kind.INTEGER, "Polygons left out")
    block_side: float | None = result(Kind.NUMBER, "Side of blocks, map units")
    validation_distance: float | None = result(
        Kind.NUMBER, "Median distance of validation to learned polygons, map units"
    )
