# SPDX-License-Identifier: GPL-2.0-or-later
"""Control points of the georeferencer of QGIS (.points): read, written, and seen as key points."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import IncompatibleImages, InvalidOption
from ..grid import Grid
from ..image import Array
from ..matching.keypoints import LOW_SCORE, USED, Column, KeyPoints
from ..raster.crs import CrsMapping, same_crs
from ..stage import write_text
from .table import points_of, text_lines

HEADER = "mapX,mapY,sourceX,sourceY,enable,dX,dY,residual"
_CRS = "#CRS:"


@dataclass(frozen=True)
class ControlPoints:
    """True positions on the map, and where the moving image shows them now.

    `source_x, source_y` are map positions of the moving image as it is stored, or (column, -row)
    from its corner when it has neither CRS nor transform, as in QGIS. `dx, dy` are what the file
    tells of each point's residual, px. `crs` is that of the map positions, "" = not told.
    """

    map_x: Column
    map_y: Column
    source_x: Column
    source_y: Column
    enabled: NDArray[np.bool_]
    dx: Column
    dy: Column
    crs: str = ""

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.map_x)


def write_control_points(path: str, points: ControlPoints) -> str:
    """Write control points as QGIS does; return the absolute path.

    Raises ImageIOError with the reason.
    """
    numbers = (points.map_x, points.map_y, points.source_x, points.source_y)
    residuals = (points.dx, points.dy, np.hypot(points.dx, points.dy))
    columns = [*numbers, points.enabled.astype(np.int64), *residuals]
    rows = zip(*((column + 0).tolist() for column in columns))
    form = "%.15g,%.15g,%.15g,%.15g,%d,%.6g,%.6g,%.6g"
    head = [f"{_CRS} {points.crs}"] if points.crs else []
    return write_text(path, "\n".join([*head, HEADER, *(form % row for row in rows), ""]))


def read_control_points(path: str) -> ControlPoints:
    """Read control points; files of older versions of QGIS too.

    Raises ImageIOError when the file cannot be read, InvalidOption when a line is not understood.
    """
    title = os.path.basename(path)
    crs, rows, header = "", list[list[float]](), True
    for number, line in enumerate(text_lines(path, title), 1):
        if line.startswith("#"):
            crs = line[len(_CRS) :].strip() if line.startswith(_CRS) else crs
        elif header and line.lower().startswith("mapx"):
            header = False
        else:
            rows.append(_row(line, number, title))
    table = np.array(rows, np.float64).reshape(-1, 7)
    at = list(table.T)
    return ControlPoints(at[0], at[1], at[2], at[3], at[4] != 0, at[5], at[6], crs)


def _row(line: str, number: int, title: str) -> list[float]:
    """Return positions, enable and dX, dY of a line; what is left out is enabled, 0 and 0."""
    cells = [cell.strip() for cell in line.split(",")]
    try:
        found = [float(cell) if cell else np.nan for cell in cells[:7]]
    except ValueError as error:
        raise InvalidOption(f"{title}: line {number} holds something that is no number.") from error
    if len(found) < 4 or not np.isfinite(found[:4]).all():
        raise InvalidOption(f"{title}: line {number} does not hold mapX,mapY,sourceX,sourceY.")
    return found + [1.0, 0.0, 0.0][len(found) - 4 :]


def control_points(points: KeyPoints, grid: Grid, moving: Grid) -> ControlPoints:
    """Return accepted key points of a reference grid as control points of the moving image.

    Points in the statistics are enabled. dX and dY are the displacements.
    """
    points = points.chosen(points.accepted)
    x0, y0 = points.x0 + 0.5, points.y0 + 0.5
    source = _brought(_shown(grid, x0 + points.dx, y0 + points.dy), grid, moving)
    return ControlPoints(
        *_shown(grid, x0, y0), *source, points.used, points.dx, points.dy, grid.crs
    )


def key_points_of(control: ControlPoints, grid: Grid, moving: Grid) -> KeyPoints:
    """Return control points as key points of a reference grid; disabled ones have a low score.

    x0 and y0 are positions of the map, so they need not be whole. Score and sigma are not known.
    """
    source = _brought((control.source_x, control.source_y), moving, grid)
    at = Grid(grid.width, grid.height, grid.transform, control.crs or grid.crs)
    true = _pixels(grid, *_brought((control.map_x, control.map_y), at, grid))
    seen = _pixels(grid, *source)
    columns = {
        "x0": true[0] - 0.5,
        "y0": true[1] - 0.5,
        "dx": seen[0] - true[0],
        "dy": seen[1] - true[1],
        "status": np.where(control.enabled, USED, LOW_SCORE).astype(np.uint8),
    }
    return points_of(columns)


def _shown(grid: Grid, col: Array, row: Array) -> tuple[Array, Array]:
    """Return where QGIS shows a pixel position of an image."""
    return grid.to_map(col, row) if grid.georeferenced else (col, -row)


def _pixels(grid: Grid, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the pixel position that QGIS shows at a place."""
    return grid.to_pixel(x, y) if grid.georeferenced else (x, -y)


def _brought(at: Sequence[Array], source: Grid, target: Grid) -> tuple[Array, Array]:
    """Bring positions from the CRS of one grid to that of another."""
    if not (source.crs and target.crs) or same_crs(source.crs, target.crs):
        return at[0], at[1]
    x, y = CrsMapping(source.crs, target.crs)(at[0], at[1])
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise IncompatibleImages("Control points lie where the CRS of an image ends.")
    return x, y
