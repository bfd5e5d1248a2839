# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of a shift analysis as images of which only the usable pixels are valid."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from ..alike import file_name
from ..errors import IncompatibleImages, InvalidOption
from ..grid import Grid
from ..image import Image
from ..masks.restricted import OneBand, Restricted, WithoutValues
from ..placement import NOWHERE
from ..progress import SILENT, Progress
from ..raster import CrsMapping, RasterImage, crs_title, open_image, same_crs
from ..requests.shared.comparing import Compared
from ..transform.warped import Moved, Warped, lattice_step
from ..vector import Burned, files_of, read_polygons
from .pair import Pair, crossing, pair_of


@dataclass(frozen=True)
class Inputs:
    """Both files, what of them is compared, and the heights on the reference grid."""

    moving: RasterImage
    reference: RasterImage
    pair: Pair
    dem: Image | None = None
    paths: tuple[str, ...] = ()

    @property
    def grid(self) -> Grid:
        """The whole grid of the reference."""
        return self.reference.grid


def open_inputs(moving: str, reference: str, how: Compared, progress: Progress = SILENT) -> Inputs:
    """Open the files of a pair and say what they are.

    Raises ImageIOError for a file that cannot be opened, InvalidOption for a band it does not
    have, IncompatibleImages when the images cannot be compared.
    """
    moved, still = open_image(moving), open_image(reference)
    sides = ((moved, how.moving_band, "moving image"), (still, how.reference_band, "reference"))
    usable = [_usable(_band(*side, progress), side[0], how) for side in sides]
    mask = _located(open_image(how.mask), still, progress) if how.mask else None
    pair = pair_of(_masked(usable[1], mask, how, progress), usable[0])
    if mask is not None:
        _tell_uncovered(mask, pair, progress, "pixels outside are not used")
    dem = _located(open_image(how.dem), still, progress) if how.dem else None
    if dem is not None:
        _tell_uncovered(dem, pair, progress, "points outside have no altitude")
    vectors = files_of(how.vector_mask)
    paths = (moving, reference, *filter(None, (how.mask, how.dem)), *vectors)
    return Inputs(moved, still, pair, dem, paths)


def _band(image: RasterImage, band: int, role: str, progress: Progress) -> Image:
    """Return one band of a file."""
    title = os.path.basename(image.path)
    if band > image.bands:
        count = f"{image.bands} bands. Choose a band from 1 to {image.bands}."
        count = "1 band. Choose band 1." if image.bands == 1 else count
        raise InvalidOption(f"Band {band} was asked of the {role} {title}, which has {count}")
    if image.details.color_table:
        progress.warn(f"The {role} {title} has a color table: numbers of classes are compared.")
    grid = image.grid
    progress.info(
        f"{role[:1].upper()}{role[1:]}: {image.path}, {grid.width} × {grid.height} px, band {band} "
        f"of {image.bands} {image.dtype}, {crs_title(grid.crs)}"
    )
    return OneBand(replace(image, revisited=True), band)


def _usable(seen: Image, file: RasterImage, how: Compared) -> Image:
    """Return an image without the values that mean nothing."""
    if how.zero_is_nodata and file.details.validity == "all":
        seen = WithoutValues(seen, (0.0,), "ZERO_IS_NODATA")
    return WithoutValues(seen, how.no_value, "NO_VALUE") if how.no_value else seen


def _masked(seen: Image, mask: Image | None, how: Compared, progress: Progress) -> Image:
    """Return the reference without what mask and polygons leave out."""
    grid = seen.grid
    if mask is not None:
        seen = Restricted(seen, _onto(mask, grid), "nonzero", "MASK")
    if how.vector_mask:
        polygons = read_polygons(how.vector_mask, grid.crs, progress)
        burned = Burned(grid, tuple((feature.geometry, 1) for feature in polygons))
        keep = "valid" if how.mask_mode == "include" else "invalid"
        seen = Restricted(seen, burned, keep, "VECTOR_MASK")
    return seen


def _located(image: RasterImage, reference: RasterImage, progress: Progress) -> Image:
    """Return a mask or heights whose position can be told from its grid and CRS.

    Raises IncompatibleImages when it does not say where it lies.
    """
    grid, own, title = reference.grid, image.grid, os.path.basename(image.path)
    if own.transform == NOWHERE:
        if (own.width, own.height) == (grid.width, grid.height):
            return Moved(image, grid)
        if grid.transform != NOWHERE:
            raise IncompatibleImages(
                f"{title} has no position on the ground (no geotransform) and not the size of "
                f"{os.path.basename(reference.path)}. Georeference it first."
            )
    if own.crs and not grid.crs:
        raise IncompatibleImages(
            f"{title} has {crs_title(own.crs)} and {os.path.basename(reference.path)} has no "
            "coordinate system. Assign one to it, or clear both."
        )
    if grid.crs and not own.crs:
        progress.warn(f"{title} has no CRS; it is taken to be that of the reference.")
        return Moved(image, own.with_crs(grid.crs))
    return image


def _onto(image: Image, grid: Grid) -> Image:
    """Return a mask on a grid, every pixel looked up at its map position."""
    if same_crs(image.grid.crs, grid.crs):
        return image if image.grid == grid else Warped(image, grid, "nearest")
    view = Warped(image, grid, "nearest", CrsMapping(grid.crs, image.grid.crs))
    return replace(view, step=lattice_step(view))


def _tell_uncovered(image: Image, pair: Pair, progress: Progress, fate: str) -> None:
    """Warn when a mask or heights do not reach the whole overlap."""
    grid, (width, height) = image.grid, (pair.grid.width - 1, pair.grid.height - 1)
    ends = ((0, 0), (width, 0), (0, height), (width, height))
    at = [crossing(pair.grid, grid).at(*end) for end in ends]
    if not all(-1 <= col <= grid.width and -1 <= row <= grid.height for col, row in at):
        progress.warn(f"{file_name(image)} does not cover the whole overlap; {fate}.")
