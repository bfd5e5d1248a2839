# SPDX-License-Identifier: GPL-2.0-or-later
"""What seams of least cost look at besides the images: masks, obstacles, ranks, other costs."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from ...errors import InvalidOption
from ...exchange.dates import date_of
from ...grid import Grid
from ...image import Image
from ...masks.ranking import rank_values, read_rank
from ...placement import onto, output_grid
from ...progress import SILENT, Progress
from ...raster import open_image
from ...requests.shared.costs import Costing, weighted
from ...seams.costs import Weights
from ...seams.hints import Ground, Hint
from ...transform.correction import Correction
from ...vector import Burned, Feature, files_of, read_polygons
from .masks import file_below, masks_of, path_of

COARSER = 1.25
"""So many times larger are the pixels of images that show clearly less."""


def weights_of(how: Costing) -> Weights:
    """Return the weights of the energy."""
    return Weights(
        difference=how.difference_weight,
        gradient=how.gradient_weight,
        length=how.length_weight,
        priority=how.priority_weight,
        center=how.center_weight,
    )


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
    return (*layers, *(path for path, _ in map(weighted, how.cost_rasters)))


def ground_of(
    images: Sequence[Image],
    canvas: Grid,
    how: Costing,
    field: str,
    progress: Progress = SILENT,
    moves: Sequence[Correction] = (),
) -> Ground:
    """Return masks, obstacles and further costs on a canvas; `field` names the image of polygons.

    `moves` are the corrections that put the images in place.

    Raises InvalidOption when something given serves no image.
    """
    extra = []
    for path, weight in map(weighted, how.cost_rasters):
        extra.append((_placed(path, canvas, "bilinear"), weight))
    obstacles = obstacles_of(how, canvas.crs, progress)
    shapes = tuple((feature.geometry, 1) for feature in obstacles)
    return Ground(
        masks=masks_of(images, [canvas] * len(images), how, field, progress, moves),
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
    """Return the rank of each image from 0 (worst) to 1; nothing when none is better.

    `rows` are further fields of each image. Images whose priority is not defined come last.
    Without PRIORITY images with clearly larger pixels come behind finer ones.
    """
    if not how.priority or not how.priority.strip():
        return _by_detail(images, progress)
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


def _by_detail(images: Sequence[Image], progress: Progress) -> tuple[float, ...]:
    """Return ranks of images by the size of the pixels in their files; nothing when all are alike.

    Otherwise a coarse image would win wherever seams round it cost less than through the overlap.
    """
    sizes = [math.sqrt(math.prod(_pixel_size(image))) for image in images]
    steps = list[float]()
    for size in sorted(sizes):
        if not steps or size > COARSER * steps[-1]:
            steps.append(size)
    if len(steps) < 2:
        return ()
    classes = [bisect_right(steps, size) - 1 for size in sizes]
    coarse = [image.name for image, number in zip(images, classes) if number]
    progress.info(
        f"Coarser than {steps[0]:.4g} units per pixel, so shown where finer images are not: "
        f"{', '.join(coarse)}."
    )
    return tuple(1 - number / (len(steps) - 1) for number in classes)


def _pixel_size(image: Image) -> tuple[float, float]:
    """Return the size of the pixels of an image's file in units of the CRS the image is in now."""
    return output_grid([file_below(image)], image.grid.crs).pixel_size


def _declared(image: Image) -> dict[str, object]:
    """Return what an image says about itself, as fields with small letters."""
    path = path_of(image)
    found: dict[str, object] = {key.lower(): value for key, value in image.details.metadata}
    cloud = next((value for key, value in found.items() if key.startswith("cloud")), None)
    width, height = _pixel_size(image)
    return {
        "cloud": cloud,
        **found,
        "image": image.name,
        "date": date_of(path) if path else None,
        "bands": image.bands,
        "pixel_size_x": width,
        "pixel_size_y": height,
    }


def _placed(path: str, canvas: Grid, resampling: str) -> Hint:
    seen = onto(open_image(path), canvas, resampling)
    return Hint(seen, canvas.placed(seen.grid))
