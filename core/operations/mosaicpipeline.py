# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn raw overlapping images into one seamless mosaic: match colors, cut seams, blend, write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..alike import refuse_equal_names
from ..clock import Clock
from ..exchange.blockmaps import local_path
from ..grid import Grid
from ..image import Image
from ..mosaicking.hardcut import BLENDING, watched
from ..mosaicking.hidden import without_hidden
from ..mosaicking.journal import NAME, open_journal
from ..mosaicking.seamcells import given_cells
from ..mosaicking.sentences import worded
from ..placement import onto, revisited
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..raster import RasterImage, open_listed, refuse_overwriting, same_crs
from ..raster.style import shown_bands
from ..report.thumbnail import Thumbnail, small_grid
from ..requests.mergerasters import refuse_seamless_rule
from ..requests.mosaicpipeline import STEPS
from ..requests.mosaicpipeline import Request as Request
from ..requests.mosaicpipeline import Result as Result
from ..seams.holes import Holes
from ..seams.mosaic import Mosaic
from ..vector import files_of
from ..write import write
from . import globalregression, mergerasters
from .mergerasters import seam_visibility
from .mosaic.before import PICTURE, recalled, remember
from .mosaic.cells import cells_of
from .mosaic.models import Models, clipped, corrected, estimate
from .mosaic.placed import COREGISTRATION, Placed, in_place
from .mosaic.plan import STATISTICS, Plan, plan_of
from .mosaic.plan import STEPS as PLANNED
from .mosaic.refusals import refuse_places, refuse_plan, refuse_small_disk, refuse_unwritable
from .mosaic.report import Done, seam_numbers, unseen, write_reports
from .mosaic.scene import FOOTPRINTS, LOCAL, REFERENCE, REGRESSION, SEAMLINES, Scene
from .voronoiseamlines import refuse_few

NEEDS = (
    ("without seams", ()),
    ("least-cost and voronoi seams", ("scipy", "shapely")),
    ("report figures", ("matplotlib",)),
)

KEPT = (
    *(REGRESSION, REFERENCE, FOOTPRINTS, SEAMLINES, PICTURE),
    *("report.json", NAME, "tie_points.json"),
)
"""Models and numbers in the work folder."""


@dataclass(frozen=True)
class Files:
    """Where the run writes."""

    output: str
    folder: str
    report: str


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read every image once to estimate the models and once to write the mosaic."""
    with worded(Request, PLANNED, STATISTICS if request.statistics_mask else {}):
        return _made(request, progress)


def _made(request: Request, progress: Progress) -> Result:
    clock = Clock(Recorder(progress))
    heard = clock.progress
    files, skipped = open_listed(request, heard)
    places, plan = destinations(request, files, heard)
    journal = open_journal(places.folder, resume=request.resume, progress=heard)
    with clock.step("Putting the images in place"):
        placed = in_place(files, plan, journal, heard.part(0.0, 0.2))
    scene = align(placed, files, plan, places.folder, heard)
    refuse_small_disk(scene, plan, request, places.output)
    before = _thumbnail(scene.grid, scene.images)
    fed = recalled(before, scene, journal, heard)
    with clock.step("Comparing the images"):
        models = estimate(scene, plan, journal, fed, heard.part(0.2, 0.5))
        remember(fed, scene, journal)
    for clause in models.cells.clauses if models.cells else ():
        heard.warn(f"No seam cell: {clause}.")
    models = with_given(scene, models, plan, request, heard)
    merged, cut = watched(apply(scene, models, plan, request, heard))
    holes, after = Holes(merged), _thumbnail(scene.grid, [merged])
    step, last = heard.part(0.5, 0.9), heard.part(0.9, 0.96)
    with clock.step("Writing the mosaic"):
        watching = (holes, after, cut) if cut else (holes, after)
        written = write(merged, places.output, plan.merging, step, watching)
    read = sum(step.read_bytes for step in clock.steps)
    planned = written.state == "planned"
    with clock.step("Measuring the seams"):
        seen = None if planned else seam_visibility(merged, written.path, request.threads, last)
    saved = [] if planned else save_steps(scene, placed.images, plan, models, request, heard)
    outcome = Result(
        None if planned else places.output,
        request.seamlines or (os.path.join(places.folder, SEAMLINES) if models.cells else None),
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
    for words in unseen(models, seen, planned=planned):
        heard.info(words)
    heard.verdict(f"{sentence} Mosaic: {outcome.output or 'none'}. Report: {places.report}.")
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
    refuse_places(output, report, folder, [*KEPT, *local])
    for name in (report, *KEPT, *local):
        refuse_overwriting(os.path.join(folder, name), inputs)
    refuse_unwritable(*map(os.path.dirname, (output, report, os.path.join(folder, NAME))))
    plan = plan_of(request, images, folder)
    refuse_plan(plan, images)
    refuse_seamless_rule(plan.merging.rule, plan.seams != "none")
    if plan.seams != request.seams:
        progress.info("The rule multiband needs seams: they are laid through the overlaps' middle.")
    return Files(output, folder, report), plan


def align(
    placed: Placed,
    files: Sequence[RasterImage],
    plan: Plan,
    folder: str,
    progress: Progress = SILENT,
) -> Scene:
    """Return the images in the CRS of the mosaic, and its grid.

    Raises IncompatibleImages or InvalidOption when the images cannot become one mosaic.
    """
    grid = mergerasters.common_grid(placed.images, plan.merging, progress)
    aligned = tuple(
        image if same_crs(image.grid.crs, grid.crs) else onto(image, grid, plan.merging.resampling)
        for image in placed.images
    )
    if plan.matches:
        globalregression.check(aligned, plan.matching)
    upstream = (COREGISTRATION,) if plan.coregistration else ()
    return Scene(files, aligned, grid, folder, upstream, placed.moves)


def with_given(
    scene: Scene, models: Models, plan: Plan, request: Request, progress: Progress = SILENT
) -> Models:
    """Return the models with the cells of SEAMLINES, where they are given."""
    if not request.seamlines:
        return models
    drawn = cells_of(request.seamlines, scene.images, scene.grid, plan.field, progress)
    return replace(models, cells=given_cells(drawn, progress=progress))


def apply(
    scene: Scene, models: Models, plan: Plan, request: Request, progress: Progress = SILENT
) -> Mosaic:
    """Return the mosaic as a view of corrected images: nothing is computed yet."""
    grid, how = scene.grid, plan.merging
    seams = models.cells.seams(grid) if models.cells else None
    images: list[Image] = [corrected(i, models, plan, how.output_type) for i in scene.images]
    if seams and how.rule in BLENDING:
        # windows reach over the seams into their neighbors
        images = [revisited(image) for image in images]
    if request.masks:
        seen = [onto(image, grid, how.resampling) for image in scene.images]
        masks = scene.masks([grid] * len(seen), plan, progress)
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
