# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pixels of each image statistics may use: polygons, masks, saturation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..alike import file_name
from ..errors import InvalidOption
from ..grid import Grid
from ..image import Image, Mask, read_padded
from ..placement import onto
from ..progress import SILENT, Progress
from ..radiometry.selection import Selection
from ..radiometry.statistics import ImageSums
from ..raster import open_image
from ..requests import UsedPixels
from ..vector import Burned, Feature, polygons_for, read_polygons
from ..windows import Window

MASK_NAME = "$_PIF"
"""How the masks in a folder are called."""

EXTENSIONS = (".tif", ".tiff", ".vrt", ".jp2", ".img", ".png")


@dataclass(frozen=True)
class MarkImage:
    """A mask seen on a grid: pixels are marked where it is valid and not 0."""

    seen: Image
    place: Window

    def marked(self, window: Window) -> Mask:
        """Return where a window of the grid is marked; nowhere beyond the mask."""
        found = read_padded(self.seen, window.shifted(-self.place.col, -self.place.row), [1])
        return np.asarray(found.valid & (found.values[0] != 0))


def own_selection(
    images: Sequence[Image], how: UsedPixels, progress: Progress = SILENT, *, masked: bool = True
) -> Selection | None:
    """Return what limits each image's pixels on its own grid; None when nothing does.

    Images may have different CRSs. Raises InvalidOption for an image without polygon, or without
    mask unless that may be missing (`masked` false).
    """
    masks = mask_files(images, how, masked=masked)
    return _selection(images, [image.grid for image in images], how, masks, progress)


def canvas_selection(
    images: Sequence[Image],
    canvas: Grid,
    how: UsedPixels,
    progress: Progress = SILENT,
    *,
    masked: bool = True,
) -> Selection | None:
    """Return what limits each image's pixels on a common grid, as own_selection does."""
    masks = mask_files(images, how, masked=masked)
    return _selection(images, [canvas] * len(images), how, masks, progress)


def refuse_empty_masks(images: Sequence[Image], sums: Sequence[ImageSums], how: UsedPixels) -> None:
    """Raise InvalidOption when polygons or masks leave nothing of an image that has pixels."""
    limited = how.vector_mask or how.selection_masks
    for image, found in zip(images, sums):
        if limited and found.valid and not found.used:
            raise InvalidOption(
                f"The mask leaves no pixel of {file_name(image)} for statistics. Check "
                f"{'MASK_MODE and MASK_FIELD' if how.vector_mask else 'SELECTION_MASKS'}."
            )


def mask_files(
    images: Sequence[Image], how: UsedPixels, *, masked: bool = True
) -> tuple[str | None, ...]:
    """Return the path of each image's mask; nothing when none are asked for.

    Raises InvalidOption naming the image that has none; with `masked` false it has None instead.
    """
    pattern = how.selection_masks
    return tuple(_mask_file(image, pattern, masked) for image in images) if pattern else ()


def _selection(
    images: Sequence[Image],
    grids: Sequence[Grid],
    how: UsedPixels,
    masks: Sequence[str | None],
    progress: Progress,
) -> Selection | None:
    polygons = _polygons(images, grids, how, progress)
    marks = tuple(_mark(path, grid) if path else None for path, grid in zip(masks, grids))
    if not polygons and not any(marks) and how.ignore_saturated:
        return None
    return Selection(polygons, how.mask_mode == "include", marks, not how.ignore_saturated)


def _polygons(
    images: Sequence[Image], grids: Sequence[Grid], how: UsedPixels, progress: Progress
) -> tuple[Burned | None, ...]:
    """The polygons of each image; those that serve several are prepared once for a grid."""
    if not how.vector_mask:
        return ()
    names = [image.name for image in images]
    read: dict[str, Sequence[Feature]] = {}
    made: dict[tuple[Grid, tuple[tuple[bytes, int], ...]], Burned] = {}
    found: list[Burned | None] = []
    for image, grid in zip(images, grids):
        if grid.crs not in read:
            read[grid.crs] = read_polygons(how.vector_mask, grid.crs, progress)
        mine = read[grid.crs]
        if how.mask_field:
            mine = polygons_for(image.name, mine, how.mask_field, names)
        _refuse_none(mine, image, how)
        shapes = tuple((feature.geometry, 1) for feature in mine)
        found.append(made.setdefault((grid, shapes), Burned(grid, shapes)) if shapes else None)
    return tuple(found)


def _refuse_none(mine: Sequence[Feature], image: Image, how: UsedPixels) -> None:
    if how.mask_mode == "include" and not mine:
        raise InvalidOption(
            f"{os.path.basename(str(how.vector_mask).partition('|')[0])} has no polygon for "
            f"{file_name(image)}. Check MASK_FIELD, or use MASK_MODE=exclude."
        )


def _mark(path: str, grid: Grid) -> MarkImage:
    seen = onto(open_image(path), grid, "nearest")
    return MarkImage(seen, grid.placed(seen.grid))


def _mask_file(image: Image, pattern: str, masked: bool) -> str | None:
    """The file that a pattern or folder gives for an image: names must be equal."""
    if os.path.isdir(pattern):
        pattern = os.path.join(pattern, MASK_NAME)
    elif "$" not in pattern:
        raise InvalidOption(
            f"Masks for statistics: {pattern!r} is neither a folder nor a path with $ for the "
            "image's name."
        )
    path = pattern.replace("$", image.name)
    named = [path] if os.path.splitext(path)[1].lower() in EXTENSIONS else []
    for candidate in (*named, *(path + extension for extension in EXTENSIONS)):
        if os.path.isfile(candidate):
            return os.path.abspath(candidate)
    if not masked:
        return None
    folder = os.path.dirname(os.path.abspath(path))
    raise InvalidOption(
        f"{file_name(image)} has no mask: there is no {os.path.basename(path)} in {folder}. Check "
        "SELECTION_MASKS."
    )
