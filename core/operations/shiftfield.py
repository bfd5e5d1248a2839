# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a continuous field of displacements from key points."""

from __future__ import annotations

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
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import open_image, refuse_overwriting
from ..requests import Writing
from ..requests.shiftfield import Request as Request
from ..requests.shiftfield import Result as Result
from ..vector import files_of
from ..write import write

NEEDS = (("the field", ()),)

CREATION = "COMPRESS=DEFLATE|PREDICTOR=3|TILED=YES"


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
