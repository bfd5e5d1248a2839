# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a shift analysis as a page: what it shows, what it links to, what it tells."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..displacements.analysis import Analysis
from ..displacements.ground import Ground
from ..displacements.pictures import pictures
from ..provenance import repetition
from ..raster import RasterImage, crs_title, open_image
from ..report.html import Figure, write_report
from ..report.shift_accuracy import Setting
from ..report.shift_figures import Shown
from ..report.shift_links import MOST_CHIPS, Chip, Product
from ..report.shift_report import Extras, Input, shift_report
from .chips import ChipSource, chip_points, read_chips
from .job import Job

REPORT = "report.html"

MEANINGS = {
    ".csv": "key points as KARIOS's table",
    "key_points.gpkg": "key points as a layer of arrows",
    "kp_delta.json": "key points as GeoJSON",
    "key_points.points": "key points for QGIS's georeferencer",
    "kp_mask.tif": "1 where a key point lies",
    "kp_delta.tif": "dx and dy at the key points",
    "kp_field.tif": "the continuous field of displacements",
    "ref_bandpass.tif": "what was compared, of the reference",
    "mon_bandpass.tif": "what was compared, of the moving image",
    "chips": "pieces of both images around key points",
    "chips_bandpass": "the same pieces of what was compared",
    "statistics.json": "every number of this report, for programs",
    "processing_configuration.json": "the options, as KARIOS's configuration file",
    ".png": "a figure of this report",
}
"""What the products are, by name or by the end of the name."""


def shown(job: Job, found: Analysis) -> Shown:
    """Return what the figures show."""
    grids = (job.inputs.reference.grid, job.inputs.moving.grid)
    crs, moving_crs = (crs_title(grid.crs) if grid.crs else "" for grid in grids)
    how = job.how
    moving, reference = job.names
    pictured = pictures(job.inputs.pair, (reference, moving))
    size = _pixel_size(found.ground)
    return Shown(
        found.points,
        found.finding,
        found.verdict,
        *pictured,
        Setting(crs, moving_crs, size, how.confidence, how.tolerance, found.ground.seen),
        found.field,
        job.configuration.plots,
        how.title_prefix,
        how.dem_description,
    )


def write_page(
    job: Job,
    found: Analysis,
    drawn: tuple[Shown, tuple[Figure, ...]],
    place: str,
    warnings: Sequence[str],
) -> None:
    """Write the report into the folder of the results, and where else it is wanted.

    `place` holds the files that will lie in the result folder.
    """
    common: dict[str, Any] = {
        "inputs": tuple(_inputs(job)),
        "products": tuple(_products(job, place)),
        "chips": tuple(_chips(job, found)),
        "warnings": tuple(warnings),
        "seconds": job.seconds,
        "repeat": repetition("shiftanalysis", job.asked),
    }
    pages = {os.path.join(place, REPORT): job.folder}
    if job.report:
        pages[job.report] = os.path.dirname(job.report)
    for path, folder in pages.items():
        write_report(path, shift_report(*drawn, Extras(folder, **common)))


def chip_source(job: Job, found: Analysis) -> ChipSource:
    """Return where the chips of a pair are cut out."""
    pair, (moving, reference) = job.inputs.pair, job.files
    return ChipSource(pair.moving, pair.reference, moving, reference, job.inputs.grid, found.area)


def _chips(job: Job, found: Analysis) -> Iterator[Chip]:
    """Yield the chips of the least similar points among those that are spread evenly."""
    source = chip_source(job, found)
    points = chip_points(found.points, source)
    order = np.argsort(np.nan_to_num(points.zncc_score, nan=np.inf), kind="stable")
    points = points.chosen(order[:MOST_CHIPS])
    for index, pair in enumerate(read_chips(points, source)):
        # each with a stretch of its own: sensors may differ in everything
        reference = replace(pair, moving=pair.reference).pictures()[1]
        moving = replace(pair, reference=pair.moving).pictures()[0]
        yield Chip(
            pair.x0,
            pair.y0,
            float(points.dx[index]),
            float(points.dy[index]),
            float(points.zncc_score[index]),
            float(points.mi_score[index]),
            reference,
            moving,
        )


def _pixel_size(ground: Ground) -> tuple[float, float] | None:
    """Return the sides of a pixel at the middle of the reference, on the ground."""
    if not ground.unit:
        return None
    x, y = (np.full(2, side / 2) for side in (ground.grid.width, ground.grid.height))
    east, north = ground.vectors(x, y, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    across, down = np.hypot(east, north).tolist()
    return (across, down)


def _inputs(job: Job) -> Iterator[Input]:
    how = job.how
    yield _input("moving image", job.inputs.moving)
    yield _input("reference", job.inputs.reference)
    for role, path in (("mask", how.mask), ("heights", how.dem)):
        if path:
            yield _input(role, open_image(path))
    if how.vector_mask:
        yield Input("polygons", how.vector_mask)


def _input(role: str, image: RasterImage) -> Input:
    grid = image.grid
    size = " × ".join(f"{side:.6g}" for side in grid.pixel_size) if grid.georeferenced else ""
    return Input(role, image.path, f"{grid.width} × {grid.height}", size, crs_title(grid.crs))


def _products(job: Job, place: str) -> Iterator[Product]:
    for name in sorted(os.listdir(place)):
        meaning = MEANINGS.get(name) or MEANINGS.get(os.path.splitext(name)[1])
        if meaning:
            yield Product(os.path.join(job.folder, name), meaning)
    if job.key_points:
        yield Product(job.key_points, MEANINGS["key_points.gpkg"])
