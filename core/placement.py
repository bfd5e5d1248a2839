# SPDX-License-Identifier: GPL-2.0-or-later
"""Bring images onto one grid: choose it, and see every image on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .alike import file_name
from .errors import IncompatibleImages, InvalidOption
from .grid import Bounds, Grid, hull, joint_bounds, north_up, union
from .image import Image, View
from .progress import SILENT, Progress
from .raster import CrsMapping, RasterImage, crs_title, parse_crs, same_crs
from .transform.warped import Moved, Warped, lattice_step
from .windows import Window

NOWHERE = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""The transform of a file that has none."""

SCATTERED, SCATTERED_PIXELS = 1e4, 1e9
"""A canvas of more pixels than this, and so many times those of the images, is a mistake."""

TOO_FINE = 100
"""So many times smaller than the pixels of the images those of a large canvas are by mistake."""

TOO_COARSE = 100
"""So many times larger than all images together a pixel is by mistake."""

DENSITY = 21
"""Points along each edge of a box that is brought to another CRS."""


def agree_on_crs(images: Sequence[Image], crs: str | None, progress: Progress = SILENT) -> str:
    """Return the WKT of the CRS to work in: the one asked for, else the first image's.

    Raises IncompatibleImages when some images have a CRS and others none.
    """
    without = [image for image in images if not image.grid.crs]
    if without and len(without) < len(images):
        first = next(image for image in images if image.grid.crs)
        raise IncompatibleImages(
            f"{file_name(without[0])} has no coordinate system and {file_name(first)} has "
            f"{crs_title(first.grid.crs)}. Assign one to {file_name(without[0])} first."
        )
    _refuse_unplaced(images)
    wkt = parse_crs(crs) if crs else images[0].grid.crs
    if without and crs:
        raise IncompatibleImages(
            f"{file_name(without[0])} has no coordinate system, so it cannot be brought to {crs}."
        )
    others = {crs_title(i.grid.crs) for i in images if not same_crs(i.grid.crs, wkt)}
    if others:
        listed = ", ".join(sorted(others))
        progress.info(f"Images in {listed} are brought to {crs_title(wkt)} as they are read.")
    return wkt


def _refuse_unplaced(images: Sequence[Image]) -> None:
    placed = [image for image in images if image.grid.transform != NOWHERE]
    if placed and len(placed) < len(images):
        lost = next(image for image in images if image.grid.transform == NOWHERE)
        raise IncompatibleImages(
            f"{file_name(lost)} has no position on the ground (no geotransform) and "
            f"{file_name(placed[0])} has one. Georeference {file_name(lost)} first."
        )


def bounds_in(grid: Grid, crs: str) -> Bounds:
    """Return the box round a grid in another CRS (edges densified)."""
    if same_crs(grid.crs, crs):
        return grid.bounds
    along = np.linspace(0, 1, DENSITY)
    ends = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], float)
    edges = [a + (b - a) * t for a, b in zip(ends, ends[1:]) for t in along[:-1]]
    cols, rows = np.array(edges).T * np.array([[grid.width], [grid.height]])
    x, y = CrsMapping(grid.crs, crs)(*grid.to_map(cols, rows))
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        raise IncompatibleImages(f"An image in {crs_title(grid.crs)} lies outside the output CRS.")
    return (
        float(x[good].min()),
        float(y[good].min()),
        float(x[good].max()),
        float(y[good].max()),
    )


