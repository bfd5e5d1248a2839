# SPDX-License-Identifier: GPL-2.0-or-later
"""Images brought to common pixels: the lattice of each, its part of it, the view on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..alike import file_name
from ..errors import IncompatibleImages, InvalidOption
from ..grid import Grid, hull
from ..image import Image
from ..placement import SCATTERED, SCATTERED_PIXELS, bounds_in, onto
from ..raster import CrsMapping, crs_title, same_crs
from ..requests.alignrasters import Pixel
from ..transform.framed import Framed
from ..transform.warped import Warped, lattice_step
from ..windows import Window

VALID_WEIGHT = 0.5
"""Share of valid weight from which a resampled pixel is valid."""

POSITIONS = 0.001
"""Error of positions that is allowed where images are reprojected, px."""

SAME = 1e-6
"""Relative difference below which pixels have one size."""

FORGIVEN = 0.01
"""Part of a pixel that may stay outside."""


@dataclass(frozen=True)
class Lattices:
    """Where pixels may lie: those of a reference, multiples of the pixel size (`tap`), those of
    the first image or (`own_phase`) of each image.
    """

    crs: str
    resolution: str | Pixel = "highest"
    reference: Grid | None = None
    tap: bool = False
    own_phase: bool = False

    def of(self, images: Sequence[Image]) -> list[Grid]:
        """Return for each image a grid of one pixel whose pixels, continued, are to be used."""
        if self.reference is not None:
            return [self.reference.cropped(Window(0, 0, 1, 1))] * len(images)
        sizes = self._sizes(images)
        if self.own_phase:
            return [self._lattice(image.grid, size) for image, size in zip(images, sizes)]
        inside = (image for image in images if same_crs(image.grid.crs, self.crs))
        anchor = next(inside, images[0]).grid
        return [self._lattice(anchor, size) for size in sizes]

    def _sizes(self, images: Sequence[Image]) -> list[Pixel]:
        if not isinstance(self.resolution, str):
            return [self.resolution] * len(images)
        sizes = np.array([pixel_in(image, self.crs) for image in images])
        if self.resolution == "native":
            return [(float(x), float(y)) for x, y in sizes]
        chosen = {"highest": sizes.min(0), "average": sizes.mean(0), "lowest": sizes.max(0)}
        x, y = chosen[self.resolution]
        return [(float(x), float(y))] * len(images)

    def _lattice(self, anchor: Grid, size: Pixel) -> Grid:
        if self.tap:
            return Grid(1, 1, (0.0, size[0], 0.0, 0.0, 0.0, -size[1]), self.crs)
        if not same_crs(anchor.crs, self.crs):
            left, _, _, top = bounds_in(anchor, self.crs)
            return Grid(1, 1, (left, size[0], 0.0, top, 0.0, -size[1]), self.crs)
        across, down = (
            1.0 if abs(wanted - own) <= SAME * own else wanted / own
            for wanted, own in zip(size, anchor.pixel_size)
        )
        x, a, b, y, d, e = anchor.transform
        return Grid(1, 1, (x, a * across, b * down, y, d * across, e * down), self.crs)


def pixel_in(image: Image, crs: str) -> Pixel:
    """Return the pixel size of an image in units of a CRS, at the image's center.

    Raises IncompatibleImages when the CRS does not reach there.
    """
    grid = image.grid
    if same_crs(grid.crs, crs):
        return grid.pixel_size
    cols = grid.width / 2 + np.array([-0.5, 0.5, 0.0, 0.0])
    rows = grid.height / 2 + np.array([0.0, 0.0, -0.5, 0.5])
    x, y = CrsMapping(grid.crs, crs)(*grid.to_map(cols, rows))
    size = (0.0, 0.0)
    if np.isfinite(x).all() and np.isfinite(y).all():
        size = math.hypot(x[1] - x[0], x[3] - x[2]), math.hypot(y[1] - y[0], y[3] - y[2])
    if not min(size) > 0:
        raise IncompatibleImages(
            f"{file_name(image)} ({crs_title(grid.crs)}) reaches beyond the area of "
            f"{crs_title(crs)}. Choose another CRS."
        )
    return size


def aligned(
    images: Sequence[Image], lattices: Sequence[Grid], resampling: str, extent: str = "own"
) -> list[Image]:
    """Return each image on the pixels of its lattice: itself, where it lies on them already.

    `extent` is one of EXTENTS. Raises InvalidOption when lattices differ where images are to get
    one size, IncompatibleImages when nothing is common or nearly all of a union is empty.
    """
    if extent == "own":
        return [seen_on(*pair, resampling) for pair in zip(images, lattices)]
    lattice = lattices[0]
    if any(one != lattice for one in lattices):
        raise InvalidOption(
            f"EXTENT_RULE={extent} gives all images one size, for which they need the same pixels. "
            "Use PHASE=shared and one RESOLUTION, or EXTENT_RULE=own."
        )
    window = _joint([reach(image.grid, lattice, extent) for image in images], extent, images)
    return [seen_on(image, lattice, resampling, window) for image in images]


def seen_on(image: Image, lattice: Grid, resampling: str, window: Window | None = None) -> Image:
    """Return an image on a window of a lattice, by default the one that it fills, as a view."""
    seen = onto(image, lattice, resampling)
    if not isinstance(seen, Warped):
        target = lattice.cropped(window or lattice.placed(seen.grid))
        return seen if seen.grid == target else Framed(seen, target)
    window = window or reach(image.grid, lattice)
    view = replace(seen, target=lattice.cropped(window), valid_weight=VALID_WEIGHT)
    return view if view.mapping is None else replace(view, step=lattice_step(view, POSITIONS))


def reach(grid: Grid, lattice: Grid, extent: str = "own") -> Window:
    """Return the window of a lattice that a grid fills.

    For an intersection, of the pixels whose centers it holds; else of all that it touches.
    """
    if same_crs(grid.crs, lattice.crs):
        x, y = np.array(grid.corners).T
    else:
        left, low, right, high = bounds_in(grid, lattice.crs)
        x, y = np.array([left, right, left, right]), np.array([low, low, high, high])
    cols, rows = lattice.to_pixel(x, y)
    ends = []
    for at in (cols, rows):
        low, high = float(at.min()), float(at.max())
        if extent == "intersection":
            start, stop = math.ceil(low - 0.5), math.floor(high + 0.5)
        else:
            start, stop = math.floor(low + FORGIVEN), math.ceil(high - FORGIVEN)
        ends.append((start, max(start + 1, stop)))
    (col, right_col), (row, bottom) = ends
    return Window(col, row, right_col - col, bottom - row)


def _joint(windows: Sequence[Window], extent: str, images: Sequence[Image]) -> Window:
    found = windows[0]
    for window, image in zip(windows, images):
        if extent == "union":
            found = hull(found, window)
            continue
        found = found.clipped(window)
        if found.empty:
            raise IncompatibleImages(
                f"{file_name(image)} does not overlap with all images before it, so there is no "
                "intersection. Leave it out, or use EXTENT_RULE=own or union."
            )
    filled = sum(window.pixels for window in windows)
    if found.pixels > max(SCATTERED_PIXELS, SCATTERED * filled):
        raise IncompatibleImages(
            f"The images lie too far apart: together they span {found.width} × {found.height} px, "
            "nearly all of them empty. Use EXTENT_RULE=own."
        )
    return found
