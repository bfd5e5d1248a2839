# SPDX-License-Identifier: GPL-2.0-or-later
"""The tiles of a land cover run: their images, found by name, and their features as views."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import InvalidOption
from ...grid import Grid
from ...image import Array, Cast, Image, Pixels, constant
from ...landcover.features import needed
from ...landcover.indices import NAMES
from ...landcover.sensors import ROLES, Product, found_products, roles_of, sensors, tile_of
from ...landcover.series import MASK, UNDATED, layout, missing, parsed
from ...landcover.spooling import spooled
from ...landcover.stacking import ABSENT, Joined, MaskBands, MaskSeries
from ...placement import agree_on_crs, onto, output_grid
from ...progress import SILENT, Progress
from ...raster import expand, open_image, same_crs
from ...requests import spectralfeatures as described
from ...requests.gapfill import Interpolating
from ...windows import Window
from .. import gapfill, spectralfeatures
from ..series.acquisitions import Choice, Listed, Place, Stack, listed, stack
from ..series.parts import open_masks

NO_DATE = "19700101"
"""Date in the mask of an image of features, which has none."""


@dataclass(frozen=True)
class Source:
    """Images of a tile: kind "products" (a folder), "series", "features" or "undated".

    `first` is one of its files; `bands` those of a date.
    """

    kind: str
    sensor: str
    path: str
    mask: str = ""
    dates: tuple[str, ...] = ()
    first: str = ""
    bands: int = 1

    @property
    def title(self) -> str:
        """What iota2 calls the sensor."""
        known = sensors().get(self.sensor)
        return known.title if known else self.sensor

    @property
    def radar(self) -> bool:
        """True for radar, which sees through clouds."""
        known = sensors().get(self.sensor)
        return known is not None and known.radar

    @property
    def files(self) -> tuple[str, ...]:
        """What is read."""
        return (self.path, self.mask) if self.mask else (self.path,)

    def stacked(self, reference: str | None, bands: Sequence[str] = ()) -> Stack:
        """Return the images on the grid of a reference, with their masks; nothing is computed."""
        if self.kind in ("products", "undated"):
            found = listed([self.path], choice=Choice(sensor=self.sensor))
            found, bands = _kept(found, [band.lower() for band in bands])
            return stack(found, Place(reference=reference), bands)
        image: Image = open_image(self.path)
        if reference:
            grid = open_image(reference).grid
            image = onto(image, grid, "bilinear")
            if image.grid != grid:
                image = Joined(image.name, (image,), grid)
        dates = layout(image).dates if self.kind == "series" else ()
        return Stack(image, None, dates)

    def seen(self, reference: str) -> Image:
        """Return the mask series."""
        found = self.stacked(reference)
        if isinstance(found.masks, MaskSeries):
            return found.masks
        given = open_masks(self.mask) if self.mask else None
        if given is not None:
            grid = found.series.grid
            seen = Joined(given.name, (onto(given, grid, "nearest"),), grid)
            return Unseen(found.series, found.dates, seen)
        return Unseen(found.series, found.dates)


def _kept(found: Listed, bands: Sequence[str]) -> tuple[Listed, Sequence[str]]:
    """Return products with some bands of their sensor only, where each band is a file."""
    known = sensors().get(found.sensor)
    names = known.band_names if known and known.bands else ()
    if not bands or not names or set(bands) - set(names):
        return found, bands
    places = [names.index(band) for band in bands]
    products = (
        replace(one, images=tuple(one.images[place] for place in places)) for one in found.products
    )
    return replace(found, products=tuple(products)), bands


@dataclass(frozen=True)
class Unseen(MaskBands):
    """The mask series of an image: 2 where a date is missing, else what its own mask says."""

    source: Image
    dates: tuple[str, ...] = ()
    given: Image | None = None

    @property
    def bands(self) -> int:
        """One for each date; one for images without dates."""
        return max(1, len(self.dates))

    @property
    def band_names(self) -> tuple[str, ...]:
        """mask_<date>."""
        return tuple(f"{MASK}_{date}" for date in self.dates or (NO_DATE,))

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Look where the image is missing."""
        wanted = range(1, self.bands + 1) if bands is None else bands
        found = self.source.read(window)
        gone = missing(found.values, self.source.nodata)
        codes = np.stack([self._code(band - 1, found, gone) for band in wanted])
        if self.given is not None:
            codes = np.maximum(codes, self.given.read(window, list(wanted)).values)
        return Pixels(codes, constant(True, window.shape))

    def _code(self, date: int, found: Pixels, gone: Array | None) -> Array:
        bad = ~found.valid
        if gone is not None:
            bad = bad | gone[self._rows(date)].any(0)
        return np.where(bad, np.uint8(ABSENT), np.uint8(0))

    def _rows(self, date: int) -> list[int]:
        if not self.dates:
            return list(range(self.source.bands))
        names = [parsed(name) for name in self.source.band_names]
        return [row for row, said in enumerate(names) if said and said.date == self.dates[date]]