def output_grid(
    images: Sequence[Image],
    crs: str,
    *,
    resolution: str | float = "highest",
    extent: tuple[float, ...] | None = None,
    tap: bool = False,
) -> Grid:
    """Return the grid of a mosaic: the pixels of an image that has the right ones, else north-up.

    Raises InvalidOption when the extent (xmin, xmax, ymin, ymax) misses every image.
    """
    boxes = [bounds_in(image.grid, crs) for image in images]
    everything = joint_bounds(boxes)
    wanted = _checked(extent, everything)
    pixel = _pixel(images, crs, resolution)
    _refuse_scattered(images, boxes, wanted or everything, pixel)
    seed = None if tap else _carrier(images, crs, pixel)
    if seed is None:
        return north_up(wanted or everything, pixel, crs, snap=tap)
    if wanted:
        return seed.cropped(seed.window_of(wanted))
    own = [image.grid for image in images if same_crs(image.grid.crs, crs)]
    grown = union(seed, own)
    foreign = [b for b, image in zip(boxes, images) if not same_crs(image.grid.crs, crs)]
    window = grown.window
    for box in foreign:
        window = hull(window, grown.window_of(box))
    return grown.cropped(window).with_crs(crs)


def onto(image: Image, grid: Grid, resampling: str, *, strict: bool = False) -> Image:
    """Return the image on the pixels of a grid: itself when they match, else a Warped view.

    The view covers only the part of the grid that the image reaches (at least one pixel). Raises
    IncompatibleImages when only one of the two has a CRS.
    """
    same = same_crs(image.grid.crs, grid.crs)
    if same and grid.matches(image.grid):
        return image
    if not same and not (image.grid.crs and grid.crs):
        raise IncompatibleImages(
            f"{image.name} has {crs_title(image.grid.crs)} and what it is compared with has "
            f"{crs_title(grid.crs)}. Assign the CRS to the one that lacks it first."
        )
    method = "nearest" if image.details.color_table else resampling
    if method == "nearest" and same:
        snapped = _snapped(image, grid)
        if snapped is not None:
            return snapped
    window = grid.window_of(bounds_in(image.grid, grid.crs))
    mapping = None if same else CrsMapping(grid.crs, image.grid.crs)
    view = Warped(revisited(image), grid.cropped(window), method, mapping, 1, strict)
    return view if same else replace(view, step=lattice_step(view))


def is_resampled(image: Image) -> bool:
    """Return True when some view of an image moves its pixels."""
    moves = isinstance(image, (Moved, Warped))
    return moves or (isinstance(image, View) and is_resampled(image.source))


def revisited(image: Image) -> Image:
    """Return the image with the hint that windows of its file will overlap: kernels reach out."""
    if isinstance(image, RasterImage):
        return replace(image, revisited=True)
    return replace(image, source=revisited(image.source)) if isinstance(image, View) else image


def refuse_other_crs(images: Sequence[Image]) -> None:
    """Raise IncompatibleImages when images that must have one CRS have several."""
    first = images[0]
    for image in images[1:]:
        if not same_crs(image.grid.crs, first.grid.crs):
            raise IncompatibleImages(
                f"{file_name(first)} has {crs_title(first.grid.crs)} and {file_name(image)} "
                f'{crs_title(image.grid.crs)}. Use "Align to grid" first.'
            )


def common_canvas(images: Sequence[Image]) -> Grid:
    """Return the grid on which images are compared: the coarsest pixels, the union of the boxes.

    Does not depend on the order of the images. Raises IncompatibleImages for different CRSs.
    """
    ordered = sorted(images, key=lambda image: (image.name, image.grid.bounds))
    refuse_other_crs(ordered)
    coarsest = max(image.grid.pixel_size[0] for image in ordered)
    boxes = [image.grid.bounds for image in ordered]
    _refuse_scattered(ordered, boxes, joint_bounds(boxes), (coarsest, coarsest))
    seed = next(i for i in ordered if i.grid.pixel_size[0] >= coarsest * (1 - 1e-9))
    return union(seed.grid, [image.grid for image in ordered])


