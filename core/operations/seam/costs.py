# SPDX-License-Identifier: GPL-2.0-or-later
"""What seams of least cost look at besides the images: masks, obstacles, ranks, other costs."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import InvalidOption
from ...exchange.dates import date_of
from ...grid import Grid
from ...image import Image, View
from ...masks.ranking import rank_values, read_rank
from ...normalizing.selecting import EXTENSIONS
from ...options import Kind, option
from ...placement import onto
from ...progress import SILENT, Progress
from ...raster import open_image
from ...seams.costs import Weights
from ...seams.hints import Ground, Hint
from ...vector import Burned, Feature, files_of, polygons_for, read_polygons

LAYERS = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".gml", ".kml", ".sqlite")
"""What the names of masks made of polygons end with."""

SUFFIXES = ("_CloudMask", "_Mask", "")
"""What follows an image's name in the names of its masks."""


@dataclass(frozen=True)
class Hiding:
    """Parts of images that must not be seen where another image is clear."""

    masks: str | None = option(
        Kind.TEXT,
        "Masks of the images",
        None,
        help="Clouds, shadows or other parts that must not be seen where another image is clear: "
        "a path with $ for the image's name, a folder (files called as the images, also with "
        "_CloudMask or _Mask behind), or one vector layer whose features bear the images' names. "
        "Rasters are masked where their value is one of MASK_VALUES, polygons inside",
    )


@dataclass(frozen=True)
class Costing(Hiding):
    """What makes seams expensive; shared with the pipeline."""

    obstacles: str | None = option(
        Kind.VECTOR,
        "Obstacles",
        None,
        help="Polygons that no seam should cross, such as buildings, bridges or vehicles.",
    )
    priority: str | None = option(
        Kind.TEXT,
        "Priority",
        None,
        help="Expression that is larger for better images, over {fields} of FOOTPRINTS and of the "
        "images' metadata, such as {valid_fraction}, -{pixel_size_x}, {date} or -{cloud}; empty: "
        "no preference",
    )
    bands: tuple[float, ...] = option(
        Kind.NUMBERS, "Bands", (), help="Numbers of the bands that are compared; empty: all."
    )
    cost_rasters: tuple[str, ...] = option(
        Kind.NAMES,
        "Further costs",
        (),
        advanced=True,
        help="Rasters of further costs (0 or more, on any grid), separated by commas; =weight "
        "behind a file multiplies it.",
    )
    difference_weight: float = option(
        Kind.NUMBER,
        "Weight of differences",
        1.0,
        minimum=0,
        advanced=True,
        help="How much it counts that images differ, beyond their usual difference.",
    )
    gradient_weight: float = option(
        Kind.NUMBER,
        "Weight of gradients",
        0.5,
        minimum=0,
        advanced=True,
        help="How much edges and texture count.",
    )
    length_weight: float = option(
        Kind.NUMBER,
        "Weight of length",
        0.05,
        minimum=0,
        advanced=True,
        help="Cost of any seam for each cell; more makes seams shorter and straighter.",
    )
    priority_weight: float = option(
        Kind.NUMBER,
        "Weight of priority",
        0.5,
        minimum=0,
        advanced=True,
        help="Cost of each cell of an image of lower priority.",
    )
    center_weight: float = option(
        Kind.NUMBER,
        "Weight of the middle",
        0.02,
        minimum=0,
        advanced=True,
        help="Cost of each cell near the border of its image; more draws seams to the middle of "
        "overlaps",
    )
    mask_values: tuple[float, ...] = option(
        Kind.NUMBERS,
        "Values of masks",
        (1.0, 2.0, 3.0),
        advanced=True,
        help="Values that are masked in MASKS; those of the cloud mask tool are 1 thick cloud, "
        "2 thin cloud, 3 shadow",
    )
    refine_to: int = option(
        Kind.INTEGER,
        "Finest cells",
        2,
        unit="px",
        minimum=1,
        maximum=128,
        advanced=True,
        help="Size of the cells at which seams are finally laid, in pixels of the finest image; "
        "rounded up to a power of two",
    )
    border: int = option(
        Kind.INTEGER,
        "Distance from invalid pixels",
        8,
        unit="px",
        minimum=0,
        maximum=1024,
        advanced=True,
        help="Seams keep this far from invalid pixels where they can.",
    )
    save_cost: str | None = option(
        Kind.RASTER_OUT,
        "Cost raster",
        None,
        advanced=True,
        help="A GeoTIFF of the first, coarse level: band 1 the cost of a seam, band 2 the number "
        "of the image that each cell shows; empty: none",
    )


def weights_of(how: Costing) -> Weights:
    """Return the weights of the energy."""
    return Weights(
        difference=how.difference_weight,
        gradient=how.gradient_weight,
        length=how.length_weight,
        priority=how.priority_weight,
        center=how.center_weight,
    )


def refuse_costing(how: Costing) -> None:
    """Raise InvalidOption for values that need no image to be wrong."""
    if any(band != int(band) or band < 1 for band in how.bands):
        raise InvalidOption(f"Bands: {how.bands} are not numbers of bands, 1 or more.")
    for entry in how.cost_rasters:
        _weighted(entry)


def bands_of(images: Sequence[Image], how: Costing) -> tuple[int, ...]:
    """Return the bands to compare; raises InvalidOption for one that images do not have."""
    count = images[0].bands
    found = tuple(dict.fromkeys(int(band) for band in how.bands))
    if found and max(found) > count:
        raise InvalidOption(f"Bands: there is no band {max(found)}; the images have {count}.")
    return found or tuple(range(1, count + 1))


