# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a continuous field of displacements from key points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..alike import file_name
from ..displacements.fields import field_of_points
from ..displacements.ground import Ground
from ..errors import InvalidOption
from ..exchange.layer import read_key_points
from ..exchange.rasters import FieldImage
from ..exchange.table import read_table
from ..grid import Grid
from ..matching.keypoints import KeyPoints
from ..options import Kind, option, result
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import open_image, refuse_overwriting
from ..requests import Memory, Writing
from ..vector import files_of
from ..write import write

NEEDS = (("the field", ()),)

CREATION = "COMPRESS=DEFLATE|PREDICTOR=3|TILED=YES"


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


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read key points, fit planes through them, and write the field on the reference grid."""
    reference = open_image(request.reference)
    inputs = (reference.path, *files_of(request.key_points))
    output = refuse_overwriting(request.output, inputs)
    ground = Ground(reference.grid)
    if request.units == "map" and not ground.unit:
        raise InvalidOption(
            f"Units: {file_name(reference)} has no CRS, so map units are not known."
        )
    points = _points(request.key_points, reference.grid, progress)
    progress.info(f"{len(points)} key points are used.")
    progress.phase("Fitting planes through the key points")
    field = field_of_points(points, reference.grid, request.spacing, request.neighbors)
    image = FieldImage(
        "field",
        field,
        reference.grid,
        request.max_distance,
        ground.vectors if request.units == "map" else None,
    )
    progress.check()
    progress.phase("Writing the field")
    how = Writing(
        threads=request.threads,
        memory=request.memory,
        window_size=request.window_size,
        creation_options=CREATION,
    )
    write(image, output, how, progress.part(0.2, 1.0))
    progress.info(f"The field is {output}.")
    return Result(output, len(points))


def _points(source: str, grid: Grid, progress: Progress) -> KeyPoints:
    """Return the accepted points of a table or a layer.

    Raises InvalidOption when none of them can be used.
    """
    table = source.lower().endswith(".csv")
    points = read_table(source) if table else read_key_points(source, grid, progress)
    points = points.chosen(points.accepted & np.isfinite(points.dx) & np.isfinite(points.dy))
    if not len(points):
        raise InvalidOption("None of the key points is used or of low score: no field can be made.")
    return points
