# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn raw overlapping images into one seamless mosaic: match colors, cut seams, blend, write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..alike import refuse_equal_names
from ..clock import Clock
from ..deps import require
from ..errors import InvalidOption
from ..exchange.blockmaps import local_path
from ..grid import Grid
from ..image import Image
from ..mosaicking.hardcut import BLENDING, watched
from ..mosaicking.hidden import without_hidden
from ..mosaicking.journal import NAME, open_journal
from ..options import Kind, option, redefault, result
from ..placement import onto, revisited
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..raster import RasterImage, open_listed, refuse_overwriting, same_crs
from ..raster.style import shown_bands
from ..report.thumbnail import Thumbnail, small_grid
from ..requests import ImageField, Images
from ..seams.holes import Holes
from ..seams.mosaic import Mosaic, Seams
from ..vector import files_of
from ..write import write
from . import globalregression, mergerasters
from .mergerasters import seam_visibility
from .mosaic.models import (
    FOOTPRINTS,
    LOCAL,
    REFERENCE,
    REGRESSION,
    SEAMLINES,
    Models,
    Scene,
    clipped,
    corrected,
    estimate,
)
from .mosaic.placed import COREGISTRATION, in_place
from .mosaic.plan import Plan, plan_of
from .mosaic.report import Done, seam_numbers, write_reports
from .seam.costs import Hiding, masks_of
from .voronoiseamlines import refuse_few

NEEDS = (
    ("without seams", ()),
    ("least-cost and voronoi seams", ("scipy", "shapely")),
    ("report figures", ("matplotlib",)),
)

STEPS = {
    "coregister": "$_Coregistered",
    "align": "$_Align",
    "global": "$_Global",
    "local": "$_Local",
    "mask": "$_Mask",
}
"""Images in between that can be saved, and what they are called."""

KEPT = (REGRESSION, REFERENCE, FOOTPRINTS, SEAMLINES, "report.json", NAME, "tie_points.json")
"""Models and numbers in the work folder."""


