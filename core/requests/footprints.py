# SPDX-License-Identifier: GPL-2.0-or-later
"""Outline the valid pixels of every image as a polygon."""

from __future__ import annotations

from dataclasses import dataclass

from ..deps import require
from ..errors import InvalidOption
from ..options import Kind, option, result
from . import ImageField, Images

FIELDS = (
    ("path", "string"),
    ("bands", "integer"),
    ("pixel_size_x", "real"),
    ("pixel_size_y", "real"),
    ("valid_pixels", "integer"),
    ("valid_fraction", "real"),
    ("area", "real"),
)


RESERVED = ("fid", "geom", "priority", *(name for name, _ in FIELDS))


@dataclass(frozen=True)
class Outlining:
    """How valid pixels become polygons; shared with the seamlines."""

    crs: str | None = option(
        Kind.CRS, "CRS", None, advanced=True, help="CRS of the result; empty: of the first image."
    )
    min_hole: float = option(
        Kind.NUMBER,
        "Smallest hole",
        0.0,
        unit="px",
        minimum=0,
        advanced=True,
        help="Holes of fewer pixels than this are closed; 0 keeps all.",
    )
    min_part: float = option(
        Kind.NUMBER,
        "Smallest part",
        0.0,
        unit="px",
        minimum=0,
        advanced=True,
        help="Parts of fewer pixels than this are dropped; 0 keeps all.",
    )


@dataclass(frozen=True)
class Request(ImageField, Outlining, Images):
    """Options of the run."""

    simplify: float = option(
        Kind.NUMBER,
        "Simplification",
        0.0,
        unit="px",
        minimum=0,
        advanced=True,
        help="How far a simplified outline may be off; 0 follows the edges of pixels exactly.",
    )
    output: str = option(Kind.VECTOR_OUT, "Footprints", help="A GeoPackage, layer footprints.")

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require("scipy", "Footprints")
        require("shapely", "Footprints")
        refuse_reserved(self.image_field_name)


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.VECTOR_OUT, "Footprints")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    union_area: float | None = result(Kind.NUMBER, "Area of the union")
    empty_count: int | None = result(Kind.INTEGER, "Images without valid pixel")


def refuse_reserved(field: str) -> None:
    """Raise InvalidOption when the field of the image's name is one the layers have already."""
    if not field.strip() or field.lower() in RESERVED:
        raise InvalidOption(
            f"Field with the image's name: {field!r} is taken. Choose another name, for example "
            "image."
        )
