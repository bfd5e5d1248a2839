# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of the cost of seams."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from ...errors import InvalidOption
from ...options import Kind, option


@dataclass(frozen=True)
class Hiding:
    """Parts of images that must not be seen where another image is clear."""

    masks: str | None = option(
        Kind.TEXT,
        "Masks of the images",
        None,
        help="Clouds, shadows or other parts that must not be seen where another image is clear: "
        "a path with $ for the image's name, a folder (files called as the images, also with "
        "_CloudMask or _Mask behind), or one vector layer whose features bear the images' names. "
        "Rasters are masked where their value is one of MASK_VALUES, polygons inside",
    )


@dataclass(frozen=True)
class Costing(Hiding):
    """What makes seams expensive; shared with the pipeline."""

    obstacles: str | None = option(
        Kind.VECTOR,
        "Obstacles",
        None,
        help="Polygons that no seam should cross, such as buildings, bridges or vehicles.",
    )
    priority: str | None = option(
        Kind.TEXT,
        "Priority",
        None,
        help="Expression that is larger for better images, over {fields} of FOOTPRINTS and of the "
        "images' metadata, such as {valid_fraction}, -{pixel_size_x}, {date} or -{cloud}; empty: "
        "images whose pixels are clearly larger come behind finer ones, else no preference",
    )
    bands: tuple[float, ...] = option(
        Kind.NUMBERS, "Bands", (), help="Numbers of the bands that are compared; empty: all."
    )
    cost_rasters: tuple[str, ...] = option(
        Kind.NAMES,
        "Further costs",
        (),
        advanced=True,
        help="Rasters of further costs (0 or more, on any grid), separated by commas; =weight "
        "behind a file multiplies it.",
    )
    difference_weight: float = option(
        Kind.NUMBER,
        "Weight of differences",
        1.0,
        minimum=0,
        advanced=True,
        help="How much it counts that images differ, beyond their usual difference.",
    )
    gradient_weight: float = option(
        Kind.NUMBER,
        "Weight of gradients",
        0.5,
        minimum=0,
        advanced=True,
        help="How much edges and texture count.",
    )
    length_weight: float = option(
        Kind.NUMBER,
        "Weight of length",
        0.05,
        minimum=0,
        advanced=True,
        help="Cost of any seam for each cell; more makes seams shorter and straighter.",
    )
    priority_weight: float = option(
        Kind.NUMBER,
        "Weight of priority",
        0.5,
        minimum=0,
        advanced=True,
        help="Cost of each cell of an image of lower priority.",
    )
    center_weight: float = option(
        Kind.NUMBER,
        "Weight of the middle",
        0.02,
        minimum=0,
        advanced=True,
        help="Cost of each cell near the border of its image; more draws seams to the middle of "
        "overlaps",
    )
    mask_values: tuple[float, ...] = option(
        Kind.NUMBERS,
        "Values of masks",
        (1.0, 2.0, 3.0),
        advanced=True,
        help="Values that are masked in MASKS; those of the cloud mask tool are 1 thick cloud, "
        "2 thin cloud, 3 shadow",
    )
    refine_to: int = option(
        Kind.INTEGER,
        "Finest cells",
        2,
        unit="px",
        minimum=1,
        maximum=128,
        advanced=True,
        help="Size of the cells at which seams are finally laid, in pixels of the finest image; "
        "rounded up to a power of two",
    )
    border: int = option(
        Kind.INTEGER,
        "Distance from invalid pixels",
        8,
        unit="px",
        minimum=0,
        maximum=1024,
        advanced=True,
        help="Seams keep this far from invalid pixels where they can.",
    )
    save_cost: str | None = option(
        Kind.RASTER_OUT,
        "Cost raster",
        None,
        advanced=True,
        help="A GeoTIFF of the first, coarse level: band 1 the cost of a seam, band 2 the number "
        "of the image that each cell shows; empty: none",
    )


def refuse_costing(how: Costing) -> None:
    """Raise InvalidOption for values that need no image to be wrong."""
    if any(band != int(band) or band < 1 for band in how.bands):
        raise InvalidOption(f"Bands: {how.bands} are not numbers of bands, 1 or more.")
    for entry in how.cost_rasters:
        weighted(entry)


def weighted(entry: str) -> tuple[str, float]:
    """Return file and weight of "file=weight"."""
    path, equals, text = entry.rpartition("=")
    if not equals or os.path.exists(entry):
        return entry, 1.0
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise InvalidOption(f"Further costs: {text!r} in {entry!r} is not a weight of 0 or more.")
    return path, weight
