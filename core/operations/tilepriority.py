# SPDX-License-Identifier: GPL-2.0-or-later
"""Divide the ground among overlapping tiles: the envelope that a mosaic takes from each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..deps import require
from ..errors import IncompatibleImages, InvalidOption
from ..image import Image, Pixels
from ..landcover.envelopes import northwest, rectangular
from ..landcover.sensors import tile_of
from ..masks.restricted import WithoutValues
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, expand, open_image, refuse_overwriting
from ..raster.crs import crs_title, is_geographic
from ..requests.tilepriority import Request as Request
from ..requests.tilepriority import Result as Result
from ..seams.ground import Rule
from ..seams.voronoi import partition
from ..survey import survey
from ..vector import Feature, FootprintTrace, Layer, read_polygons, write_layers
from ..vector.rings import Polygon, area_of, rings_of, wkb_of
from ..vector.shapefiles import write_shapefile
from ..vector.sources import open_layer
from ..vector.styles import cells_style
from ..windows import Window

VECTORS = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".sqlite", ".gml", ".kml")
POLYGONS = (3, 6)
"""Codes of Polygon and MultiPolygon."""

LITTLE = 1.0
"""Part of a tile's ground that may lie apart from the rest without a word, %."""

NEEDS = (("polygons", ("scipy", "shapely")),)


@dataclass(frozen=True)
class Tile:
    """A tile's name and footprint: polygons as well-known binary in a CRS."""

    name: str
    path: str
    footprint: bytes
    crs: str

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The box round its footprint."""
        points = np.concatenate([polygon[0] for polygon in rings_of(self.footprint)])
        low, high = points.min(0), points.max(0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


class MeanCount:
    """Mean of the first band of images, as an OwnCollector."""

    def __init__(self, count: int) -> None:
        self.sums, self.pixels = np.zeros(count), np.zeros(count)

    def feed(self, index: int, window: Window, pixels: Pixels) -> tuple[int, float, int]:
        """Sum a window."""
        values = pixels.values[0][pixels.valid]
        return index, float(values.sum(dtype=np.float64)), values.size

    def merge(self, partial: tuple[int, float, int]) -> None:
        """Add a window."""
        self.sums[partial[0]] += partial[1]
        self.pixels[partial[0]] += partial[2]

    def means(self) -> list[float]:
        """Return the mean of each image."""
        return [float(mean) for mean in self.sums / np.maximum(self.pixels, 1)]


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Outline the tiles of the request, divide their overlaps and write the envelopes."""
    paths = expand(request.images, progress)
    inputs = [path.partition("|")[0] for path in paths]
    output = refuse_overwriting(request.output, inputs)
    for path in paths if request.output_folder else ():
        refuse_overwriting(_sheet(request, _named(path)), inputs)
    progress.phase("Outlining the tiles")
    tiles = footprints(paths, request.threads, progress.part(0, 0.6))
    order = ranked(tiles, request, progress.part(0.6, 0.7))
    progress.phase("Dividing the overlaps")
    envelopes = divided(tiles, order, request.method, request.margin, progress)
    layer = envelope_layer(tiles, order, envelopes)
    write_layers(output, [layer])
    if request.output_folder:
        for feature in layer.features:
            path = _sheet(request, str(feature.values["tile"]))
            write_shapefile(path, replace(layer, features=(feature,), style=""))
    gap, overlap = _measured(tiles, envelopes)
    progress.advance(1.0)
    progress.info(
        f"{len(tiles)} tiles were divided; gaps of {gap:.3g} and overlaps of {overlap:.3g} square "
        f"map units are left. The envelopes are {output}."
    )
    return Result(output, len(tiles), gap, overlap, request.output_folder)


def _sheet(request: Request, tile: str) -> str:
    """Return the shapefile of a tile."""
    return os.path.join(request.output_folder or "", f"{tile}.shp")


def footprints(
    paths: Sequence[str], threads: int = 0, progress: Progress = SILENT, *, every: bool = True
) -> tuple[Tile, ...]:
    """Return the largest polygon of each tile, in the CRS of the first one.

    Raises InvalidOption when two tiles have one name, IncompatibleImages when one is empty, unless
    not `every` tile is needed: then it is left out.
    """
    found: list[Tile] = []
    for path, part in zip(paths, progress.split(len(paths))):
        crs = found[0].crs if found else None
        tile = _of_layer(path, crs) if _is_vector(path) else _of_raster(path, crs, threads, part)
        polygons = rings_of(tile.footprint)
        if not polygons and not every:
            continue
        if not polygons:
            raise IncompatibleImages(f"{tile.name} has no valid pixel, so no footprint.")
        if tile.name in {one.name for one in found}:
            raise InvalidOption(f"Two tiles are called {tile.name}. Rename one of them.")
        largest = max(polygons, key=lambda polygon: area_of([polygon]))
        _say_left(tile.name, polygons, largest, progress)
        found.append(replace(tile, footprint=wkb_of([largest])))
    return tuple(found)


def _say_left(name: str, polygons: Sequence[Polygon], kept: Polygon, progress: Progress) -> None:
    """Warn when much of a tile's ground lies apart from its largest part."""
    whole = area_of(polygons)
    left = 100 * (1 - area_of([kept]) / whole)
    if left >= LITTLE:
        progress.warn(
            f"{left:.0f} % of the valid ground of {name} lies apart from its largest part, beyond "
            "pixels without data, and is left out. Divide the tile there to keep it."
        )


