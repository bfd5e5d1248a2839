# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn a class map into polygons without gaps, with smooth borders and statistics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, result
from . import Memory

STATISTICS = ("rate", "confidence", "validity")

_TAKEN = re.compile(r"fid|geom|name|area|validmean|validstd|confidence|c\d+")


@dataclass(frozen=True)
class Request(Memory):
    """Options of the run."""

    image: str = option(
        Kind.RASTER, "Class map", help="Labels as whole numbers, best regularized; 0 = no class."
    )
    confidence: str | None = option(
        Kind.RASTER, "Confidence", None,
        help="Its mean in each polygon becomes a field, in percent.",
    )  # fmt: skip
    validity: str | None = option(
        Kind.RASTER, "Count of clear dates", None,
        help="Its mean and standard deviation in each polygon become fields.",
    )  # fmt: skip
    tolerance: float = option(
        Kind.NUMBER, "Tolerance", 10.0, unit="map units", minimum=0,
        help="Points of borders that lie so near to a straight line are left out; borders of two "
        "polygons stay common, and corners where three meet stay in place. 0: none are left out.",
    )  # fmt: skip
    mmu: float = option(
        Kind.NUMBER, "Smallest polygon", 1000.0, unit="m²", minimum=0,
        help="Smaller ones join the neighbor with the longest common border.",
    )  # fmt: skip
    output: str = option(Kind.VECTOR_OUT, "Polygons", help="A GeoPackage with the classes' colors.")
    smooth: float = option(
        Kind.NUMBER, "Smoothing step", 10.0, unit="map units", minimum=0, advanced=True,
        help="Borders become curves through their points, with a point at this distance; 0: they "
        "stay angular.",
    )  # fmt: skip
    corners: bool = option(
        Kind.FLAG, "Cut corners", True, advanced=True,
        help="Cut the corners of pixels first, so that stairs become straight.",
    )  # fmt: skip
    source: str | None = option(
        Kind.RASTER, "Map for the shares", None, advanced=True,
        help="The map before regularization: the share of each of its classes in a polygon becomes "
        "a field c<label>. Empty: the class map itself.",
    )  # fmt: skip
    zones: str | None = option(
        Kind.VECTOR, "Zones", None, advanced=True,
        help="Polygons; a shapefile is written for each, with the polygons cut at its border.",
    )  # fmt: skip
    zone_field: str | None = option(
        Kind.FIELD, "Name of a zone", None, parent="zones", advanced=True,
        help="Its value names the file; zones of one value go together.",
    )  # fmt: skip
    zone_value: str | None = option(
        Kind.TEXT, "Zone", None, advanced=True, help="Only the zones with this value; empty: all."
    )
    prefix: str = option(
        Kind.TEXT, "Prefix of the shapefiles", "dept", advanced=True,
        help="They are called <prefix>_<value>.shp and lie beside the polygons.",
    )  # fmt: skip
    class_field: str = option(
        Kind.TEXT, "Field of the class", "Class", advanced=True, help="Name of the field."
    )
    statistics: tuple[str, ...] = option(
        Kind.NAMES, "Statistics", STATISTICS, clearable=True, advanced=True,
        help="With commas: rate (shares of classes), confidence, validity.",
    )  # fmt: skip
    block: int = option(
        Kind.INTEGER, "Block", 2000, unit="px", minimum=16, maximum=65536, advanced=True,
        help="The map is looked at in parts of so many pixels squared; the result does not depend "
        "on it.",
    )  # fmt: skip
    zip: bool = option(
        Kind.FLAG, "Zip the shapefiles", True, advanced=True, help="Write each as .zip as well."
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        refuse_unknown(self.statistics, STATISTICS)
        if self.zones and not self.zone_field:
            raise InvalidOption("Zones: give the field that names them (ZONE_FIELD).")
        if not self.class_field.strip() or len(self.class_field) > 10:
            raise InvalidOption("Field of the class: a name of 1 to 10 letters is needed.")
        if _TAKEN.fullmatch(self.class_field.lower()):
            raise InvalidOption(
                f"Field of the class: {self.class_field} is the name of another field."
            )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.VECTOR_OUT, "Polygons")
    zone_files: tuple[str, ...] = result(Kind.VECTORS, "Shapefiles of zones")
    polygon_count: int | None = result(Kind.INTEGER, "Polygons counted")
    small_count: int | None = result(Kind.INTEGER, "Polygons below the limit without neighbor")


def refuse_unknown(names: Sequence[str], known: Sequence[str]) -> None:
    """Raise InvalidOption naming the first of some statistics that is not known."""
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InvalidOption(f"Statistics: {unknown!r} is none of {', '.join(known)}.")
