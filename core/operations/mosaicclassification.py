# SPDX-License-Identifier: GPL-2.0-or-later
"""Put class maps of tiles and regions together, with confidence, validity and colors."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import InvalidOption
from ..exchange.legend import read_legend, styled
from ..grid import Grid
from ..image import Array, Image, Pixels
from ..landcover.labeled import refuse_no_classes
from ..landcover.legend import Legend
from ..landcover.mosaicked import Labeled, Painted, Percent, Zeroed, color_table
from ..landcover.sensors import tile_of
from ..masks.restricted import Restricted
from ..placement import onto
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, expand, open_image, refuse_overwriting
from ..raster.attributes import attribute_table
from ..raster.palette import palette_style
from ..requests.mergerasters import Merging
from ..requests.mosaicclassification import Request as Request
from ..requests.mosaicclassification import Result as Result
from ..seams.mosaic import mosaic
from ..seams.overlap import Overlap, Seams
from ..vector import Burned, files_of, read_polygons, refuse_no_field
from ..windows import Window
from ..write import write
from .mergerasters import common_grid

NEEDS = (("mosaics", ()),)


@dataclass(frozen=True)
class Pieces:
    """Maps on one grid, the tile that each belongs to, and the envelope of each tile if any."""

    maps: tuple[Image, ...]
    tiles: tuple[str, ...]
    grid: Grid
    envelopes: Image | None = None

    def together(self, images: Sequence[Image], dtype: np.dtype[np.generic]) -> Image:
        """Return images that belong to the maps as one, each where its map has a class.

        The first map of a tile that has a class wins; between tiles the envelopes decide, and
        where the tile of an envelope has no class, another one that has.
        """
        seen = [
            Restricted(
                onto(image, self.grid, "nearest"), onto(labels, self.grid, "nearest"), "valid"
            )
            for image, labels in zip(images, self.maps)
        ]
        if self.envelopes is None:
            return mosaic(seen, self.grid, Overlap("first"), dtype=dtype, nodata=0)
        names = list(dict.fromkeys(self.tiles))
        parts = [
            mosaic(
                [image for image, tile in zip(seen, self.tiles) if tile == name],
                self.grid,
                Overlap("first"),
                dtype=dtype,
                nodata=0,
            )
            for name in names
        ]
        cut = Overlap("first", Seams(self.envelopes))
        return mosaic(parts, self.grid, cut, dtype=dtype, nodata=0)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Write the mosaic of the maps and of what belongs to them."""
    return put_together(request, progress)


def put_together(request: Request, progress: Progress = SILENT) -> Result:
    """Write the mosaic of the maps and of what belongs to them, as part of a larger run."""
    maps = [open_image(path) for path in expand(request.images, progress)]
    for image in maps:
        refuse_no_classes(image)
    legend = read_legend(request.nomenclature, request.colors)
    legend = styled(legend, [image.path for image in maps], progress)
    pieces = pieces_of(maps, request, legend, progress)
    layers = {
        "Confidence": _beside(request.confidences, maps, pieces, "Confidences"),
        "PixelsValidity": _beside(request.validities, maps, pieces, "Counts of clear dates"),
        "ProbabilityMap": _beside(request.probabilities, maps, pieces, "Probabilities"),
    }
    paths = _paths(request, maps, [name for name, found in layers.items() if found])
    parts = progress.split(len(paths))
    counts = Counts()
    labels = pieces.together(pieces.maps, pieces.maps[0].dtype)
    progress.phase("Writing the class map")
    written = [write(labels, paths["Classif"], request, next(parts), (counts,)).path]
    whole = legend.complete(counts.labels, progress) if counts.labels else legend
    painted = Painted(labels, color_table(whole, counts.labels))
    written.append(write(painted, paths["ColorIndexed"], request, next(parts)).path)
    for path in written:
        _name(path, counts, whole)
    for name, found in layers.items():
        if found:
            progress.phase(f"Writing {name}")
            view = _product(name, found, pieces)
            written.append(write(view, paths[name], request, next(parts)).path)
    if not counts.labels:
        progress.warn("No map has a class; the mosaic is empty.")
    progress.advance(1.0)
    return Result(
        os.path.abspath(request.output_folder),
        tuple(written),
        classes=len(counts.labels),
        classified_pixels=sum(counts.found.values()),
    )


def pieces_of(
    maps: Sequence[RasterImage], request: Request, legend: Legend, progress: Progress = SILENT
) -> Pieces:
    """Return the maps on the grid of the mosaic, with the envelopes of their tiles.

    Raises IncompatibleImages when maps do not fit each other, InvalidOption when an envelope or
    tile is not known.
    """
    how = Merging(rule="first", resampling="nearest")
    grid = open_image(request.reference).grid if request.reference else None
    grid = grid or common_grid(maps, how, progress)
    largest = max([*legend.names, 0])
    wide = largest > 255 or any(image.dtype.itemsize > 1 for image in maps)
    labeled = tuple(Labeled(image, 65535 if wide else largest) for image in maps)
    envelopes = _envelopes(request.envelopes, maps, grid, progress) if request.envelopes else None
    tiles = tuple(_tile(image, envelopes[1] if envelopes else ()) for image in maps)
    burned = None
    if envelopes:
        numbers = {name: number for number, name in enumerate(dict.fromkeys(tiles), 1)}
        shapes = [(shape, numbers[n]) for shape, n in zip(*envelopes) if n in numbers]
        burned = Burned(grid, tuple(shapes), "envelopes")
    return Pieces(labeled, tiles, grid, burned)


