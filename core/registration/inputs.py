# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of a pair as images of one band of which only the usable pixels are valid."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from ..errors import ImageIOError, IncompatibleImages, InvalidOption
from ..grid import Grid
from ..image import Image
from ..masks.restricted import OneBand, Restricted, WithoutValues
from ..progress import SILENT, Progress
from ..raster import CrsMapping, RasterImage, crs_title, open_image, same_crs
from ..requests.shared.matching import PairMasking
from ..transform.warped import Warped, lattice_step
from ..vector import Burned, files_of, read_polygons


@dataclass(frozen=True)
class Inputs:
    """Both files, what of them is matched, and every file that is read.

    `moving` is `moving_file` without the values that were said to be nodata.
    """

    moving_file: RasterImage
    moving: Image
    reference: RasterImage
    matched_moving: Image
    matched_reference: Image
    paths: tuple[str, ...]


def open_inputs(
    moving: str, reference: str, how: PairMasking, progress: Progress = SILENT
) -> Inputs:
    """Open the files of a pair and say what they are.

    Raises ImageIOError for a file that cannot be opened, InvalidOption for a band it does not
    have, IncompatibleImages when one does not say where it lies.
    """
    moved, usable = _opened("MOVING", moving, how.moving_nodata)
    still, fixed = _opened("REFERENCE", reference, how.reference_nodata)
    ends = (
        ("MOVING", moved, usable, how.moving_band, how.moving_mask),
        ("REFERENCE", still, fixed, how.reference_band, how.reference_mask),
    )
    seen = []
    for role, file, image, band, mask in ends:
        one = _band(role, file, image, band, progress)
        seen.append(_masked(one, mask, f"{role}_MASK", progress) if mask else one)
    masks = [path for mask in (how.moving_mask, how.reference_mask) for path in files_of(mask)]
    return Inputs(moved, usable, still, seen[0], seen[1], (moving, reference, *masks))


def _opened(role: str, path: str, nodata: tuple[float, ...]) -> tuple[RasterImage, Image]:
    """Return a file, and the same without the values that were said to be nodata."""
    file = open_image(path, nodata[0] if nodata else None)
    file = replace(file, revisited=True)
    title, grid = os.path.basename(path), file.grid
    if not grid.crs:
        raise IncompatibleImages(
            f"{role} {title} has no coordinate reference system. Assign one (Raster ▸ Projections) "
            "and run again."
        )
    if not grid.georeferenced or grid.transform == (0.0, 1.0, 0.0, 0.0, 0.0, 1.0):
        raise IncompatibleImages(
            f"{role} {title} has no georeferencing: its pixels are not placed on the ground. "
            "Georeference it (Layer ▸ Georeferencer) and run again."
        )
    rest = tuple(value for value in nodata[1:] if value == value)
    return file, WithoutValues(file, rest, f"{role}_NODATA") if rest else file


def _band(role: str, file: RasterImage, image: Image, band: int, progress: Progress) -> Image:
    title = os.path.basename(file.path)
    if band > file.bands:
        count = f"{file.bands} band{'s' * (file.bands > 1)}"
        raise InvalidOption(f"{role}_BAND is {band} but {title} has {count}.")
    if file.details.color_table:
        progress.warn(f"{role} {title} has a color table: numbers of classes are matched.")
    grid = file.grid
    progress.info(
        f"{role}: {file.path}, {grid.width} × {grid.height} px, band {band} of {file.bands} "
        f"{file.dtype}, {crs_title(grid.crs)}"
    )
    return OneBand(image, band)


def _masked(seen: Image, mask: str, name: str, progress: Progress) -> Image:
    """Return an image without what a raster marks or polygons hold."""
    grid = seen.grid
    try:
        raster = None if "|" in mask else open_image(mask)
    except ImageIOError:  # then it holds polygons, or reading them says what is wrong
        raster = None
    if raster is not None:
        return Restricted(seen, _looked_up(raster, grid), "zero", name)
    polygons = read_polygons(mask, grid.crs, progress)
    burned = Burned(grid, tuple((feature.geometry, 1) for feature in polygons))
    return Restricted(seen, burned, "invalid", name)


def _looked_up(mask: RasterImage, grid: Grid) -> Image:
    """Return a mask on a grid, every pixel the nearest one."""
    if not mask.grid.crs:
        mask = replace(mask, grid=mask.grid.with_crs(grid.crs))
    same = same_crs(mask.grid.crs, grid.crs)
    if same and mask.grid == grid:
        return mask
    mapping = None if same else CrsMapping(grid.crs, mask.grid.crs)
    view = Warped(mask, grid, "nearest", mapping)
    return view if same else replace(view, step=lattice_step(view))
