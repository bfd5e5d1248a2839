# SPDX-License-Identifier: GPL-2.0-or-later
"""Key points as kp_delta.json."""

from __future__ import annotations

import json

from ..grid import Grid
from ..matching.keypoints import KeyPoints
from ..progress import SILENT, Progress
from ..raster.crs import crs_title
from ..stage import write_text
from .table import listed

PROPERTIES = (
    *("dx", "dy", "score", "radial error", "angle", "zncc_score", "mutual_info_score"),
    *("mi_score", "sigma_x", "sigma_y", "east", "north"),
)


def write_geojson(
    path: str, points: KeyPoints, grid: Grid, progress: Progress = SILENT
) -> str | None:
    """Write the accepted points at their pixel centers in the CRS of the reference grid.

    Nothing is written, and None returned, when the grid has no CRS. Unknown values are null.
    Raises ImageIOError with the reason.
    """
    if not grid.crs:
        return None
    points = points.chosen(points.accepted)
    x, y = grid.to_map(points.x0 + 0.5, points.y0 + 0.5)
    members = ", ".join(f'"{name}": %.6g' for name in PROPERTIES)
    form = (
        '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [%.15g, %.15g]}, '
        f'"properties": {{{members}}}}}'
    )
    rows = zip(x.tolist(), y.tolist(), listed(points, PROPERTIES))
    features = [(form % (east, north, *row)).replace("nan", "null") for east, north, row in rows]
    head = f'{{"type": "FeatureCollection",\n{_crs_member(grid.crs, progress)}"features": [\n'
    return write_text(path, head + ",\n".join(features) + "\n]}\n")


def _crs_member(crs: str, progress: Progress) -> str:
    authority, _, code = crs_title(crs).partition(":")
    if authority != "EPSG" or not code.isdigit():
        progress.warn(
            f"The CRS of the reference ({crs_title(crs)}) has no EPSG code: kp_delta.json does not "
            "name it."
        )
        return ""
    name = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}
    return f'"crs": {json.dumps(name)},\n'
