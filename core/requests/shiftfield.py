# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a continuous field of displacements from key points."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, result
from . import Memory


@dataclass(frozen=True)
class Request(Memory):
    """Options of the run."""

    key_points: str = option(
        Kind.POINTS,
        "Key points",
        help="Layer of key points, or a table (CSV) of Orthoweave or KARIOS, with dx and dy; "
        "sigma and status count where they are there.",
    )
    reference: str = option(
        Kind.RASTER, "Reference", help="Image whose pixels the key points count; grid of the field."
    )
    spacing: float = option(
        Kind.NUMBER,
        "Node spacing",
        16.0,
        unit="px",
        minimum=1,
        maximum=10000,
        help="The field is computed on nodes and is bilinear between them.",
    )
    units: str = option(
        Kind.CHOICE,
        "Units",
        "pixels",
        choices=("pixels", "map"),
        advanced=True,
        help="pixels: x to the right, y down. map: east, north; metres for a geographic CRS.",
    )
    max_distance: float = option(
        Kind.NUMBER,
        "Largest distance to a key point",
        0.0,
        unit="px",
        minimum=0,
        advanced=True,
        help="What is farther from every key point becomes nodata; 0: no limit.",
    )
    neighbors: int = option(
        Kind.INTEGER,
        "Key points of a plane",
        20,
        minimum=6,
        maximum=200,
        advanced=True,
        help="Each node has the value of a plane through so many nearest key points.",
    )
    output: str = option(
        Kind.RASTER_OUT,
        "Field",
        help="Four bands: dx, dy, standard deviation, distance to the nearest key point.",
    )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Field")
    points: int | None = result(Kind.INTEGER, "Key points used")
