# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that limit the ground that seam cells divide."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InvalidOption
from ...options import Kind, option, redefault
from .. import StatisticsMask


@dataclass(frozen=True)
class Areas(StatisticsMask):
    """Polygons inside or outside which images are used, and the area that is divided."""

    aoi: str | None = option(
        Kind.VECTOR,
        "Area of interest",
        None,
        help="Polygons that the cells are clipped to; empty: all ground that images cover.",
    )
    vector_mask: str | None = redefault(
        StatisticsMask,
        "vector_mask",
        None,
        label="Polygons for footprints",
        help="Polygons inside (or outside) which images are used: footprints are cut by them "
        "first, so that seams run round what is left out",
        advanced=True,
    )
    mask_mode: str = redefault(
        StatisticsMask,
        "mask_mode",
        "include",
        help="Whether images are used inside or outside the polygons.",
    )


def refuse_lonely_field(areas: Areas) -> None:
    """Raise InvalidOption when MASK_FIELD is given without polygons."""
    if areas.mask_field and not areas.vector_mask:
        raise InvalidOption("Field of the polygons: MASK_FIELD needs polygons in VECTOR_MASK.")
