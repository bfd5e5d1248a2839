# SPDX-License-Identifier: GPL-2.0-or-later
"""Put class maps of tiles and regions together, with confidence, validity and colors."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import ManyOutputs, Writing
from .shared.labels import Labels


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    images: tuple[str, ...] = option(
        Kind.RASTERS, "Class maps", help="Of tiles, and of regions of tiles; 0 = no class."
    )
    confidences: tuple[str, ...] = option(
        Kind.RASTERS, "Confidences", (),
        help="Of the maps, found by the tile in their names, else by their order.",
    )  # fmt: skip
    validities: tuple[str, ...] = option(
        Kind.RASTERS, "Counts of clear dates", (),
        help="Of the tiles, found by the tile in their names, else by their order.",
    )  # fmt: skip
    envelopes: str | None = option(
        Kind.VECTOR, "Envelopes", None,
        help='Of "Tile priority": the part that is taken from each tile. Without them the first '
        "map with a class is taken.",
    )  # fmt: skip
    colors: str | None = redefault(Labels, "colors")
    output_folder: str = redefault(ManyOutputs, "output_folder")
    nomenclature: str | None = redefault(Labels, "nomenclature", advanced=True)
    probabilities: tuple[str, ...] = option(
        Kind.RASTERS, "Probabilities", (), advanced=True,
        help="Of the maps, found as confidences are.",
    )  # fmt: skip
    run: int = option(
        Kind.INTEGER, "Run", 0, minimum=0, advanced=True, help="Number in the names of the files."
    )
    reference: str | None = option(
        Kind.RASTER, "Grid", None, advanced=True,
        help="An image whose grid the mosaic gets; empty: all maps, with their finest pixels.",
    )  # fmt: skip
    product_pattern: str = option(
        Kind.TEXT, "Names of the products", "$_Seed_<RUN>", advanced=True,
        help="$ is the product (Classif, Confidence …), <RUN> the run.",
    )  # fmt: skip
    load_outputs: bool = redefault(ManyOutputs, "load_outputs")

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if "$" not in self.product_pattern:
            raise InvalidOption("Names of the products: they need a $ for the product.")
        if set(self.product_pattern) & set("/\\"):
            raise InvalidOption(
                f"Names of the products: {self.product_pattern!r} names a folder; that is "
                "OUTPUT_FOLDER."
            )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_folder: str = result(Kind.FOLDER_OUT, "Output folder")
    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Products")
    classes: int | None = result(Kind.INTEGER, "Classes")
    classified_pixels: int | None = result(Kind.INTEGER, "Classified pixels")
