# SPDX-License-Identifier: GPL-2.0-or-later
"""Block maps as files: ours and those of spectralmatch, one reference and one per image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import IncompatibleImages, InvalidOption
from ..grid import Grid
from ..image import Array, Image
from ..progress import SILENT, Progress
from ..radiometry.blockmaps import BlockMaps, LocalMap
from ..raster import expand, same_crs
from ..raster.mapfiles import MapFile, read_map, write_map
from ..windows import Window

VERSION = "1"
AGREEING = 1e-6
"""Parts of a block by which the places of maps that belong together may differ."""


@dataclass(frozen=True)
class Loaded:
    """Maps that were read: reference and local ones, each of which may be absent."""

    grid: Grid
    reference: Array | None
    local: tuple[LocalMap, ...]
    method: str
    offset_bands: frozenset[int]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def names(self) -> frozenset[str]:
        """The images that have a local map."""
        return frozenset(local.name for local in self.local)

    def methods(self, wanted: str, bands: int) -> tuple[str, ...]:
        """Return the method per band; bands whose maps hold differences keep offset."""
        return tuple("offset" if band in self.offset_bands else wanted for band in range(bands))


def save_maps(
    maps: BlockMaps,
    reference: str | None,
    local: str | None,
    images: Sequence[Image],
    method: str,
) -> tuple[str, ...]:
    """Write the reference map and one local map per image; return the paths.

    `local` holds $ for the image's name; an empty path writes nothing. All get one style.
    """
    names, colors = images[0].band_names, images[0].details.colors
    stretch = _stretch(maps.reference)
    found: list[str] = []
    files = [("", reference, maps.reference)] if reference else []
    for one in maps.local if local else ():
        values = np.full(maps.reference.shape, np.nan)
        values[one.window.banded(maps.grid.window)] = one.values
        files.append((one.name, local_path(str(local), one.name), values))
    for name, path, values in files:
        items = _items(maps, name, method)
        file = MapFile(path, name, maps.grid, values, items)
        found.append(write_map(file, names, stretch, colors))
    return tuple(found)


def local_path(pattern: str, name: str) -> str:
    """Return the file of an image's local map; an extension is added when missing."""
    path = pattern.replace("$", name)
    return path if path.lower().endswith((".tif", ".tiff")) else path + ".tif"


def map_files(
    reference: str | None, local: Sequence[str], images: Sequence[Image]
) -> tuple[str, ...]:
    """Return the files that load_maps reads."""
    found = _files(local, [image.name for image in images])
    return (*([reference] if reference else []), *found)


def load_maps(
    reference: str | None,
    local: Sequence[str],
    images: Sequence[Image],
    progress: Progress = SILENT,
) -> Loaded | None:
    """Read maps that belong together; None when none is given.

    `local` is a pattern with $, a folder, or files. Raises IncompatibleImages or InvalidOption
    when the maps differ from each other or from the images, or when there is none for any image.
    """
    top = read_map(reference) if reference else None
    mine = _assigned(local, [image.name for image in images], progress)
    files = [*([top] if top else []), *mine.values()]
    if not files:
        if local:
            raise InvalidOption(
                f"{os.path.basename(local[0].rstrip(os.sep))} gives no block map of any image. "
                "Check the names of the maps."
            )
        return None
    first = files[0]
    for file in files:
        _refuse_other_map(first, file)
        _refuse_other_image(file, images[0])
    maps = tuple(_local(name, file) for name, file in mine.items())
    items = {key: text for file in reversed(files) for key, text in file.items.items()}
    bands = range(len(first.values))
    offset = frozenset(band for band in bands if items.get(f"METHOD_{band}") == "offset")
    limits = [_numbers(items, key, bands) for key in ("LOW", "HIGH")]
    values = top.values if top else None
    return Loaded(first.grid, values, maps, items.get("METHOD", ""), offset, *limits)


def _items(maps: BlockMaps, name: str, method: str) -> dict[str, str]:
    items = {"IMAGE": name, "METHOD": method, "TARGET": maps.target, "VERSION": VERSION}
    for band, one in enumerate(maps.methods):
        if one != method:
            items[f"METHOD_{band}"] = one
    for key, limits in (("LOW", maps.low), ("HIGH", maps.high)):
        items.update({f"{key}_{band}": repr(value) for band, value in enumerate(limits)})
    return items


def _stretch(values: Array) -> list[tuple[float, float]]:
    found = []
    for band in values:
        known = band[np.isfinite(band)]
        low, high = np.percentile(known, (2, 98)) if known.size else (0.0, 1.0)
        found.append((float(low), float(high)))
    return found


