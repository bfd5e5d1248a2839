# SPDX-License-Identifier: GPL-2.0-or-later
"""Divide the ground among overlapping images along the middle of their overlaps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..alike import refuse_equal_names
from ..errors import InvalidOption
from ..grid import Grid
from ..image import Image
from ..placement import agree_on_crs
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import (
    CrsMapping,
    RasterImage,
    crs_title,
    open_listed,
    refuse_overwriting,
    same_crs,
)
from ..raster.crs import is_geographic
from ..registration.estimate import map_unit
from ..requests.voronoiseamlines import Cutting, Grounds
from ..requests.voronoiseamlines import Request as Request
from ..requests.voronoiseamlines import Result as Result
from ..seams.cells import Partition
from ..seams.ground import Rule
from ..seams.voronoi import partition
from ..vector import Feature, Layer, files_of, polygons_for, read_polygons, write_layers
from ..vector.rings import rings_of, wkb_of
from ..vector.styles import cells_style, cuts_style
from ..vector.tracing import tidied
from .footprints import traces
from .seam.areas import area_of_interest, used_ground
from .seam.drafts import draft_layers

REASONS = {
    "empty": "has no valid pixel",
    "identical": "covers the same ground as {other}",
    "contained": "lies inside {other}",
    "covered": "is covered by others that lie farther from their borders",
    "outside": "lies outside the area of interest",
}

NEEDS = (("polygons", ("scipy", "shapely")),)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Compute the seam cells of the images of the request and write them."""
    images, unreadable = open_listed(request, progress)
    refuse_few(images)
    refuse_equal_names(images)
    output, debugging = _files(request, images)
    crs = agree_on_crs(images, request.crs, progress)
    refuse_degrees(request.min_point_spacing, crs)
    progress.phase("Outlining the images")
    polygons, guides = outlines(images, crs, request, progress.part(0, 0.6))
    progress.phase("Computing the seams")
    rule = replace(rule_for(images, crs, request), keep_drawings=debugging is not None)
    area, step = area_of_interest(request, crs, progress), progress.part(0.6, 0.95)
    cells = partition(polygons, rule, guides=guides, within=area, progress=step)
    write_layers(output, seam_layers(cells, images, crs, request.image_field_name))
    if debugging:
        write_layers(debugging, tuple(draft_layers(cells.drawings, images, crs, progress)))
    skipped = reasons(cells, images)
    _conclude(cells, skipped, crs, output, progress)
    return Result(
        output,
        images_skipped=unreadable,
        cell_count=len(cells.cells),
        seam_length=cells.seam_length,
        gap_area=cells.gap_area,
        overlap_area=cells.overlap_area,
        skipped="; ".join(skipped),
        debug_vectors=debugging,
    )


def rule_for(images: Sequence[Image], crs: str, how: Cutting) -> Rule:
    """Return how seams are made for images in a CRS."""
    return Rule(
        spacing=how.min_point_spacing,
        pixel=min(_pixel(image.grid, crs) for image in images),
        contained=how.contained,
        geographic=is_geographic(crs),
        shortest=how.min_cut_length,
    )


def seam_layers(
    cells: Partition, images: Sequence[RasterImage], crs: str, field: str
) -> tuple[Layer, Layer]:
    """Return the layers seamlines (cells) and cuts of a partition, styled."""
    found = tuple(
        Feature(wkb, {
            field: images[number].name,
            "path": images[number].path,
            "priority": number + 1,
            "area": cells.areas[number],
        })
        for number, wkb in cells.cells.items()
    )  # fmt: skip
    cuts = tuple(
        Feature(cut.geometry, {
            "image_a": images[cut.image_a].name,
            "image_b": images[cut.image_b].name,
            "length": cut.length,
        })
        for cut in cells.cuts
    )  # fmt: skip
    cell_fields = ((field, "string"), ("path", "string"), ("priority", "integer"), ("area", "real"))
    cut_fields = (("image_a", "string"), ("image_b", "string"), ("length", "real"))
    return (
        Layer("seamlines", "MultiPolygon", crs, cell_fields, found, cells_style(field)),
        Layer("cuts", "LineString", crs, cut_fields, cuts, cuts_style()),
    )


def reasons(cells: Partition, images: Sequence[RasterImage]) -> tuple[str, ...]:
    """Return for each image without cell a clause that says why."""
    return tuple(
        f"{images[number].name} "
        + REASONS[found.reason].format(other=images[found.other].name if found.other >= 0 else "")
        for number, found in sorted(cells.skipped.items())
    )


