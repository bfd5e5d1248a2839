# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics of features in objects: superpixels, parcels or segments of the user."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..landcover.objects import STATISTICS
from ..options import Kind, option, redefault, result
from . import Writing
from .shared.labels import Labels
from .vectorizeclasses import refuse_unknown


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    image: str = redefault(Labels, "image")
    segments: str | None = option(
        Kind.LAYER, "Objects", None,
        help="A raster with a number for each object (0 = none), or a layer of polygons such as "
        "parcels. Empty: superpixels are made.",
    )  # fmt: skip
    step: int = option(
        Kind.INTEGER, "Size of superpixels", 20, unit="px", minimum=4, maximum=500,
        help="Distance of the points from which they grow.",
    )  # fmt: skip
    statistics: tuple[str, ...] = option(
        Kind.NAMES, "Statistics", ("mean",),
        help=f"With commas: {', '.join(STATISTICS)}. Each makes a field <feature>_<statistic>; "
        "count is one field, the pixels whose features are all known.",
    )  # fmt: skip
    polygons: str | None = option(
        Kind.VECTOR, "Reference polygons", None,
        help="Labeled polygons; each object gets the label that covers most of it.",
    )  # fmt: skip
    output: str = option(
        Kind.VECTOR_OUT, "Objects with statistics", help="A GeoPackage; it trains classifiers too."
    )
    output_segments: str | None = option(
        Kind.RASTER_OUT, "Objects as a raster", None, advanced=True,
        help="The number of the object of each pixel, 0 for none.",
    )  # fmt: skip
    field: str | None = option(
        Kind.FIELD, "Field with the class", None, parent="polygons", advanced=True,
        help="Field of the reference polygons: whole numbers above 0, or text.",
    )  # fmt: skip
    min_cover: float = option(
        Kind.NUMBER, "Least cover", 0.5, minimum=0, maximum=1, advanced=True,
        help="Share of an object that a label must cover; below, the object has no label.",
    )  # fmt: skip
    compactness: float = option(
        Kind.NUMBER, "Compactness", 1.0, minimum=0.01, maximum=100, advanced=True,
        help="Weight of position against features: larger ones make rounder superpixels.",
    )  # fmt: skip
    buffer: int = option(
        Kind.INTEGER, "Window", 2000, unit="px", minimum=16, maximum=65536, advanced=True,
        help="Largest side of the windows in which superpixels are made; the result does not "
        "depend on it.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        refuse_unknown(self.statistics, STATISTICS)
        if self.polygons and not self.field:
            raise InvalidOption("Reference polygons: give the field of their labels (FIELD).")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.VECTOR_OUT, "Objects with statistics")
    output_segments: str | None = result(Kind.RASTER_OUT, "Objects as a raster")
    object_count: int | None = result(Kind.INTEGER, "Objects counted")
    labeled_count: int | None = result(Kind.INTEGER, "Objects with a label")
