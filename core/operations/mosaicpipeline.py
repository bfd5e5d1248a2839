# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn raw overlapping images into one seamless mosaic: match colors, cut seams, blend, write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from ..alike import refuse_equal_names
from ..clock import Clock
from ..deps import require
from ..errors import InvalidOption
from ..exchange.blockmaps import local_path, save_maps
from ..grid import Grid
from ..image import Image
from ..normalizing.blocking import BlockCollectors, Blocking, block_collectors, estimate_blocks
from ..normalizing.counting import collectors
from ..options import Kind, option, redefault, result
from ..placement import common_canvas, onto
from ..progress import SILENT, Progress, Recorder
from ..provenance import peak_memory_mb, recorded, repetition, write_json
from ..raster import RasterImage, open_listed, refuse_overwriting, same_crs
from ..raster.style import shown_bands
from ..report.html import Report, numbers_of, write_report
from ..report.mosaic import Coverage, coverage_numbers, mosaic_verdict, steps_table
from ..report.thumbnail import Thumbnail, small_grid
from ..requests import ImageField, Images
from ..seams.holes import Holes
from ..seams.mosaic import Mosaic, Seams
from ..seams.voronoi import partition
from ..stage import write_text
from ..survey import JointCollector, OwnCollector, survey
from ..vector import Burned, FootprintTrace, files_of, write_layers
from ..write import write
from . import globalregression, localblockadjustment, mergerasters
from .footprints import footprint_layer, warn_of_empty
from .mosaicparts import Models, figures, overlap_numbers, pictures, tables, without_cell
from .voronoiseamlines import Cutting, rule_for, seam_layers

NEEDS = (
    ("without seams", ()),
    ("voronoi seams", ("scipy", "shapely")),
    ("report figures", ("matplotlib",)),
)

REFERENCE, LOCAL = "block_maps/reference.tif", "block_maps/$_local.tif"
KEPT = ("regression.json", REFERENCE, "footprints.gpkg", "seamlines.gpkg", "report.json")
"""Models and numbers in the work folder."""


