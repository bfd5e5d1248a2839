# SPDX-License-Identifier: GPL-2.0-or-later
"""Seam cells on the grid of a mosaic: of a layer, or along the middle of the overlaps."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...grid import Grid
from ...image import Image
from ...progress import SILENT, Progress
from ...raster import RasterImage
from ...requests.voronoiseamlines import Cutting
from ...seams.voronoi import partition
from ...vector import Burned, polygons_by_name, read_polygons, refuse_no_field
from ..footprints import traces
from ..voronoiseamlines import rule_for


def cells_of(
    source: str, images: Sequence[Image], grid: Grid, field: str, progress: Progress
) -> Burned:
    """Return the seam cells of a vector layer as labels of the images, on the grid.

    Raises InvalidOption when the layer lacks the field.
    """
    features = read_polygons(source, grid.crs, progress)
    if features:
        refuse_no_field(features[0].values, field, source)
    shapes, without, used = [], [], set()
    found = polygons_by_name(features, field, [image.name for image in images])
    for number, image in enumerate(images, 1):
        mine = found[image.name]
        shapes += [(feature.geometry, number) for feature in mine]
        used |= {str(feature.values[field]) for feature in mine}
        if not mine:
            without.append(image.name)
    unknown = sorted({str(f.values[field]) for f in features} - used)
    if unknown:
        layer = os.path.basename(source.split("|")[0])
        progress.warn(f"{layer}: no image has the name of these cells: {', '.join(unknown)}.")
    if without:
        progress.warn(f"Without a seam cell, used only to fill gaps: {', '.join(without)}.")
    return Burned(grid, tuple(shapes))


def center_cells(
    images: Sequence[RasterImage], grid: Grid, threads: int = 0, progress: Progress = SILENT
) -> Burned:
    """Return seam cells along the middle of the overlaps, as labels of the images on a grid."""
    progress.info(
        "No seam cells are given: seams are computed along the middle of the overlaps, as "
        '"Voronoi seamlines" does.'
    )
    footprints = [
        trace.footprints(grid.crs)[0].geometry for trace in traces(images, threads, progress)
    ]
    found = partition(footprints, rule_for(images, grid.crs, Cutting()))
    return Burned(grid, tuple((cell, number + 1) for number, cell in sorted(found.cells.items())))