def ranked(tiles: Sequence[Tile], request: Request, progress: Progress = SILENT) -> tuple[int, ...]:
    """Return the numbers of the tiles, the preferred one first."""
    if request.order == "northwest":
        return northwest([tile.box for tile in tiles])
    if request.order == "validity":
        return _by_validity(tiles, request, progress)
    known = {tile.name: number for number, tile in enumerate(tiles)}
    strange = [name for name in request.order_list if name not in known]
    if strange or len(set(request.order_list)) != len(tiles):
        what = f"{strange[0]} is no tile" if strange else "every tile is needed once"
        raise InvalidOption(f"Listed order: {what}; the tiles are {', '.join(known)}.")
    return tuple(known[name] for name in request.order_list)


def divided(
    tiles: Sequence[Tile],
    order: Sequence[int],
    method: str,
    margin: float,
    progress: Progress = SILENT,
) -> tuple[bytes, ...]:
    """Return the envelope of each tile: MultiPolygons that do not overlap and leave no gap."""
    shapes, empty = [tile.footprint for tile in tiles], wkb_of([])
    if method == "iota2":
        found = rectangular(shapes, order, margin)
        if found.halved:
            progress.info(
                f"Margin: {margin:g} is more than half of some overlap; half of it is kept there."
            )
        return tuple(envelope or empty for envelope in found.envelopes)
    # edges pushed inside by one distance on both sides have the same middle between them
    rule = Rule(geographic=is_geographic(tiles[0].crs), contained="top")
    cells = partition([shapes[number] for number in order], rule).cells
    return tuple(cells.get(list(order).index(number), empty) for number in range(len(tiles)))


def envelope_layer(
    tiles: Sequence[Tile], order: Sequence[int], envelopes: Sequence[bytes]
) -> Layer:
    """Return the envelopes as a styled layer, the preferred tile first."""
    features = tuple(
        Feature(envelopes[number], {"tile": tiles[number].name, "priority": rank})
        for rank, number in enumerate(order, 1)
        if rings_of(envelopes[number])
    )
    fields = (("tile", "string"), ("priority", "integer"))
    return Layer("envelopes", "MultiPolygon", tiles[0].crs, fields, features, cells_style("tile"))


def _is_vector(path: str) -> bool:
    return os.path.splitext(path.partition("|")[0])[1].lower() in VECTORS


def _named(path: str) -> str:
    stem = os.path.splitext(os.path.basename(path.partition("|")[0]))[0]
    return tile_of(path.partition("|")[0]) or stem


def _agreed(path: str, own: str, crs: str | None) -> str:
    """Return the CRS of the tiles: the first one's own; either all or none have one."""
    if crs is not None and bool(own) != bool(crs):
        raise IncompatibleImages(
            f"{_named(path)} has {crs_title(own)} and the first tile {crs_title(crs)}. Assign the "
            "CRS to the one that lacks it first."
        )
    return own if crs is None else crs


def _of_layer(path: str, crs: str | None) -> Tile:
    crs = _agreed(path, open_layer(path, POLYGONS, "polygons").crs, crs)
    found = [p for feature in read_polygons(path, crs) for p in rings_of(feature.geometry)]
    return Tile(_named(path), path, wkb_of(found), crs)


def _of_raster(path: str, crs: str | None, threads: int, progress: Progress) -> Tile:
    image = open_image(path)
    crs = _agreed(path, image.grid.crs, crs)
    seen: Image = image
    if image.details.validity == "all":
        seen = WithoutValues(image, (0.0,))
    with FootprintTrace([seen]) as trace:
        survey([seen], own=[trace], canvas=image.grid, threads=threads, progress=progress)
        (found,) = trace.footprints(crs)
    return Tile(_named(path), path, found.geometry, crs)


def _by_validity(tiles: Sequence[Tile], request: Request, progress: Progress) -> tuple[int, ...]:
    images: list[RasterImage] = [open_image(path) for path in expand(request.validities)]
    if len(images) != len(tiles):
        raise InvalidOption(f"Clear dates: {len(images)} given for {len(tiles)} tiles.")
    by_name = {_named(image.path): image for image in images}
    if all(tile.name in by_name for tile in tiles):
        images = [by_name[tile.name] for tile in tiles]
    counter = MeanCount(len(images))
    for number, image in enumerate(images):
        one = MeanCount(1)
        survey([image], own=[one], canvas=image.grid, threads=request.threads, progress=progress)
        counter.merge((number, float(one.sums[0]), int(one.pixels[0])))
    means = counter.means()
    return tuple(sorted(range(len(tiles)), key=lambda number: (-means[number], number)))


def _measured(tiles: Sequence[Tile], envelopes: Sequence[bytes]) -> tuple[float, float]:
    """Area of what no envelope covers, and of what several do."""
    loads = require("shapely.wkb", "Envelopes of tiles").loads
    unite = require("shapely.ops", "Envelopes of tiles").unary_union
    cells = [loads(wkb) for wkb in envelopes if rings_of(wkb)]
    whole, tiled = unite([loads(tile.footprint) for tile in tiles]), unite(cells)
    overlap = sum(cell.area for cell in cells) - tiled.area
    return float(whole.symmetric_difference(tiled).area), max(0.0, float(overlap))