@dataclass(frozen=True)
class Request(ImageField, mergerasters.Merging, Images):
    """Options of the run."""

    radiometry: str = option(
        Kind.CHOICE,
        "Color matching",
        "globallocal",
        choices=("none", "global", "globallocal"),
        help="global: one gain and offset per image and band, from the overlaps; globallocal: then "
        "differences inside images too, such as vignetting and haze, by block maps",
    )
    seams: str = option(
        Kind.CHOICE,
        "Seams",
        "voronoi",
        choices=("none", "voronoi", "file"),
        help="voronoi: through the middle of the overlaps; file: those of SEAMLINES; none: the "
        "overlap rule alone decides",
    )
    rule: str = redefault(mergerasters.Merging, "rule", "feather")
    blend_width: int = redefault(mergerasters.Merging, "blend_width", 32, advanced=True)
    resolution: str | float = redefault(
        mergerasters.Merging, "resolution", "highest", advanced=True
    )
    output: str = option(Kind.RASTER_OUT, "Mosaic", help="The mosaic, a GeoTIFF.")
    work_folder: str | None = option(
        Kind.FOLDER_OUT,
        "Work folder",
        None,
        advanced=True,
        help="Where models, seam cells and the report are kept; empty: a folder beside the mosaic "
        "with _work after its name. Nothing in it is deleted.",
    )
    seamlines: str | None = option(
        Kind.VECTOR,
        "Seam cells",
        None,
        advanced=True,
        help="Polygons with the image's name, for SEAMS = file.",
    )
    model_images: tuple[str, ...] = redefault(
        globalregression.Estimating, "model_images", (), advanced=True
    )
    model_mode: str = redefault(globalregression.Estimating, "model_mode", "include", advanced=True)
    statistics_mask: str | None = redefault(
        globalregression.Estimating, "vector_mask", None, advanced=True
    )
    statistics_mask_mode: str = redefault(globalregression.Estimating, "mask_mode", "include")
    statistics_mask_field: str | None = redefault(
        globalregression.Estimating, "mask_field", None, parent="statistics_mask"
    )
    report: str | None = option(
        Kind.HTML_OUT,
        "Report",
        None,
        help="What was done and how good it is; empty: report.html in the work folder.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if (self.seams == "file") != bool(self.seamlines):
            raise InvalidOption(
                "Seams: file and a layer in SEAMLINES belong together; give both or neither."
            )
        mergerasters.refuse_seamless_rule(self.rule, self.seams != "none")
        if self.seams == "voronoi":
            require("shapely.geometry", "SEAMS = voronoi")
            require("scipy.spatial", "SEAMS = voronoi")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Mosaic")
    output_seamlines: str | None = result(Kind.VECTOR_OUT, "Seam cells")
    work_folder: str | None = result(Kind.FOLDER_OUT, "Work folder")
    report: str | None = result(Kind.HTML_OUT, "Report")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    covered: float | None = result(Kind.NUMBER, "Covered fraction of the mosaic")
    hole_pixels: int | None = result(Kind.INTEGER, "Invalid pixels inside the seam cells")
    seam_length: float | None = result(Kind.NUMBER, "Length of all seams, map units")
    mean_difference_before: float | None = result(Kind.NUMBER, "Overlap difference before, %")
    mean_difference_after: float | None = result(Kind.NUMBER, "Overlap difference after, %")
    read_bytes: int | None = result(Kind.INTEGER, "Bytes of pixels read")
    written_bytes: int | None = result(Kind.INTEGER, "Bytes written")


@dataclass(frozen=True)
class Files:
    """Where the run writes."""

    output: str
    folder: str
    report: str

    def inside(self, name: str) -> str:
        """Return the path of a file of the work folder."""
        return os.path.join(self.folder, name)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read every image once to estimate the models and once to write the mosaic."""
    clock = Clock(Recorder(progress))
    heard = clock.progress
    images, skipped = open_listed(request, heard)
    files = _files(request, images)
    grid, aligned = align(images, request, heard)
    before = _thumbnail(grid, aligned)
    with clock.step("Comparing the images"):
        models = estimate(aligned, grid, request, (before,), heard.part(0.0, 0.45))
    for clause, _ in without_cell(models, images):
        heard.warn(f"No seam cell: {clause}.")
    seamlines = keep(models, images, grid.crs, files, request)
    merged = apply(aligned, grid, models, request, heard)
    holes, after = Holes(merged), _thumbnail(grid, [merged])
    with clock.step("Writing the mosaic"):
        written = write(merged, files.output, request, heard.part(0.45, 0.98), (holes, after))
    coverage = Coverage(grid.window.pixels, written.valid_pixels, holes.found)
    differences = models.differences
    outcome = Result(
        files.output,
        seamlines,
        files.folder,
        files.report,
        images_used=len(images),
        images_skipped=skipped,
        covered=coverage.fraction,
        hole_pixels=coverage.holes,
        seam_length=models.partition.seam_length if models.partition else None,
        mean_difference_before=differences[0],
        mean_difference_after=differences[1],
        read_bytes=sum(step.read_bytes for step in clock.steps),
        written_bytes=written.bytes,
    )
    report = Report(
        title="Mosaic",
        verdict=mosaic_verdict(*differences, coverage, changed=models.changed),
        numbers=(*numbers_of(outcome), *coverage_numbers(coverage)),
        figures=(*pictures(before, after), *figures(models, images)),
        tables=(*tables(models), steps_table(clock.steps, peak_memory_mb())),
        skipped=without_cell(models, images),
        reading=models.reading,
        warnings=tuple(heard.warnings),
        repeat=repetition("mosaicpipeline", request),
    )
    _write_report(files, report, outcome, models)
    heard.info(report.verdict.sentence)
    heard.info(f"Mosaic: {files.output}. Report: {files.report}.")
    heard.advance(1.0)
    return outcome


def align(
    images: Sequence[RasterImage], request: Request, progress: Progress = SILENT
) -> tuple[Grid, tuple[Image, ...]]:
    """Return the grid of the mosaic, and the images in its CRS.

    Raises IncompatibleImages or InvalidOption when the images cannot become one mosaic.
    """
    refuse_equal_names(images)
    grid = mergerasters.common_grid(images, request, progress)
    aligned = tuple(
        image if same_crs(image.grid.crs, grid.crs) else onto(image, grid, request.resampling)
        for image in images
    )
    if request.radiometry != "none":
        globalregression.check(aligned, estimating(request))
    return grid, aligned


def estimating(request: Request) -> globalregression.Estimating:
    """Return the options of the color matching."""
    return globalregression.Estimating(
        vector_mask=request.statistics_mask,
        mask_mode=request.statistics_mask_mode,
        mask_field=request.statistics_mask_field,
        model_images=request.model_images,
        model_mode=request.model_mode,
    )


def blocking(request: Request) -> Blocking:
    """Return the options of the block maps."""
    return Blocking(
        vector_mask=request.statistics_mask,
        mask_mode=request.statistics_mask_mode,
        mask_field=request.statistics_mask_field,
    )


def estimate(
    images: Sequence[Image],
    grid: Grid,
    request: Request,
    watching: Sequence[OwnCollector] = (),
    progress: Progress = SILENT,
) -> Models:
    """Estimate all models from one survey of the images."""
    cutting, matching = request.seams == "voronoi", request.radiometry != "none"
    if not cutting and not matching:
        return Models()
    canvas = common_canvas(images)
    blocks = _block_collectors(images, canvas, request, progress)
    sums = blocks.globals if blocks else None
    if matching and sums is None:
        sums = collectors(images, canvas, estimating(request), progress)
    own = [*watching, *([sums.own] if sums else []), *([blocks.sums] if blocks else [])]
    joint: list[JointCollector] = [
        *([sums.joint] if sums else []),
        *([blocks.shared] if blocks else []),
    ]
    with FootprintTrace(images) as trace:
        survey(
            images,
            own=[*own, *([trace] if cutting else [])],
            joint=joint if len(images) > 1 else [],
            canvas=canvas,
            threads=request.threads,
            progress=progress.part(0.0, 0.8),
        )
        tracing = progress.part(0.8, 0.85)
        footprints = trace.footprints(grid.crs, progress=tracing) if cutting else ()
    models = Models(footprints=footprints)
    if sums:
        matched = globalregression.estimate(images, sums, estimating(request), progress)
        models = replace(models, regression=matched)
        if blocks:
            how, model = blocking(request), matched.adjustments
            found = estimate_blocks(images, blocks, how, model, progress)
            models = replace(models, blocks=found)
    if cutting:
        warn_of_empty(footprints, progress)
        rule = rule_for(images, grid.crs, Cutting())
        outlines = [footprint.geometry for footprint in footprints]
        cells = partition(outlines, rule, progress=progress.part(0.85, 1.0))
        models = replace(models, partition=cells)
    return models


def _block_collectors(
    images: Sequence[Image], canvas: Grid, request: Request, progress: Progress
) -> BlockCollectors | None:
    if request.radiometry != "globallocal":
        return None
    return block_collectors(images, canvas, blocking(request), estimating(request), progress)


def apply(
    images: Sequence[Image],
    grid: Grid,
    models: Models,
    request: Request,
    progress: Progress = SILENT,
) -> Mosaic:
    """Return the mosaic as a view of corrected images: nothing is computed yet."""
    seams = None
    if models.partition:
        cells = sorted(models.partition.cells.items())
        labels = Burned(grid, tuple((wkb, number + 1) for number, wkb in cells))
        seams = Seams(labels, complete=True)
    elif request.seamlines:
        name = request.image_field_name
        seams = Seams(mergerasters.cells_of(request.seamlines, images, grid, name, progress))
    if models.regression:
        model, kind = models.regression.adjustments, request.output_type
        images = [globalregression.apply(image, model, kind) for image in images]
    if models.blocks:
        maps, how = models.blocks.maps, blocking(request)
        images = [localblockadjustment.apply(i, maps, how, request.output_type) for i in images]
    return mergerasters.assemble(
        images, grid, request, seams=seams, nodata=request.nodata, progress=progress
    )


def keep(
    models: Models, images: Sequence[RasterImage], crs: str, files: Files, request: Request
) -> str | None:
    """Write the models into the work folder; return the file of the seam cells."""
    if models.regression:
        write_text(files.inside("regression.json"), models.regression.adjustments.text() + "\n")
    if models.blocks:
        places = (files.inside(REFERENCE), files.inside(LOCAL))
        save_maps(models.blocks.maps, *places, images, blocking(request).correction_method)
    if not models.partition:
        return request.seamlines
    name = request.image_field_name
    write_layers(files.inside("footprints.gpkg"), [footprint_layer(models.footprints, crs, name)])
    return write_layers(
        files.inside("seamlines.gpkg"), seam_layers(models.partition, images, crs, name)
    )


def _files(request: Request, images: Sequence[RasterImage]) -> Files:
    """Check all destinations before any work."""
    layers = files_of(request.statistics_mask, request.seamlines)
    inputs = [*(image.path for image in images), *layers]
    output = refuse_overwriting(request.output, inputs)
    folder = os.path.abspath(request.work_folder or os.path.splitext(output)[0] + "_work")
    report = os.path.abspath(request.report or os.path.join(folder, "report.html"))
    local = [local_path(LOCAL, image.name) for image in images]
    for path in (report, *(os.path.join(folder, name) for name in (*KEPT, *local))):
        refuse_overwriting(path, inputs)
    return Files(output, folder, report)


def _thumbnail(grid: Grid, images: Sequence[Image]) -> Thumbnail:
    first = images[0]
    bands: tuple[int, ...] = (1,)
    if first.bands >= 3:
        bands = shown_bands(first.band_names, first.bands, first.details.colors)
    return Thumbnail(small_grid(grid), [image.grid for image in images], bands)


def _write_report(files: Files, report: Report, outcome: Result, models: Models) -> None:
    """Write the report, and its numbers as JSON into the work folder."""
    write_report(files.report, report)
    numbers = {
        **asdict(outcome),
        "coverage": {number.label: number.value for number in report.numbers},
        "overlaps": overlap_numbers(models),
    }
    if models.blocks:
        numbers["shading"] = localblockadjustment.numbers(models.blocks)["shading"]
    write_json(files.inside("report.json"), numbers)
