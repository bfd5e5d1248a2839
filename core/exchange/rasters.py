# SPDX-License-Identifier: GPL-2.0-or-later
"""Key points and displacement fields as rasters on the reference grid."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import Array, Details, Image, Pixels, calculation, constant
from ..matching.keypoints import KeyPoints
from ..progress import SILENT, Progress
from ..requests import Memory, Writing
from ..transform.field import Field
from ..windows import Window
from ..write import Written, write

Vectors = Callable[[Array, Array, Array, Array], tuple[Array, Array]]
"""(east, north) of displacements: vectors(x, y, dx, dy)."""


@dataclass(frozen=True)
class PointImage:
    """An image with the values[band, point] of points at their pixels.

    `cols, rows`: the pixels, sorted by column. Elsewhere it holds `background`; where that is NaN
    it is not valid.
    """

    name: str
    grid: Grid
    cols: Array
    rows: Array
    values: Array
    background: float
    band_names: tuple[str, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.values.dtype

    @property
    def nodata(self) -> float | None:
        """NaN, or None when every pixel means something."""
        return self.background if np.isnan(self.background) else None

    @property
    def details(self) -> Details:
        """How the file says which pixels are valid."""
        return Details(validity="all" if self.nodata is None else "nodata")

    @property
    def bands(self) -> int:
        """Number of bands."""
        return int(self.values.shape[0])

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Paint the points that lie in the window."""
        chosen = [band - 1 for band in bands or range(1, self.bands + 1)]
        first, last = np.searchsorted(self.cols, (window.col, window.right))
        rows = self.rows[first:last] - window.row
        inside = (rows >= 0) & (rows < window.height)
        rows, cols = rows[inside], self.cols[first:last][inside] - window.col
        values = np.full((len(chosen), *window.shape), self.background, self.dtype)
        values[:, rows, cols] = self.values[chosen, first:last][:, inside]
        valid = constant(self.nodata is None, window.shape)
        if self.nodata is not None and len(rows):
            valid = np.zeros(window.shape, bool)
            valid[rows, cols] = True
        return Pixels(values if rounded else calculation(values), valid)


def key_point_mask(points: KeyPoints, grid: Grid) -> PointImage:
    """Return an image of 1 at the accepted points and 0 elsewhere."""
    points = points.chosen(points.accepted)
    ones = np.ones((1, len(points)), np.uint8)
    return PointImage("kp_mask", grid, *_pixels(points), ones, 0, ("key points",))


def key_point_delta(points: KeyPoints, grid: Grid) -> PointImage:
    """Return an image of dx and dy at the accepted points, in pixels, NaN elsewhere."""
    points = points.chosen(points.accepted)
    values = np.stack([points.dx, points.dy]).astype(np.float32)
    return PointImage("kp_delta", grid, *_pixels(points), values, np.nan, ("dx", "dy"))


def _pixels(points: KeyPoints) -> tuple[Array, Array]:
    return np.rint(points.x0).astype(np.int64), np.rint(points.y0).astype(np.int64)


@dataclass(frozen=True)
class FieldImage:
    """A displacement field as an image: dx, dy, sigma, distance to the nearest point.

    `grid`: that whose pixels the field counts. In pixels, or with `vectors` in map units: east,
    north, and the others by the size of a pixel there. What is farther than `max_distance` px
    from any point is not valid; 0 = no limit.
    """

    name: str
    displacements: Field
    grid: Grid
    max_distance: float = 0.0
    vectors: Vectors | None = None
    bands: int = field(default=4, init=False)
    dtype: np.dtype[Any] = field(default=np.dtype(np.float32), init=False)
    nodata: float = field(default=np.nan, init=False)
    details: Details = field(default=Details(), init=False)

    @property
    def band_names(self) -> tuple[str, ...]:
        """What the bands hold."""
        first = ("dx", "dy") if self.vectors is None else ("east", "north")
        return (*first, "sigma", "distance")

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Compute the window; float32 either way."""
        found = self.displacements
        dx, dy = found.on(window)
        sigma, distance = replace(found, dx=found.sigma, dy=found.distance).on(window)
        valid = np.isfinite(dx) & np.isfinite(dy)
        if self.max_distance > 0:
            valid &= distance <= self.max_distance
        if self.vectors is not None:
            cols = np.arange(window.col, window.right, dtype=float)
            x, y = np.meshgrid(cols, np.arange(window.row, window.bottom, dtype=float))
            size = _pixel_size(self.vectors, x, y)
            dx, dy = self.vectors(x, y, dx, dy)
            sigma, distance = sigma * size, distance * size
        values = np.stack([dx, dy, sigma, distance]).astype(np.float32)
        values = values if bands is None else values[[band - 1 for band in bands]]
        return Pixels(values, constant(True, window.shape) if valid.all() else valid)


def _pixel_size(vectors: Vectors, x: Array, y: Array) -> Array:
    """Return the side of a square as large as a pixel at each position, in map units."""
    one, none = np.ones_like(x), np.zeros_like(x)
    right, down = vectors(x, y, one, none), vectors(x, y, none, one)
    return np.asarray(np.sqrt(np.abs(right[0] * down[1] - right[1] * down[0])))


@dataclass(frozen=True)
class Rasters:
    """Where rasters of a pair go, and the shared options of their windows."""

    folder: str
    request: Memory

    def write_mask(self, points: KeyPoints, grid: Grid, progress: Progress = SILENT) -> Written:
        """Write kp_mask.tif."""
        return self._write(key_point_mask(points, grid), progress)

    def write_delta(self, points: KeyPoints, grid: Grid, progress: Progress = SILENT) -> Written:
        """Write kp_delta.tif."""
        return self._write(key_point_delta(points, grid), progress)

    def write_band_pass(
        self, reference: Image, moving: Image, progress: Progress = SILENT
    ) -> tuple[Written, Written]:
        """Write ref_bandpass.tif and mon_bandpass.tif."""
        first, second = progress.split(2)
        return (
            self._write(reference, first, "ref_bandpass"),
            self._write(moving, second, "mon_bandpass"),
        )

    def write_field(self, image: FieldImage, progress: Progress = SILENT) -> Written:
        """Write kp_field.tif."""
        return self._write(image, progress, "kp_field")

    def _write(self, image: Image, progress: Progress, name: str = "") -> Written:
        compression = "LZW" if isinstance(image, PointImage) else "DEFLATE|PREDICTOR=3"
        request = Writing(
            threads=self.request.threads,
            memory=self.request.memory,
            window_size=self.request.window_size,
            creation_options=f"COMPRESS={compression}|TILED=YES",
        )
        path = os.path.join(self.folder, f"{name or image.name}.tif")
        return write(image, path, request, progress)