def _refuse_scattered(
    images: Sequence[Image], boxes: Sequence[Bounds], area: Bounds, pixel: tuple[float, float]
) -> None:
    """Raise IncompatibleImages when images lie so far apart that nearly all ground is empty."""
    width, height = (area[2] - area[0]) / pixel[0], (area[3] - area[1]) / pixel[1]
    if max(width, height) < 1 / TOO_COARSE:
        raise InvalidOption(
            f"Resolution: pixels of {min(pixel):g} are far larger than the images, which span "
            f"{area[2] - area[0]:g} × {area[3] - area[1]:g} map units."
        )
    filled = sum(image.grid.window.pixels for image in images)
    if width * height < max(SCATTERED_PIXELS, SCATTERED * filled):
        return
    middles = np.array([((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in boxes])
    away = np.hypot(*(middles - np.median(middles, 0)).T)
    finest = min(min(image.grid.pixel_size) for image in images)
    if min(pixel) < finest / TOO_FINE:
        raise InvalidOption(
            f"Resolution: with pixels of {min(pixel):g} the images span {width:.0f} × {height:.0f} "
            f"px; their own pixels measure {finest:g}."
        )
    raise IncompatibleImages(
        f"The images lie too far apart: together they span {width:.0f} × {height:.0f} px, nearly "
        f"all of them empty. {file_name(images[int(np.argmax(away))])} is the farthest; leave it "
        "out, or give EXTENT."
    )


def _snapped(image: Image, grid: Grid) -> Image | None:
    """With nearest neighbors, pixels of equal size move to the nearest pixel of the grid."""
    col, row = grid.to_pixel(*image.grid.to_map(0, 0))
    place = Window(round(col), round(row), image.grid.width, image.grid.height)
    moved = grid.cropped(place)
    far = zip(moved.corners, image.grid.corners)
    off = [np.subtract(grid.to_pixel(*a), grid.to_pixel(*b)) for a, b in far]
    if np.abs(off).max() > 0.51:
        return None
    return Moved(image, moved)


def _checked(extent: tuple[float, ...] | None, everything: Bounds) -> Bounds | None:
    if extent is None:
        return None
    left, right, low, high = extent
    if not (left < right and low < high):
        raise InvalidOption(f"Extent: {extent} is empty. Give xmin, xmax, ymin, ymax.")
    e = everything
    if left >= e[2] or right <= e[0] or low >= e[3] or high <= e[1]:
        raise InvalidOption(
            f"Extent: {left:g}, {right:g}, {low:g}, {high:g} lies outside all images, which cover "
            f"{e[0]:g}, {e[2]:g}, {e[1]:g}, {e[3]:g}."
        )
    return (left, low, right, high)


def _pixel(images: Sequence[Image], crs: str, resolution: str | float) -> tuple[float, float]:
    """Pixel size of the output in units of its CRS."""
    if not isinstance(resolution, str):
        if not (math.isfinite(resolution) and resolution > 1e-12):
            raise InvalidOption(f"Resolution: {resolution:g} is not a size above 0.")
        return (float(resolution), float(resolution))
    sizes = np.array([_size_in(image, crs) for image in images])
    if resolution == "average":
        mean = sizes.mean(0)
        return (float(mean[0]), float(mean[1]))
    area = sizes.prod(1)
    index = int(np.argmin(area) if resolution == "highest" else np.argmax(area))
    return (float(sizes[index][0]), float(sizes[index][1]))


def _size_in(image: Image, crs: str) -> tuple[float, float]:
    """Pixel size of an image in units of another CRS, from the box of the whole image."""
    if same_crs(image.grid.crs, crs):
        return image.grid.pixel_size
    middle = image.grid.cropped(Window(image.grid.width // 2, image.grid.height // 2, 1, 1))
    left, low, right, high = bounds_in(middle, crs)
    side = float(np.sqrt((right - left) * (high - low)))
    return (side, side)


def _carrier(images: Sequence[Image], crs: str, pixel: tuple[float, float]) -> Grid | None:
    """Return the first grid whose pixels the output can take over; north-up ones go first."""
    able = [
        image.grid
        for image in images
        if all(abs(a - b) <= 1e-9 * b for a, b in zip(image.grid.pixel_size, pixel))
        and same_crs(image.grid.crs, crs)
    ]
    upright = [g for g in able if not g.rotated and g.transform[1] > 0 > g.transform[5]]
    return next(iter(upright or able), None)