def _envelopes(
    source: str, maps: Sequence[RasterImage], grid: Grid, progress: Progress
) -> tuple[list[bytes], list[str]]:
    features = read_polygons(source, grid.crs, progress)
    refuse_no_field(features[0].values, "tile", source)
    names = [str(feature.values["tile"]) for feature in features]
    without = [image.name for image in maps if not _tile(image, names)]
    if without:
        title = os.path.basename(source)
        raise InvalidOption(
            f"No envelope of {title} has the name of a tile in {', '.join(without[:5])}; its tiles "
            f"are {', '.join(names[:8])}."
        )
    return [feature.geometry for feature in features], names


def _tile(image: RasterImage, names: Sequence[str]) -> str:
    """Return the tile of a map: the name of an envelope among the words of its name."""
    words = {image.name, *re.split(r"[_.\- ]+", image.name)}
    return next((name for name in names if name in words), "" if names else tile_of(image.path))


def _paired(found: Sequence[RasterImage], pieces: Pieces) -> list[Image]:
    """Return as many images as maps in the order of their tiles, those of a tile as they stand."""
    names = pieces.tiles if pieces.envelopes is not None else ()
    theirs = [_tile(image, names) for image in found]
    if "" in theirs or sorted(theirs) != sorted(pieces.tiles):
        return list(found)
    waiting: dict[str, list[Image]] = {}
    for tile, image in zip(theirs, found):
        waiting.setdefault(tile, []).append(image)
    return [waiting[tile].pop(0) for tile in pieces.tiles]


def _beside(
    sources: Sequence[str], maps: Sequence[RasterImage], pieces: Pieces, what: str
) -> list[Image]:
    """Return what belongs to each map: by the tile in its name when all have one, else by order."""
    if not sources:
        return []
    found = [open_image(path) for path in expand(sources)]
    if len(found) == len(maps):
        return _paired(found, pieces)
    tiles = {tile_of(image.path): image for image in found}
    wanted = [tile_of(image.path) for image in maps]
    if "" in tiles or any(tile not in tiles for tile in wanted):
        raise InvalidOption(
            f"{what}: {len(found)} for {len(maps)} maps, and their names do not tell the tile of "
            "each. Give one for each map, in the same order."
        )
    return [tiles[tile] for tile in wanted]


def _product(name: str, found: Sequence[Image], pieces: Pieces) -> Image:
    """Return confidence, validity or probabilities as they are written."""
    if name == "Confidence":
        found = [Percent(image) for image in found]
    kind = np.result_type(*[image.dtype for image in found])
    return Zeroed(pieces.together(found, kind))


@dataclass
class Counts:
    """Counts the pixels of each label (an OwnCollector)."""

    found: dict[int, int] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels that occur, ascending."""
        return tuple(sorted(self.found))

    def feed(self, index: int, window: Window, pixels: Pixels) -> tuple[Array, Array]:
        """Return the labels of a window and how often they occur."""
        labels, counts = np.unique(pixels.values[0][pixels.valid], return_counts=True)
        return labels, counts

    def merge(self, partial: tuple[Array, Array]) -> None:
        """Add the counts of a window."""
        for label, count in zip(*(column.tolist() for column in partial)):
            self.found[label] = self.found.get(label, 0) + count


def _name(path: str, counts: Counts, legend: Legend) -> None:
    """Write the names and colors of the classes beside a map."""
    colors = {label: legend.color(label) for label in counts.labels}
    rows = [(label, counts.found[label], legend.name(label), colors[label]) for label in colors]
    attribute_table(path, rows)
    entries = [
        (n, legend.name(n), "#{:02x}{:02x}{:02x}".format(*c), 255) for n, c in colors.items()
    ]
    palette_style(path, entries)


def _paths(request: Request, maps: Sequence[RasterImage], layers: Sequence[str]) -> dict[str, str]:
    """Return where each product goes; PixelsValidity is the same in every run."""
    pattern = request.product_pattern.replace("<RUN>", str(request.run))
    names = {"Classif": pattern.replace("$", "Classif")}
    names["ColorIndexed"] = f"{names['Classif']}_ColorIndexed"
    for layer in layers:
        name = pattern.replace("$", layer)
        # the name that iota2 gives it
        name = name.replace("_Seed_", "_seed_") if layer == "ProbabilityMap" else name
        names[layer] = layer if layer == "PixelsValidity" else name
    beside = (*request.confidences, *request.validities, *request.probabilities)
    inputs = [*(image.path for image in maps), *files_of(request.envelopes, request.reference)]
    inputs += expand(beside) if beside else ()
    return {
        name: refuse_overwriting(os.path.join(request.output_folder, f"{text}.tif"), inputs)
        for name, text in names.items()
    }
