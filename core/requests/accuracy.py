# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare class maps with reference polygons: scores, areas and how far they may be off."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import Writing
from .shared.labels import Labels


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    images: tuple[str, ...] = option(
        Kind.RASTERS,
        "Maps",
        help="Class maps, one for each run in the order of the runs; 0 = none.",
    )
    polygons: str = redefault(Labels, "polygons")
    field: str = redefault(Labels, "field")
    nomenclature: str | None = redefault(Labels, "nomenclature")
    area_weighted: bool = option(
        Kind.FLAG,
        "Estimate areas",
        True,
        help="Weight classes by the area they have on the map, and estimate their true areas.",
    )
    output_folder: str = option(
        Kind.FOLDER_OUT,
        "Output folder",
        help="RESULTS.txt, .json and .html, AREAS.csv, confusion figures and tables; nothing in it "
        "is deleted.",
    )
    part: str = option(
        Kind.CHOICE,
        "Compared polygons",
        "validation",
        choices=("validation", "learn", "all"),
        advanced=True,
        help="Those whose run field says so. Without run fields all polygons are compared.",
    )
    run_field: str = option(
        Kind.TEXT,
        "Run fields",
        "seed_$",
        advanced=True,
        help="Name of the fields that say learn, validation or unused; $ is the number of the run "
        "from 0.",
    )
    sample_unit: str = option(
        Kind.CHOICE,
        "Unit of the errors of areas",
        "polygon",
        choices=("polygon", "pixel"),
        advanced=True,
        help="polygon: pixels of one polygon are alike, so whole polygons are drawn again; pixel: "
        "each pixel is an observation of its own.",
    )
    bootstrap: int = option(
        Kind.INTEGER,
        "Draws",
        1000,
        minimum=0,
        maximum=100000,
        advanced=True,
        help="How often polygons are drawn again for intervals; 0 leaves intervals out.",
    )
    level: float = option(
        Kind.NUMBER,
        "Confidence of intervals",
        95.0,
        unit="%",
        minimum=50,
        maximum=99.9,
        advanced=True,
        help="Intervals hold the true value with this probability.",
    )
    seed: int = option(
        Kind.INTEGER,
        "Random seed",
        0,
        minimum=0,
        advanced=True,
        help="The same seed draws the same polygons.",
    )
    strata: str | None = option(
        Kind.RASTER,
        "Strata",
        None,
        advanced=True,
        help="Strata of the sampling design, whole numbers above 0; empty: the classes of the map.",
    )
    difference: bool = option(
        Kind.FLAG,
        "Write difference maps",
        True,
        advanced=True,
        help="diff_seed_<run>.tif: 1 validation wrong, 2 right, 3 learn wrong, 4 right, 0 no "
        "reference.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if len(self.images) > 1 and "$" not in self.run_field:
            raise InvalidOption(f"Run fields: {self.run_field!r} needs a $ for the run's number.")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_folder: str = result(Kind.FOLDER_OUT, "Output folder")
    report: str | None = result(Kind.HTML_OUT, "Report")
    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Difference maps")
    accuracy: float | None = result(Kind.NUMBER, "Overall accuracy")
    kappa: float | None = result(Kind.NUMBER, "Kappa")
    pixels_compared: int | None = result(Kind.INTEGER, "Pixels compared")
    pixels_not_mapped: int | None = result(Kind.INTEGER, "Reference pixels without class")
    conflict_pixels: int | None = result(Kind.INTEGER, "Pixels in polygons of different labels")
    polygons_outside: int | None = result(Kind.INTEGER, "Polygons outside the map")
