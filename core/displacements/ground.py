# SPDX-License-Identifier: GPL-2.0-or-later
"""Where key points lie on the ground: map positions, displacements in map units, heights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..alike import file_name
from ..errors import IncompatibleImages
from ..executor import each
from ..grid import Grid
from ..image import Image, read_padded
from ..matching.keypoints import Column, KeyPoints
from ..progress import SILENT, Progress
from ..raster import CrsMapping, crs_title, same_crs
from ..raster.crs import is_geographic, reference
from ..transform.kernels import taps
from ..windows import Window
from .squares import squares

UNITS = {"metre": "m", "meter": "m", "us survey foot": "ft", "foot": "ft", "kilometre": "km"}
"""Short names of map units."""


@dataclass(frozen=True)
class Ground:
    """What displacements of a reference grid are on the ground.

    Metres on the ellipsoid where the CRS is geographic. Without a CRS, `pixel_size` map units a
    pixel; where that is not known either, nothing is.
    """

    grid: Grid
    pixel_size: float | None = None

    @property
    def unit(self) -> str:
        """Short name of the unit of east and north; empty when it is not known."""
        if not self.grid.crs:
            return "m" if self.pixel_size else ""
        if is_geographic(self.grid.crs):
            return "m"
        name = str(reference(self.grid.crs).GetLinearUnitsName())
        return UNITS.get(name.lower(), name)

    @property
    def y_up(self) -> bool:
        """True when the rows of the image run upwards on the map, as seen in QGIS."""
        _, a, b, _, d, e = self.grid.transform
        return bool(self.grid.crs) and a * e - b * d > 0

    @property
    def seen(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Rows that turn displacements (dx, dy) into px to the right and down on the map."""
        _, a, b, _, d, e = self.grid.transform
        size = math.sqrt(abs(a * e - b * d))
        if not self.grid.crs or size == 0:
            return (1.0, 0.0), (0.0, 1.0)
        if b == d == 0:
            return (math.copysign(1.0, a), 0.0), (0.0, -math.copysign(1.0, e))
        return (a / size, b / size), (-d / size, -e / size)

    def vectors(self, x: Column, y: Column, dx: Column, dy: Column) -> tuple[Column, Column]:
        """Return (east, north) of displacements (dx, dy) in pixels at pixel centers (x, y)."""
        if not self.grid.crs:
            size = self.pixel_size or np.nan
            return dx * size, -dy * size
        _, a, b, _, d, e = self.grid.transform
        east, north = a * dx + b * dy, d * dx + e * dy
        if not is_geographic(self.grid.crs):
            return east, north
        per_x, per_y = self._metres(self.grid.to_map(x + 0.5, y + 0.5)[1] + north / 2)
        return east * per_x, north * per_y

    def _metres(self, latitude: Column) -> tuple[Column, Column]:
        """Metres per unit of longitude and latitude, on the CRS's ellipsoid."""
        crs = reference(self.grid.crs)
        radians = float(crs.GetAngularUnits())
        axis, inverse = float(crs.GetSemiMajor()), float(crs.GetInvFlattening())
        flattening = 1.0 / inverse if inverse else 0.0
        square = flattening * (2.0 - flattening)
        bend = 1.0 - square * np.sin(latitude * radians) ** 2
        along = axis * np.cos(latitude * radians) / np.sqrt(bend)
        return along * radians, axis * (1.0 - square) / bend**1.5 * radians


def with_map(points: KeyPoints, grid: Grid, pixel_size: float | None = None) -> KeyPoints:
    """Return the points with east, north and, on a georeferenced grid, x_map, y_map."""
    east, north = Ground(grid, pixel_size).vectors(points.x0, points.y0, points.dx, points.dy)
    nowhere = np.full(len(points), np.nan)
    x, y = (nowhere, nowhere)
    if grid.georeferenced:
        x, y = grid.to_map(points.x0 + 0.5, points.y0 + 0.5)
    return points.with_columns(east=east, north=north, x_map=x, y_map=y)


def with_altitude(
    points: KeyPoints,
    grid: Grid,
    dem: Image,
    *,
    threads: int = 0,
    progress: Progress = SILENT,
) -> KeyPoints:
    """Return the points with the heights of a DEM on any grid and CRS, bilinear.

    Heights are empty where the DEM has no valid pixel. Raises IncompatibleImages when one of
    DEM and reference has a CRS and the other none.
    """
    col, row = _dem_positions(points, grid, dem)
    size = dem.grid
    inside = (col >= -0.5) & (col < size.width - 0.5) & (row >= -0.5) & (row < size.height - 0.5)
    found = np.full(len(points), np.nan)
    known = np.flatnonzero(inside)
    places = (known[which] for which in squares(col[known], row[known]))
    parts = [Lookup(which, col[which], row[which]) for which in places]
    heights = each(
        partial(_heights, dem), parts, threads=threads, progress=progress, total=len(parts)
    )
    for part, height in zip(parts, heights):
        found[part.index] = height
    lost = int(np.count_nonzero(~np.isfinite(found)))
    if lost:
        progress.warn(
            f"{file_name(dem)} has no height for {lost} of {len(points)} key points; they are left "
            "out of the analysis by altitude."
        )
    return points.with_columns(altitude=found)


@dataclass(frozen=True)
class Lookup:
    """Points of one square of a DEM: which, and where, in its pixels."""

    index: NDArray[np.int64]
    col: Column
    row: Column


def _dem_positions(points: KeyPoints, grid: Grid, dem: Image) -> tuple[Column, Column]:
    """Positions in the DEM, 0 = center of its first pixel; NaN where there is none."""
    ends = (grid.crs, dem.grid.crs)
    if bool(ends[0]) != bool(ends[1]):
        raise IncompatibleImages(
            f"{file_name(dem)} has {crs_title(ends[1])} and the reference {crs_title(ends[0])}. "
            "Assign a CRS to both, or to none."
        )
    x, y = grid.to_map(points.x0 + 0.5, points.y0 + 0.5)
    if not same_crs(*ends):
        x, y = CrsMapping(*ends)(x, y)
    with np.errstate(invalid="ignore"):
        col, row = dem.grid.to_pixel(x, y)
        return col - 0.5, row - 0.5


def _heights(dem: Image, part: Lookup) -> Column:
    """Bilinear heights; weights of valid pixels, none where the nearest pixel is not valid."""
    first_col, across = taps(part.col, "bilinear", 1.0)
    first_row, down = taps(part.row, "bilinear", 1.0)
    left, top = int(first_col.min()), int(first_row.min())
    box = Window(left, top, int(first_col.max()) + 2 - left, int(first_row.max()) + 2 - top)
    pixels = read_padded(dem, box, (1,))
    values = pixels.values[0].astype(np.float64)
    valid = pixels.valid & np.isfinite(values)
    sums, share = np.zeros(len(part.col)), np.zeros(len(part.col))
    for step_row, weight_row in enumerate(down):
        for step_col, weight_col in enumerate(across):
            at = (first_row - top + step_row, first_col - left + step_col)
            weight = weight_row * weight_col * valid[at]
            sums += weight * np.where(valid[at], values[at], 0.0)
            share += weight
    nearest = (
        np.floor(part.row + 0.5).astype(int) - top,
        np.floor(part.col + 0.5).astype(int) - left,
    )
    return np.where(valid[nearest], sums / np.where(share > 0, share, 1.0), np.nan)