@dataclass(frozen=True)
class Tile:
    """A tile: its name, what is read, the grid of all that is made of it."""

    name: str
    sources: tuple[Source, ...]
    grid: Grid

    @property
    def files(self) -> tuple[str, ...]:
        """What is read."""
        return tuple(path for source in self.sources for path in source.files)

    @property
    def opened(self) -> Image:
        """One of its images."""
        return first_image(self.sources)

    @property
    def dated(self) -> tuple[Source, ...]:
        """The sources that have masks."""
        return tuple(source for source in self.sources if source.kind != "undated")


def tiles_of(request: Any, given: Mapping[str, str], progress: Progress = SILENT) -> list[Tile]:
    """Return the tiles of the request; `given` are sensors by folder.

    Raises InvalidOption when there are none, or none of a name asked for.
    """
    found: dict[str, list[Source]] = {}
    for entry in dict.fromkeys(request.images):
        for name, source in _sources(entry, given.get(entry, "auto"), progress):
            found.setdefault(name, []).append(source)
    wanted = (request.tiles or "").replace(",", " ").split() or sorted(found)
    absent = [name for name in wanted if name not in found]
    if absent or not found:
        listed_names = ", ".join(sorted(found)) or "none"
        raise InvalidOption(
            f"Tiles: {', '.join(absent) or 'none'} not found in the images; there are "
            f"{listed_names}."
        )
    masks = _masks(request.masks, found, progress)
    grids = _grids({name: found[name] for name in wanted}, request, progress)
    return [
        Tile(name, tuple(_masked(s, masks.get(name, s.mask)) for s in found[name]), grid)
        for name, grid in grids.items()
    ]


def _masked(source: Source, mask: str) -> Source:
    """Return a source with its mask series, which radar does not need."""
    return source if source.radar else replace(source, mask=mask)


def _sources(entry: str, sensor: str, progress: Progress) -> Iterator[tuple[str, Source]]:
    """Yield tile and source of an entry: a folder of tiles, of products or of rasters; a raster."""
    if sensor == "sentinel1" and os.path.splitext(entry)[1].lower() == ".cfg":
        raise InvalidOption(
            f"{os.path.basename(entry)} says how Sentinel-1 images are processed, which is not "
            "done here. Give the folder of the results: calibrated, terrain-corrected images (such "
            "as s1a_31TCJ_vv_DES_110_20180512t060033.tif) in a folder for each tile."
        )
    if not os.path.isdir(entry):
        for path in expand([entry], progress):
            yield named(path), _of_raster(path)
        return
    folders = sorted(one.path for one in os.scandir(entry) if one.is_dir())
    tiles = [path for path in folders if _tile_folder(path)]
    if sensor == UNDATED:
        for path in tiles or [entry]:
            yield named(path), Source("undated", UNDATED, path)
        return
    for path in tiles or [entry]:
        products = found_products(path, sensor)
        beside = () if products else _beside(path, sensor, progress)
        if products or beside:
            yield _tile_folder(path) or named(path), _of_products(path, products or beside)
        elif tiles:
            progress.warn(f"{path} holds no products of a known sensor and is left out.")
        else:
            for raster in expand([path], progress):
                yield named(raster), _of_raster(raster)


def _tile_folder(path: str) -> str:
    """Return the tile whose name a folder has, with T or without; "" when it is none."""
    name = os.path.basename(path.rstrip(os.sep))
    return next((tile for tile in (name, f"T{name}") if tile_of(tile) == tile), "")


def _beside(path: str, sensor: str, progress: Progress) -> tuple[Product, ...]:
    """Return the dates of a sensor whose images lie beside each other in a folder, as radar's."""
    files = sorted(one.path for one in os.scandir(path) if one.is_file() and one.name[0] != ".")
    for known in sensors().values():
        wanted = bool(known.files) and sensor in ("auto", known.name)
        if wanted and any(sensor == known.name or known.takes(file) for file in files):
            found = listed([path], choice=Choice(sensor=known.name)).products
            _warn_of_orbits(path, found, progress)
            return found
    return ()


def _warn_of_orbits(path: str, products: Sequence[Product], progress: Progress) -> None:
    names = [os.path.basename(image).upper() for one in products for image in one.images]
    if all(any(f"_{way}_" in name for name in names) for way in ("ASC", "DES")):
        progress.warn(
            f"{path} holds images of ascending and descending orbits, which see slopes from two "
            "sides; they become one series. Keep those of one in the folder if relief matters."
        )


