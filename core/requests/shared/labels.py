# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that the operations on classes take from here, each in its own place of the dialog."""

from __future__ import annotations

from dataclasses import dataclass

from ...options import Kind, option


@dataclass(frozen=True)
class Labels:
    """Reference polygons with their labels, names and colors of the labels, and regions."""

    image: str = option(
        Kind.RASTER, "Features", help="An image whose bands are the features of each pixel."
    )
    polygons: str = option(
        Kind.VECTOR, "Reference polygons", help="Labeled polygons or points, in any CRS."
    )
    field: str = option(
        Kind.FIELD,
        "Field with the class",
        parent="polygons",
        help="Whole numbers above 0, or text.",
    )
    nomenclature: str | None = option(
        Kind.FILE, "Class names", None, help="A text file with lines name:label."
    )
    colors: str | None = option(
        Kind.FILE,
        "Colors",
        None,
        help="A text file with lines label R G B; empty: automatic colors.",
    )
    region_field: str = option(
        Kind.TEXT,
        "Name of the region",
        "region",
        advanced=True,
        help="Field of the regions with their names.",
    )