def _numbers(items: dict[str, str], key: str, bands: Iterable[int]) -> tuple[float, ...]:
    texts = [items.get(f"{key}_{band}", "") for band in bands]
    try:
        return tuple(map(float, texts))
    except ValueError:  # maps of spectralmatch have no limits
        return ()


def _local(name: str, file: MapFile) -> LocalMap:
    """The part of a map in which something is known."""
    known = np.isfinite(file.values).any(0)
    rows, cols = np.flatnonzero(known.any(1)), np.flatnonzero(known.any(0))
    if not len(rows):
        rows = cols = np.array([0])
    window = Window(
        int(cols[0]), int(rows[0]), int(cols[-1] - cols[0]) + 1, int(rows[-1] - rows[0]) + 1
    )
    return LocalMap(name, window, file.values[window.banded(file.grid.window)])


def _refuse_other_map(first: MapFile, file: MapFile) -> None:
    shapes = [one.values.shape for one in (first, file)]
    titles = [os.path.basename(one.path) for one in (first, file)]
    if shapes[0][1:] != shapes[1][1:]:
        sizes = [f"{rows} × {cols}" for _, rows, cols in shapes]
        raise IncompatibleImages(
            f"{titles[0]} has {sizes[0]} blocks and {titles[1]} {sizes[1]}. Give maps of one run."
        )
    if shapes[0][0] != shapes[1][0]:
        raise IncompatibleImages(
            f"{titles[0]} has {shapes[0][0]} bands and {titles[1]} {shapes[1][0]}. Give maps of "
            "one run."
        )
    corners = zip(first.grid.corners, file.grid.corners)
    apart = [np.subtract(first.grid.to_pixel(*a), first.grid.to_pixel(*b)) for a, b in corners]
    if np.abs(apart).max() > AGREEING or not same_crs(first.grid.crs, file.grid.crs):
        raise IncompatibleImages(
            f"{titles[0]} and {titles[1]} do not cover the same ground. Give maps of one run."
        )


def _refuse_other_image(file: MapFile, image: Image) -> None:
    title = os.path.basename(file.path)
    if len(file.values) != image.bands:
        raise IncompatibleImages(
            f"{title} has {len(file.values)} bands and {image.name} {image.bands} (alpha not "
            "counted). Give the maps of these images."
        )
    if file.grid.crs and not same_crs(file.grid.crs, image.grid.crs):
        raise IncompatibleImages(
            f"{title} and {image.name} have different coordinate systems. Give the maps of these "
            "images."
        )


def _assigned(given: Sequence[str], names: Sequence[str], progress: Progress) -> dict[str, MapFile]:
    """Return the map of each image that has one."""
    named = _patterned(given, names)
    if named is not None:
        return {name: read_map(path) for name, path in named.items()}
    files = [read_map(path) for path in _files(given, names)]
    found: dict[str, MapFile] = {}
    for title in (_declared, _without_suffix):
        for file in files:
            name = title(file)
            if name in names:
                found.setdefault(name, file)
    for name in names:
        if name not in found:
            _guess(name, files, found, progress)
    return found


def _files(given: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    named = _patterned(given, names)
    if named is not None:
        return tuple(named.values())
    return tuple(expand(given)) if given else ()


def _patterned(given: Sequence[str], names: Sequence[str]) -> dict[str, str] | None:
    """The file that exists for each name when a pattern is given."""
    if len(given) != 1 or "$" not in given[0]:
        return None
    paths = {name: local_path(given[0], name) for name in names}
    return {name: path for name, path in paths.items() if os.path.isfile(path)}


def _declared(file: MapFile) -> str:
    return file.items.get("IMAGE", "")


def _without_suffix(file: MapFile) -> str:
    return "" if _declared(file) else file.name.rpartition("_")[0] or file.name


def _guess(
    name: str, files: Sequence[MapFile], found: dict[str, MapFile], progress: Progress
) -> None:
    """Take the only map whose name contains an image's name, as spectralmatch does."""
    taken = {file.path for file in found.values()}
    free = [f for f in files if f.path not in taken and not _declared(f) and name in f.name]
    if len(free) > 1:
        listed = ", ".join(os.path.basename(file.path) for file in free[:3])
        raise InvalidOption(f"Several block maps could belong to {name}: {listed}. Rename them.")
    if free:
        found[name] = free[0]
        progress.warn(
            f"{os.path.basename(free[0].path)} is taken for the block map of {name}, which its "
            "name contains."
        )
