# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairs of images with known displacements, made out of one real texture by an exact spline.

The texture is sampled by a spline of order 5 in double precision, half the displacement on each
image, so that both carry the same interpolation: reference(p) = S(p + w(p) / 2) and
moving(q) = S(q - w(q) / 2), hence d(p) = (w(p) + w(p + d)) / 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, osr
from scipy import ndimage

Floats = NDArray[np.float64]
Displacement = Callable[[Floats, Floats], tuple[Floats, Floats]]

SHIFT = (0.37, -0.62)
TRANSFORM = (448000.0, 10.0, 0.0, 5411000.0, 0.0, -10.0)
CODE = 32631


@dataclass(frozen=True)
class Pair:
    """What is displaced how: w(x, y), and what else differs between the images.

    `noise` is the share of the 2-98 % range, on the reference and on the moving image.
    """

    name: str
    displacement: Displacement
    noise: tuple[float, float] = (0.0, 0.0)
    gain: float = 1.0
    border: int = 0

    def truth(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the displacement of positions of the reference, px."""
        dx, dy = self.displacement(x, y)
        own = dx, dy
        for _ in range(60):
            other = self.displacement(x + dx, y + dy)
            dx, dy = (own[0] + other[0]) / 2, (own[1] + other[1]) / 2
        return dx, dy


def constant(dx: float, dy: float) -> Displacement:
    """Return the same displacement everywhere."""
    return lambda x, y: (np.full_like(x, dx), np.full_like(y, dy))


def wavy(side: float, size: float = 1.2) -> Displacement:
    """Return a smooth warp of up to `size` px around the usual shift."""
    turn = 2 * np.pi / side

    def at(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        across = np.sin(1.5 * turn * x + 0.4) * np.cos(turn * y)
        down = np.cos(turn * x - 0.8) * np.sin(1.3 * turn * y + 0.3)
        return SHIFT[0] + size * across / np.sqrt(2), SHIFT[1] + size * down / np.sqrt(2)

    return at


def turned(degrees: float, scale: float, center: float) -> Displacement:
    """Return a rotation and scale about a center."""
    angle = np.radians(degrees)
    a, b = scale * np.cos(angle) - 1, scale * np.sin(angle)
    return lambda x, y: (
        a * (x - center) - b * (y - center),
        b * (x - center) + a * (y - center),
    )


def small_pairs(side: int) -> tuple[Pair, ...]:
    """Return the made pairs."""
    return (
        Pair("constant shift", constant(*SHIFT)),
        Pair("shift, 5 % noise, gain .7", constant(*SHIFT), (0.05, 0.05), 0.7),
        Pair("warp of 1.2 px", wavy(side)),
        Pair("warp, noise, gain", wavy(side), (0.0, 0.05), 0.7),
        Pair("rotation 1.5°, scale 1.005", turned(1.5, 1.005, side / 2)),
        Pair("23.37 / -17.62 px, border", constant(23.37, -17.62), border=40),
    )


def make(pair: Pair, texture: Floats, folder: Path) -> tuple[Path, Path]:
    """Write reference.tif and moving.tif of a texture that is larger by 60 px on each side."""
    folder.mkdir(parents=True, exist_ok=True)
    side = len(texture) - 120
    y, x = np.mgrid[0:side, 0:side].astype(np.float64)
    dx, dy = pair.displacement(x, y)
    spline = ndimage.spline_filter(texture, 5)
    rng = np.random.default_rng(1)
    spread = float(np.diff(np.percentile(texture, [2, 98]))[0])
    paths = []
    for index, sign in enumerate((0.5, -0.5)):
        at = [y + 60 + sign * dy, x + 60 + sign * dx]
        values = ndimage.map_coordinates(spline, at, order=5, prefilter=False)
        values += pair.noise[index] * spread * rng.standard_normal(values.shape)
        values = values * pair.gain + 300 if index else values
        values = np.clip(np.rint(values), 1, 65535)
        if pair.border:
            values[:, : pair.border] = 0
            values[: pair.border] = 0
        paths.append(folder / ("moving.tif" if index else "reference.tif"))
        write(paths[-1], values.astype(np.uint16))
    return paths[0], paths[1]


def write(path: Path, values: NDArray[np.uint16]) -> None:
    """Write a tiled GeoTIFF."""
    rows, cols = values.shape
    target = create(path, cols, rows)
    target.GetRasterBand(1).WriteArray(values)


def create(path: Path, cols: int, rows: int) -> gdal.Dataset:
    """Create a tiled, compressed GeoTIFF of one uint16 band with nodata 0."""
    options = ["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=DEFLATE", "PREDICTOR=2"]
    target = gdal.GetDriverByName("GTiff").Create(
        str(path), cols, rows, 1, gdal.GDT_UInt16, options
    )
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(CODE)
    target.SetProjection(crs.ExportToWkt())
    target.SetGeoTransform(TRANSFORM)
    target.GetRasterBand(1).SetNoDataValue(0)
    return target


def make_large(side: int, shift: tuple[float, float], source: Path, folder: Path) -> None:
    """Write a pair of large images by strips out of a larger raster."""
    folder.mkdir(parents=True, exist_ok=True)
    opened = gdal.Open(str(source))
    band = opened.GetRasterBand(1)
    around, step = 40, 500
    paths = (folder / "reference.tif", folder / "moving.tif")
    for path, sign in zip(paths, (0.5, -0.5)):
        target = create(path, side, side)
        for row in range(0, side, step):
            rows = min(step, side - row)
            strip = band.ReadAsArray(0, row, side + 2 * around, rows + 2 * around)
            move = (-sign * shift[1], -sign * shift[0])
            moved = ndimage.shift(strip.astype(np.float64), move, order=5, mode="mirror")
            values = moved[around : around + rows, around : around + side]
            values = np.clip(np.rint(values), 1, 65535).astype(np.uint16)
            target.GetRasterBand(1).WriteArray(values, 0, row)
