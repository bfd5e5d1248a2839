# SPDX-License-Identifier: GPL-2.0-or-later
"""Masks of single images: which files they are in, and where they lie."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InvalidOption
from ...grid import Grid
from ...image import Image, View
from ...normalizing.selecting import EXTENSIONS
from ...placement import onto
from ...progress import SILENT, Progress
from ...raster import open_image
from ...registration.corrected import corrected, moved_outline, own_place
from ...requests.shared.costs import Costing, Hiding
from ...seams.hints import Hint
from ...transform.correction import Correction
from ...transform.warped import Moved
from ...vector import Burned, Feature, files_of, polygons_by_name, read_polygons

LAYERS = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".gml", ".kml", ".sqlite")
"""What the names of masks made of polygons end with."""

SUFFIXES = ("_CloudMask", "_Mask", "")
"""What follows an image's name in the names of its masks."""


def file_below(image: Image) -> Image:
    """Return the image below all views: the pixels as they are in the file."""
    while isinstance(image, View):
        image = image.source
    return image


def path_of(image: Image) -> str:
    """Return the file below all views, "" when there is none."""
    return str(getattr(file_below(image), "path", ""))


def mask_files(images: Sequence[Image], how: Hiding) -> list[str | None]:
    """Return the file with the mask of each image; nothing without MASKS, or for one layer of all.

    Raises InvalidOption when MASKS can be nothing of all that, or no image has a mask.
    """
    source = how.masks
    if not source:
        return []
    folder = os.path.isdir(source)
    if "$" not in source and not folder:
        _refuse_single(source)
        return []
    own = {os.path.abspath(path_of(image)) for image in images}
    found = [_mask_file(image.name, source, own) for image in images]
    if not any(found):
        _refuse_pattern(source)
        first = images[0].name
        wanted = " or ".join(f"{first}{one}.tif" for one in SUFFIXES[:2])
        if not folder:
            wanted = source.replace("$", first)
        raise InvalidOption(
            f"MASKS: {source!r} has none for {first}, nor for other images; that of {first} would "
            f"be {wanted}."
        )
    return found


def masks_of(
    images: Sequence[Image],
    grids: Sequence[Grid],
    how: Costing,
    field: str,
    progress: Progress = SILENT,
    moves: Sequence[Correction] = (),
) -> tuple[Hint | None, ...]:
    """Return the mask of each image on a grid (all have one CRS); nothing without MASKS.

    `moves` are the corrections that put the images in place: masks, which lie on the images as
    they are in their files, take the same way.
    """
    if not how.masks:
        return ()
    names = [image.name for image in images]
    ways: Sequence[Correction | None] = moves or [None] * len(names)
    masks = _Masks(tuple(names), how, field, progress, mask_files(images, how))
    found = [
        masks.of(number, file_below(image).grid, grid, move)
        for number, (image, grid, move) in enumerate(zip(images, grids, ways))
    ]
    without = [name for name, hint in zip(names, found) if hint is None]
    if len(without) == len(names):
        raise InvalidOption(f"MASKS: {how.masks!r} has none for {names[0]}, nor for other images.")
    if without:
        progress.warn(f"Without mask, so taken as clear: {', '.join(without)}.")
    return tuple(found)


@dataclass
class _Masks:
    """The masks of all images; `layers` are those of one layer by CRS and image."""

    names: tuple[str, ...]
    how: Costing
    field: str
    progress: Progress
    files: Sequence[str | None]
    layers: dict[str, dict[str, tuple[Feature, ...]]] = dataclasses.field(default_factory=dict)

    def of(self, number: int, below: Grid, grid: Grid, move: Correction | None) -> Hint | None:
        """Return the mask of an image on a grid; `below` are the pixels of its file."""
        path = self.files[number] if self.files else None
        if path is not None and not _of_polygons(path):
            seen = _placed(open_image(path), grid, move)
            return Hint(seen, grid.placed(seen.grid), tuple(self.how.mask_values))
        # polygons of an image that moves are drawn on its pixels
        drawing = below if move else grid
        shapes = tuple((one.geometry, 1) for one in self._polygons(number, path, drawing.crs))
        if not shapes:
            return None
        drawn = Burned(drawing, shapes)
        placed = _placed(drawn, grid, move) if move else drawn
        return Hint(placed, grid.placed(placed.grid))

    def _polygons(self, number: int, path: str | None, crs: str) -> Sequence[Feature]:
        if self.files:
            return read_polygons(path, crs, self.progress) if path else ()
        if crs not in self.layers:
            features = read_polygons(str(self.how.masks), crs, self.progress)
            self.layers[crs] = polygons_by_name(features, self.field, self.names)
        return self.layers[crs][self.names[number]]


def _placed(mask: Image, grid: Grid, move: Correction | None) -> Image:
    """Return a mask on the pixels of a grid, where the correction of its image puts it."""
    if move is None or move.identity:
        return onto(mask, grid, "nearest")
    place = own_place(mask, move)
    if place is not None:
        return onto(Moved(mask, place), grid, "nearest")
    x, y = moved_outline(mask, move, grid.crs)
    box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    return corrected(mask, move, grid.cropped(grid.window_of(box)), resampling="nearest")


def _of_polygons(path: str) -> bool:
    return os.path.splitext(files_of(path)[0])[1].lower() in LAYERS


def _mask_file(name: str, source: str, images: set[str]) -> str | None:
    """Return the mask of an image in a folder or by a pattern, which is none of the images."""
    folder = os.path.isdir(source)
    pattern = os.path.join(source, "$") if folder else source
    for suffix in SUFFIXES if folder else ("",):
        stem = pattern.replace("$", name + suffix)
        for path in (stem, *(stem + ending for ending in (*EXTENSIONS, *LAYERS))):
            file = os.path.abspath(path.split("|")[0])
            if os.path.isfile(file) and file not in images:
                return path
    return None


def _refuse_pattern(source: str) -> None:
    """Raise InvalidOption for signs that patterns have elsewhere."""
    sign = next((one for one in "*?" if one in os.path.basename(source)), "")
    if sign and "$" in source:
        raise InvalidOption(
            f"MASKS: in {source!r} only $ stands for something, the image's name; write the rest "
            f"of the names out instead of {sign}, or give the folder."
        )
    if sign:
        like = source.replace("**/", "").replace(sign, "$", 1).replace(sign, "")
        raise InvalidOption(
            f"MASKS: {source!r} does not say which mask belongs to which image. Write $ where the "
            f"image's name stands, such as {like}, or give the folder."
        )


def _refuse_single(source: str) -> None:
    """Raise InvalidOption unless a source can be one layer with the masks of all images."""
    path = files_of(source)[0]
    if os.path.isfile(path):
        if os.path.splitext(path)[1].lower() in EXTENSIONS:
            raise InvalidOption(
                f"MASKS: {os.path.basename(path)} is one raster, but every image has a mask of its "
                "own. Write $ where the image's name stands, such as $_CloudMask.tif, or give the "
                "folder of the masks."
            )
        return
    _refuse_pattern(source)
    if any(sign in source for sign in ";,"):
        raise InvalidOption(
            f"MASKS: {source!r} is no file. Instead of a list give the masks' folder, or one path "
            "with $ for the image's name."
        )
    raise InvalidOption(
        f"MASKS: there is no file and no folder {source!r}. Give a path with $ for the image's "
        "name, a folder, or a vector layer whose features bear the images' names."
    )