def _of_products(path: str, products: Sequence[Product]) -> Source:
    sensor, first = products[0].sensor, products[0].images
    bands = len(sensors()[sensor].band_names) or len(first)
    dates = tuple(one.date for one in products)
    return Source("products", sensor, path, "", dates, first[0], bands)


def _of_raster(path: str) -> Source:
    image = open_image(path)
    said = [parsed(name) for name in image.band_names]
    dated = next((one for one in said if one), None)
    made = any(one and (one.band in NAMES or one.band.startswith("expr")) for one in said)
    if dated is None or made:
        return Source("features", "image", path, first=path, bands=image.bands)
    dates = layout(image).dates
    return Source("series", dated.sensor, path, "", dates, path, image.bands // len(dates))


def named(path: str) -> str:
    """Return the name of a tile: T31TCJ as in the path, else letters and digits of the file."""
    stem = os.path.splitext(os.path.basename(path.rstrip(os.sep)))[0]
    return tile_of(os.path.basename(path)) or re.sub(r"[^A-Za-z0-9]", "", stem) or "tile"


def _masks(
    entries: Sequence[str], found: Mapping[str, Sequence[Source]], progress: Progress
) -> dict[str, str]:
    """Return the mask series of tiles: by the tile in the name, else by order."""
    if not entries:
        return {}
    paths = expand(entries, progress)
    by_name = {named(path): path for path in paths}
    if set(by_name) == set(found):
        return by_name
    if len(paths) != len(found):
        raise InvalidOption(f"Mask series: {len(paths)} for {len(found)} tiles; give one for each.")
    return dict(zip(found, paths))


def _grids(
    found: Mapping[str, Sequence[Source]], request: Any, progress: Progress
) -> dict[str, Grid]:
    """Return the grid of each tile: its first image's, in one CRS, with the pixels asked for."""
    firsts = {name: first_image(sources) for name, sources in found.items()}
    crs = agree_on_crs(list(firsts.values()), request.crs, progress)
    grids = {}
    for name, image in firsts.items():
        size = image.grid.pixel_size[0]
        wanted = request.resolution or (size if same_crs(image.grid.crs, crs) else "highest")
        native = same_crs(image.grid.crs, crs) and wanted == size
        grids[name] = (
            image.grid if native else output_grid([image], crs, resolution=wanted, tap=True)
        )
    return grids


def first_image(sources: Sequence[Source]) -> Image:
    """Return one of the images of a tile, which has its pixels."""
    source = next((one for one in sources if one.first), sources[0])
    return open_image(source.first) if source.first else source.stacked(None).series


@dataclass(frozen=True)
class Describing:
    """How the features of all tiles are made: gap filling for each sensor, then indices."""

    filling: tuple[tuple[str, Interpolating], ...]
    features: described.Describing
    bands: tuple[str, ...] = ()


def filled(source: Source, reference: str, masks: str, how: Describing) -> Image:
    """Return the images of a source on regular dates, as a view."""
    stacked = source.stacked(reference, how.bands)
    filling = dict(how.filling).get(source.sensor)
    if not stacked.dates or filling is None:
        return stacked.series
    per_date = stacked.series.bands // len(stacked.dates)
    series = spooled(stacked.series, per_date, os.path.dirname(reference))
    return gapfill.apply(series, filling, open_masks(masks))


def features_of(
    tile: Tile,
    reference: str,
    masks: Sequence[str],
    how: Describing,
    progress: Progress = SILENT,
    radar: bool | None = None,
) -> Image:
    """Return the features of a tile as a view: nothing is computed yet.

    With `radar` images that are all of another kind (radar or not) are left out; the rest is as it
    is beside them.
    """
    parts = tuple(filled(source, reference, mask, how) for source, mask in zip(tile.sources, masks))
    series = parts[0] if len(parts) == 1 else Joined(tile.name, parts, tile.grid)
    features, sources = how.features, tile.sources
    if radar is not None and not features.python_module:
        sources = tuple(s for s in sources if s.kind == "features" or s.radar == radar)
        # one type for all sensors, as where samples were taken
        kept = (Cast(p, series.dtype.name) for p, s in zip(parts, tile.sources) if s in sources)
        series = Joined(tile.name, tuple(kept), tile.grid)
        features = replace(features, indices=_possible(features, sources))
    if not any(source.kind in ("products", "series") for source in sources):
        return series
    return spectralfeatures.apply(series, features, progress)


def _possible(how: described.Describing, sources: Sequence[Source]) -> tuple[str, ...]:
    """Return the indices for which a sensor has the bands."""
    named = {role for role in ROLES if getattr(how, role)}
    roles = [named.union(roles_of(source.sensor)) for source in sources]
    return tuple(i for i in how.indices if any(known.issuperset(needed(i)) for known in roles))