@dataclass(frozen=True)
class Request(ImageField, mergerasters.Merging, Images):
    """Options of the run."""

    coregister: bool = option(
        Kind.FLAG,
        "Put images in place",
        False,
        help="First move the images so that all of them fit each other where they overlap, as "
        '"Co-register a set" does',
    )
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
        "leastcost",
        choices=("none", "voronoi", "leastcost", "file"),
        help="leastcost: where images look alike, round objects and masked parts; voronoi: through "
        "the middle of the overlaps; file: those of SEAMLINES; none: the overlap rule alone "
        "decides (multiband then lays seams through the middle)",
    )
    rule: str = redefault(mergerasters.Merging, "rule", "multiband")
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
    masks: str | None = redefault(
        Hiding,
        "masks",
        None,
        advanced=True,
        help="Clouds, shadows or other parts that are neither compared nor shown where another "
        "image is clear: a path with $ for the image's name, a folder (files called as the images, "
        "also with _CloudMask or _Mask behind), or one vector layer whose features bear the names "
        "of images. Rasters are masked where they are 1, 2 or 3, polygons inside",
    )
    settings: Any = option(
        Kind.JSON,
        "Settings of the steps",
        None,
        advanced=True,
        help='JSON, as text or a file: {"algorithm id": {"OPTION": value}}, for any option of '
        "coregisterset, alignrasters, globalregression, localblockadjustment, voronoiseamlines, "
        "leastcostseamlines and mergerasters that the pipeline does not decide itself",
    )
    max_open_files: int = redefault(mergerasters.Request, "max_open_files", 64)
    save_steps: tuple[str, ...] = option(
        Kind.NAMES,
        "Images in between",
        (),
        advanced=True,
        help="Also written into the work folder, any of coregister, align, global, local, mask "
        "(cut to its seam cell); empty: none",
    )
    resume: bool = option(
        Kind.FLAG,
        "Resume",
        True,
        advanced=True,
        help="Use models in the work folder again when nothing they are made of has changed, and "
        "those that were edited since; no: compute all anew.",
    )
    dry_run: bool = option(
        Kind.FLAG,
        "Plan only",
        False,
        advanced=True,
        help="Estimate all models and report, without writing images.",
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
        if self.seams in ("voronoi", "leastcost"):
            require("shapely.geometry", f"SEAMS = {self.seams}")
            require("scipy.spatial", f"SEAMS = {self.seams}")
        unknown = [step for step in self.save_steps if step not in STEPS]
        if unknown:
            raise InvalidOption(
                f"Images in between: {unknown[0]!r} is not one of {', '.join(STEPS)}."
            )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str | None = result(Kind.RASTER_OUT, "Mosaic")
    output_seamlines: str | None = result(Kind.VECTOR_OUT, "Seam cells")
    work_folder: str | None = result(Kind.FOLDER_OUT, "Work folder")
    report: str | None = result(Kind.HTML_OUT, "Report")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    covered: float | None = result(Kind.NUMBER, "Covered fraction of the mosaic")
    hole_pixels: int | None = result(Kind.INTEGER, "Invalid pixels inside the seam cells")
    seam_length: float | None = result(Kind.NUMBER, "Length of all seams, map units")
    seam_visibility: float | None = result(Kind.NUMBER, "Visibility of the seams")
    cut_visibility: float | None = result(Kind.NUMBER, "Visibility of the seams before blending")
    mean_seam_cost: float | None = result(Kind.NUMBER, "Mean cost along the seams")
    mean_center_cost: float | None = result(Kind.NUMBER, "Mean cost along center seams")
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


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read every image once to estimate the models and once to write the mosaic."""
    clock = Clock(Recorder(progress))
    heard = clock.progress
    files, skipped = open_listed(request, heard)
    places, plan = destinations(request, files, heard)
    journal = open_journal(places.folder, resume=request.resume, progress=heard)
    with clock.step("Putting the images in place"):
        placed = in_place(files, plan, journal, heard.part(0.0, 0.2))
    scene = align(placed, files, plan, places.folder, heard)
    before = _thumbnail(scene.grid, scene.images)
    with clock.step("Comparing the images"):
        models = estimate(scene, plan, journal, (before,), heard.part(0.2, 0.5))
    for clause in models.cells.clauses if models.cells else ():
        heard.warn(f"No seam cell: {clause}.")
    merged, cut = watched(apply(scene, models, plan, request, heard))
    holes, after = Holes(merged), _thumbnail(scene.grid, [merged])
    step, last = heard.part(0.5, 0.9), heard.part(0.9, 0.96)
    with clock.step("Writing the mosaic"):
        written = write(merged, places.output, plan.merging, step, (holes, after))
    read = sum(step.read_bytes for step in clock.steps)
    planned = written.state == "planned"
    with clock.step("Measuring the seams"):
        seen = None if planned else seam_visibility(merged, written.path, request.threads, last)
    saved = [] if planned else save_steps(scene, placed, plan, models, request, heard)
    outcome = Result(
        None if planned else places.output,
        os.path.join(places.folder, SEAMLINES) if models.cells else request.seamlines,
        places.folder,
        places.report,
        images_used=len(files),
        images_skipped=skipped,
        covered=None if planned else written.valid_pixels / scene.grid.window.pixels,
        hole_pixels=None if planned else holes.found,
        seam_visibility=seen,
        cut_visibility=cut.visibility if cut else seen,
        mean_difference_before=models.differences[0],
        mean_difference_after=models.differences[1],
        read_bytes=read,
        written_bytes=None if planned else written.bytes + sum(saved),
        **seam_numbers(models),
    )
    done = Done(request, scene, models, journal, clock.steps, outcome, (before, after), written)
    sentence = write_reports(done, heard.warnings)
    heard.info(f"{sentence} Mosaic: {outcome.output or 'none'}. Report: {places.report}.")
    heard.advance(1.0)
    return outcome


def destinations(
    request: Request, images: Sequence[RasterImage], progress: Progress = SILENT
) -> tuple[Files, Plan]:
    """Check all that is written, and all options of the steps, before any work."""
    refuse_equal_names(images)
    if request.seams in ("voronoi", "leastcost"):
        refuse_few(images)
    inputs = [image.path for image in images]
    inputs += files_of(request.statistics_mask, request.seamlines)
    inputs += [request.masks] if request.masks and os.path.isfile(request.masks) else []
    output = refuse_overwriting(request.output, inputs)
    folder = os.path.abspath(request.work_folder or os.path.splitext(output)[0] + "_work")
    report = os.path.abspath(request.report or os.path.join(folder, "report.html"))
    local = [local_path(LOCAL, image.name) for image in images]
    local += [_step_name(step, image) for step in request.save_steps for image in images]
    for name in (report, *KEPT, *local):
        refuse_overwriting(os.path.join(folder, name), inputs)
    plan = plan_of(request, images, folder)
    mergerasters.refuse_seamless_rule(plan.merging.rule, plan.seams != "none")
    if plan.seams != request.seams:
        progress.info("The rule multiband needs seams: they are laid through the overlaps' middle.")
    if request.coregister and request.masks:
        progress.warn("MASKS are used where they lie on the map; they do not move with the images.")
    return Files(output, folder, report), plan


def align(
    placed: Sequence[Image],
    files: Sequence[RasterImage],
    plan: Plan,
    folder: str,
    progress: Progress = SILENT,
) -> Scene:
    """Return the images in the CRS of the mosaic, and its grid.

    Raises IncompatibleImages or InvalidOption when the images cannot become one mosaic.
    """
    grid = mergerasters.common_grid(placed, plan.merging, progress)
    aligned = tuple(
        image if same_crs(image.grid.crs, grid.crs) else onto(image, grid, plan.merging.resampling)
        for image in placed
    )
    if plan.matches:
        globalregression.check(aligned, plan.matching)
    upstream = (COREGISTRATION,) if plan.coregistration else ()
    return Scene(files, aligned, grid, folder, upstream)


def apply(
    scene: Scene, models: Models, plan: Plan, request: Request, progress: Progress = SILENT
) -> Mosaic:
    """Return the mosaic as a view of corrected images: nothing is computed yet."""
    grid, how, seams = scene.grid, plan.merging, None
    if models.cells:
        seams = models.cells.seams(grid)
    elif request.seamlines:
        cells = mergerasters.cells_of(request.seamlines, scene.images, grid, plan.field, progress)
        seams = Seams(cells)
    images: list[Image] = [corrected(i, models, plan, how.output_type) for i in scene.images]
    if seams and how.rule in BLENDING:
        # windows reach over the seams into their neighbors
        images = [revisited(image) for image in images]
    if request.masks:
        seen = [onto(image, grid, how.resampling) for image in scene.images]
        masks = masks_of(scene.images, [grid] * len(seen), plan.masks, plan.field, progress)
        images = [onto(image, grid, how.resampling) for image in images]
        images = without_hidden(images, seen, grid, masks)
    return mergerasters.assemble(
        images, grid, how, seams=seams, nodata=request.nodata, progress=progress
    )


def save_steps(
    scene: Scene,
    placed: Sequence[Image],
    plan: Plan,
    models: Models,
    request: Request,
    progress: Progress = SILENT,
) -> list[int]:
    """Write the images in between that are asked for; return the bytes of each file."""
    how = replace(plan.merging, build_overviews=False, output_type="same")
    found = []
    for number, image in enumerate(placed):
        views = _between(scene, number, image, plan, models)
        for step in request.save_steps:
            progress.phase(f"Writing {_step_name(step, image)}")
            path = os.path.join(scene.folder, _step_name(step, image))
            found.append(write(views[step], path, how).bytes)
    return found


def _between(
    scene: Scene, number: int, image: Image, plan: Plan, models: Models
) -> dict[str, Image]:
    aligned = onto(image, scene.grid, plan.merging.resampling)
    even = corrected(aligned, models, plan)
    return {
        "coregister": image,
        "align": aligned,
        "global": corrected(aligned, replace(models, blocks=None), plan),
        "local": even,
        "mask": clipped(even, models.cells, number) if models.cells else even,
    }


def _step_name(step: str, image: Image) -> str:
    return STEPS[step].replace("$", image.name) + ".tif"


def _thumbnail(grid: Grid, images: Sequence[Image]) -> Thumbnail:
    first = images[0]
    bands: tuple[int, ...] = (1,)
    if first.bands >= 3:
        bands = shown_bands(first.band_names, first.bands, first.details.colors)
    return Thumbnail(small_grid(grid), [image.grid for image in images], bands)
