# SPDX-License-Identifier: GPL-2.0-or-later
"""What options that limit the ground of seam cells do to footprints."""

from __future__ import annotations

from collections.abc import Sequence

from ...image import Image
from ...progress import SILENT, Progress
from ...requests.shared.areas import Areas
from ...seams.areas import clipped, united
from ...vector import polygons_for, read_polygons


def area_of_interest(areas: Areas, crs: str, progress: Progress = SILENT) -> bytes | None:
    """Return the area that is divided (well-known binary in a CRS), None for all ground."""
    if not areas.aoi:
        return None
    return united([feature.geometry for feature in read_polygons(areas.aoi, crs, progress)])


def used_ground(
    footprints: Sequence[bytes],
    images: Sequence[Image],
    crs: str,
    areas: Areas,
    progress: Progress = SILENT,
) -> list[bytes]:
    """Return footprints (well-known binary in a CRS) cut by the polygons of the request.

    An image without polygon of its own in MASK_FIELD is left out by "include" and kept whole by
    "exclude"; the former is warned of once.
    """
    if not areas.vector_mask:
        return list(footprints)
    features = read_polygons(areas.vector_mask, crs, progress)
    names = [image.name for image in images]
    inside, found, without = areas.mask_mode == "include", [], []
    every = None if areas.mask_field else united([feature.geometry for feature in features])
    for name, footprint in zip(names, footprints):
        mine = every
        if mine is None:
            own = polygons_for(name, features, areas.mask_field or "", names)
            mine = united([feature.geometry for feature in own])
            without += [] if own else [name]
        found.append(clipped(footprint, mine, inside=inside))
    if without and inside:
        progress.warn(f"Without polygon in VECTOR_MASK, so not used: {', '.join(without)}.")
    return found