def refuse_few(images: Sequence[RasterImage]) -> None:
    """Raise InvalidOption for fewer than two images."""
    if len(images) < 2:
        raise InvalidOption(
            f"Seams lie between images, and only {images[0].name} was given. Give two or more."
        )


def refuse_degrees(spacing: float, crs: str) -> None:
    """Raise InvalidOption when a spacing meant in meters is given for degrees."""
    if spacing >= 1 and is_geographic(crs):
        raise InvalidOption(
            f"MIN_POINT_SPACING is {spacing:g} degrees; did you mean {spacing * 1e-5:.1g}?"
        )


def length_text(length: float, crs: str) -> str:
    """Return a length in map units with the unit and the CRS."""
    unit = map_unit(Grid(1, 1, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), crs)) or "map units"
    return f"{length:.6g} {unit} in {crs_title(crs)}"


def outlines(
    images: Sequence[RasterImage], crs: str, request: Grounds, progress: Progress = SILENT
) -> tuple[list[bytes], list[bytes] | None]:
    """Return the footprints, and their guides when small holes and parts shall not count.

    They are cut by the polygons of VECTOR_MASK.
    """
    smoothing = request.min_hole > 0 or request.min_part > 0
    exact, smooth = [], []
    if request.footprints:
        exact = _given(images, crs, request, progress)
        area = min(_pixel(image.grid, crs) for image in images) ** 2
        limits = (request.min_part * area, request.min_hole * area)
        smooth = [wkb_of(tidied(rings_of(wkb), *limits)) for wkb in exact] if smoothing else []
    else:
        for trace in traces(images, request.threads, progress):
            exact.append(trace.footprints(crs)[0].geometry)
            if smoothing:
                tidy = trace.footprints(crs, min_part=request.min_part, min_hole=request.min_hole)
                smooth.append(tidy[0].geometry)
    found = used_ground(exact, images, crs, request, progress)
    return found, used_ground(smooth, images, crs, request) if smoothing else None


def _files(request: Request, images: Sequence[RasterImage]) -> tuple[str, str | None]:
    """Return where cells and construction go, when neither would overwrite anything."""
    layers = files_of(request.footprints, request.aoi, request.vector_mask)
    inputs = [*(image.path for image in images), *layers]
    output = refuse_overwriting(request.output, inputs)
    if not request.debug_vectors:
        return output, None
    return output, refuse_overwriting(request.debug_vectors, inputs)


def _given(
    images: Sequence[RasterImage], crs: str, request: Grounds, progress: Progress
) -> list[bytes]:
    """Return the polygons of the FOOTPRINTS layer that bear each image's name, as one geometry."""
    source = request.footprints or ""
    features = read_polygons(source, crs, progress)
    names = [image.name for image in images]
    found, without = [], []
    for name in names:
        mine = polygons_for(name, features, request.image_field_name, names)
        found.append(wkb_of([ring for f in mine for ring in rings_of(f.geometry)]))
        if not mine:
            without.append(name)
    if len(without) == len(names):
        raise InvalidOption(
            f"{os.path.basename(source.split('|')[0])} has no polygon with the name of an image in "
            f"field {request.image_field_name!r}. Give the layer that footprints has written."
        )
    if without:
        progress.warn(f"Without footprint, so without seam cell: {', '.join(without)}.")
    return found


def _pixel(grid: Grid, crs: str) -> float:
    """Return the shorter side of the pixel in the middle of a grid, in units of a CRS."""
    col, row = grid.width / 2, grid.height / 2
    x, y = grid.to_map(np.array([col, col + 1, col]), np.array([row, row, row + 1]))
    if crs and not same_crs(grid.crs, crs):
        x, y = CrsMapping(grid.crs, crs)(x, y)
    return float(np.hypot(x[1:] - x[0], y[1:] - y[0]).min())


def _conclude(
    cells: Partition, skipped: Sequence[str], crs: str, output: str, progress: Progress
) -> None:
    for clause in skipped:
        progress.warn(f"No seam cell: {clause}.")
    worst = max(cells.gap_area, cells.overlap_area) / (cells.union_area or 1.0)
    progress.info(
        f"{len(cells.cells)} cells and {len(cells.cuts)} seams of "
        f"{length_text(cells.seam_length, crs)}. Gaps and overlaps are {worst:.1g} of the union. "
        f"They are {output}."
    )