def inputs_of(how: Costing) -> tuple[str, ...]:
    """Return the files that options name, as far as they are known without the images."""
    layers = files_of(how.obstacles)
    return (*layers, *(path for path, _ in map(_weighted, how.cost_rasters)))


def ground_of(
    images: Sequence[Image],
    canvas: Grid,
    how: Costing,
    field: str,
    progress: Progress = SILENT,
) -> Ground:
    """Return masks, obstacles and further costs on a canvas; `field` names the image of polygons.

    Raises InvalidOption when something given serves no image.
    """
    extra = []
    for path, weight in map(_weighted, how.cost_rasters):
        extra.append((_placed(path, canvas, "bilinear"), weight))
    obstacles = obstacles_of(how, canvas.crs, progress)
    shapes = tuple((feature.geometry, 1) for feature in obstacles)
    return Ground(
        masks=masks_of(images, [canvas] * len(images), how, field, progress),
        obstacles=Hint(Burned(canvas, shapes), canvas.window) if shapes else None,
        extra=tuple(extra),
    )


def obstacles_of(how: Costing, crs: str, progress: Progress = SILENT) -> tuple[Feature, ...]:
    """Return the polygons that no seam should cross."""
    return read_polygons(how.obstacles, crs, progress) if how.obstacles else ()


def ranks_of(
    images: Sequence[Image],
    rows: Sequence[Mapping[str, object]],
    how: Costing,
    progress: Progress = SILENT,
) -> tuple[float, ...]:
    """Return the rank of each image from 0 (worst) to 1, nothing without PRIORITY.

    `rows` are further fields of each image. Images whose priority is not defined come last.
    """
    if not how.priority or not how.priority.strip():
        return ()
    known = [{**_declared(image), **row} for image, row in zip(images, rows)]
    names = tuple(dict.fromkeys(name for row in known for name in row))
    read_rank(how.priority, names)
    values = rank_values(how.priority, known)
    lost = [image.name for image, value in zip(images, values) if math.isnan(value)]
    if lost:
        progress.warn(f"Without priority, so behind all others: {', '.join(lost)}.")
    steps = sorted({value for value in values if not math.isnan(value)})
    last = max(1, len(steps) - 1)
    return tuple(0.0 if math.isnan(v) else steps.index(v) / last for v in values)


def _declared(image: Image) -> dict[str, object]:
    """Return what an image says about itself, as fields with small letters."""
    path = _path(image)
    found: dict[str, object] = {key.lower(): value for key, value in image.details.metadata}
    cloud = next((value for key, value in found.items() if key.startswith("cloud")), None)
    width, height = image.grid.pixel_size
    return {
        "cloud": cloud,
        **found,
        "image": image.name,
        "date": date_of(path) if path else None,
        "bands": image.bands,
        "pixel_size_x": width,
        "pixel_size_y": height,
    }


def _path(image: Image) -> str:
    """Return the file below all views, "" when there is none."""
    while isinstance(image, View):
        image = image.source
    return str(getattr(image, "path", ""))


def _weighted(entry: str) -> tuple[str, float]:
    """Return file and weight of "file=weight"."""
    path, equals, text = entry.rpartition("=")
    if not equals or os.path.exists(entry):
        return entry, 1.0
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise InvalidOption(f"Further costs: {text!r} in {entry!r} is not a weight of 0 or more.")
    return path, weight


def _placed(path: str, canvas: Grid, resampling: str, values: tuple[float, ...] = ()) -> Hint:
    seen = onto(open_image(path), canvas, resampling)
    return Hint(seen, canvas.placed(seen.grid), values)


def masks_of(
    images: Sequence[Image],
    grids: Sequence[Grid],
    how: Costing,
    field: str,
    progress: Progress = SILENT,
) -> tuple[Hint | None, ...]:
    """Return the mask of each image on a grid (all have one CRS); nothing without MASKS."""
    if not how.masks:
        return ()
    source, values = how.masks, tuple(how.mask_values)
    names = [image.name for image in images]
    if "$" not in source and not os.path.isdir(source):
        features = read_polygons(source, grids[0].crs, progress)
        mine = [polygons_for(name, features, field, names) for name in names]
        found = [_burned(shapes, grid) for shapes, grid in zip(mine, grids)]
    else:
        own = {os.path.abspath(_path(image)) for image in images}
        files = [_mask_file(name, source, own) for name in names]
        found = [
            _mask_of(path, grid, values, progress) if path else None
            for path, grid in zip(files, grids)
        ]
    without = [name for name, hint in zip(names, found) if hint is None]
    if len(without) == len(names):
        raise InvalidOption(f"Masks of the images: {source!r} has none for {names[0]}, nor others.")
    if without:
        progress.warn(f"Without mask, so taken as clear: {', '.join(without)}.")
    return tuple(found)


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


def _mask_of(path: str, canvas: Grid, values: tuple[float, ...], progress: Progress) -> Hint | None:
    if os.path.splitext(path.split("|")[0])[1].lower() in LAYERS:
        return _burned(read_polygons(path, canvas.crs, progress), canvas)
    return _placed(path, canvas, "nearest", values)


def _burned(features: Sequence[Feature], canvas: Grid) -> Hint | None:
    shapes = tuple((feature.geometry, 1) for feature in features)
    return Hint(Burned(canvas, shapes), canvas.window) if shapes else None
