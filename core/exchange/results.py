# SPDX-License-Identifier: GPL-2.0-or-later
"""All files of a shift analysis, put into its result folder together."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from ..displacements.analysis import Analysis
from ..displacements.compared import band_pass_images
from ..displacements.recalled import FOREIGN, remembered
from ..displacements.returned import give_back
from ..matching.accuracy import in_json
from ..options import values_of
from ..progress import Progress, Recorder
from ..provenance import write_json
from ..report.shift_figures import write_figures
from ..version import package_version
from .chips import chip_points, write_chips
from .configuration import NAME as CONFIGURATION
from .configuration import write_configuration
from .correlation import CorrelationLine, append_correlation
from .folder import assembled
from .geojson import write_geojson
from .georeferencer import control_points, write_control_points
from .job import Job
from .layer import write_key_points
from .page import REPORT, chip_source, shown, write_page
from .rasters import FieldImage, Rasters
from .statistics import statistics
from .table import table_name, write_table

CORRELATION = "correl_res.txt"
LAYER = "key_points.gpkg"
STATISTICS = "statistics.json"


@dataclass(frozen=True)
class Written:
    """Where the main results are."""

    key_points: str
    report: str
    statistics: str


def write_results(job: Job, found: Analysis, heard: Recorder, progress: Progress) -> Written:
    """Write everything about a pair; files appear under their names when all are complete.

    Raises ImageIOError when something cannot be written; nothing is left half-done then.
    """
    with assembled(job.folder, job.inputs.paths) as place:
        progress.phase("Writing tables and rasters")
        _write_tables(job, found, place, heard)
        _write_rasters(job, found, place, progress.part(0.0, 0.3))
        if job.how.chips:
            _write_chips(job, found, place, progress.part(0.3, 0.5))
        give_back()
        progress.phase("Drawing the figures")
        drawn = shown(job, found)
        figures = write_figures(drawn, place)
        progress.check()
        progress.advance(0.9)
        write_json(os.path.join(place, STATISTICS), statistics(job, found, heard.warnings))
        _write_configuration(job, found, place)
        # what lies outside the folder comes last: nothing but the moves can fail after it
        layer = job.key_points or os.path.join(place, LAYER)
        write_key_points(layer, found.points, job.inputs.grid)
        write_page(job, found, (drawn, figures), place, heard.warnings)
    _append_line(job, found)
    return Written(
        job.key_points or os.path.join(job.folder, LAYER),
        job.report or os.path.join(job.folder, REPORT),
        os.path.join(job.folder, STATISTICS),
    )


def _write_tables(job: Job, found: Analysis, place: str, progress: Progress) -> None:
    points, grid = found.points, job.inputs.grid
    write_table(os.path.join(place, table_name(*job.names)), points)
    write_geojson(os.path.join(place, "kp_delta.json"), points, grid, progress)
    control = control_points(points, grid, job.inputs.moving.grid)
    write_control_points(os.path.join(place, "key_points.points"), control)


def _write_rasters(job: Job, found: Analysis, place: str, progress: Progress) -> None:
    how, grid = job.how, job.inputs.grid
    rasters, parts = Rasters(place, how), progress.split(4)
    if how.key_points_mask:
        rasters.write_mask(found.points, grid, next(parts))
    if how.delta_raster:
        rasters.write_delta(found.points, grid, next(parts))
        rasters.write_band_pass(*band_pass_images(found.measured), next(parts))
        if found.field is not None:
            rasters.write_field(FieldImage("kp_field", found.field, grid), next(parts))


def _write_chips(job: Job, found: Analysis, place: str, progress: Progress) -> None:
    """Write the chips, and the same pieces of what was compared."""
    source = chip_source(job, found)
    points = chip_points(found.points, source)
    first, second = progress.split(2)
    points = write_chips(os.path.join(place, "chips"), points, source, first)
    reference, moving = band_pass_images(found.measured)
    compared = replace(source, moving=moving, reference=reference)
    write_chips(os.path.join(place, "chips_bandpass"), points, compared, second)


def _write_configuration(job: Job, found: Analysis, place: str) -> None:
    """Write the configuration as it was used, and what a later run must know of the points."""
    kept = remembered(found.measured)
    ours = {
        "version": package_version(),
        "request": values_of(job.asked),
        **job.identity,
        # points of another program stay those of another program
        **({} if found.measured.method == FOREIGN else {"measured": kept}),
    }
    used = job.configuration.as_used(values_of(job.how), in_json(ours))
    write_configuration(os.path.join(place, CONFIGURATION), used)


def _append_line(job: Job, found: Analysis) -> None:
    numbers = found.finding.accuracy
    moving, reference = job.files
    line = CorrelationLine(
        reference,
        moving,
        numbers.valid_pixels,
        numbers.n,
        job.how.confidence,
        numbers.pixels.x,
        numbers.pixels.y,
    )
    path = os.path.join(job.folder, CORRELATION)
    append_correlation(path, line, north_positive=bool(job.inputs.moving.grid.crs))
