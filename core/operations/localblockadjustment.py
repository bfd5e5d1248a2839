# SPDX-License-Identifier: GPL-2.0-or-later
"""Even out differences inside images, such as vignetting and haze: block maps from the overlaps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict

from ..alike import file_name
from ..errors import InvalidOption
from ..exchange.blockmaps import Loaded, load_maps, local_path, map_files, save_maps
from ..image import Image
from ..normalizing.blocking import (
    BlockEstimate,
    Blocking,
    block_collectors,
    block_corrected,
    estimate_blocks,
    estimating_of,
)
from ..normalizing.correcting import common_numbers, conclude, destinations, written_images
from ..normalizing.loadedblocks import estimate_loaded
from ..normalizing.selecting import mask_files, refuse_empty_masks
from ..placement import common_canvas, refuse_other_crs
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..radiometry import comparable
from ..radiometry.blockagreement import Differences
from ..radiometry.blockmaps import BlockMaps, correction_of
from ..radiometry.interpolation import outside_share
from ..radiometry.remarks import overlap_remark, pixel_remarks
from ..radiometry.shading import ACCEPTED
from ..radiometry.statistics import OwnSums
from ..raster import RasterImage, open_listed
from ..report.figures import overlap_chart
from ..report.html import Figure, Report, Table, numbers_of
from ..report.localblocks import (
    PICTURES,
    READING,
    corrections_figure,
    difference_table,
    shading_figure,
    shading_table,
)
from ..report.overlaps import overlap_verdict
from ..requests.localblockadjustment import Request as Request
from ..requests.localblockadjustment import Result as Result
from ..survey import survey

NEEDS = (("all methods", ()), ("report figures", ("matplotlib",)))

TOLD_OUTSIDE = 0.005
"""Part of an image outside a map that is worth a sentence."""


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Estimate block maps from the overlaps, or take known ones, and write corrected images."""
    heard = Recorder(progress)
    images, skipped = open_listed(request, heard)
    check(images, request)
    saved = _saved(request, images)
    files = map_files(request.load_reference_map, request.load_local_maps, images)
    read = (*files, *mask_files(images, request))
    paths = destinations(images, request, read, _written(saved, images))
    loaded = load_maps(request.load_reference_map, request.load_local_maps, images, heard)
    found, empty = _estimated(images, loaded, request, heard)
    views = [apply(image, found.maps, request, request.output_type) for image in images]
    warn_of_outside(images, found, heard)
    written = written_images(views, paths, request, progress.part(0.42, 0.98))
    save_maps(found.maps, *saved, images, request.correction_method)
    outcome = Result(
        **common_numbers(request, written, len(images) + skipped, skipped + len(empty)),
        reference_map=saved[0],
        block_count_rows=found.maps.grid.height,
        block_count_columns=found.maps.grid.width,
        blocks_used=found.blocks_used,
        shading_explained=found.shading.explained,
        mean_difference_before=found.differences[0].pooled,
        mean_difference_after=found.differences[-1].pooled,
    )
    report = _report(outcome, found, request, heard.warnings)
    conclude("localblockadjustment", request, report, outcome, numbers(found), progress)
    return outcome


def check(images: Sequence[Image], request: Request) -> None:
    """Raise IncompatibleImages or InvalidOption when the images cannot be compared."""
    comparable.refuse_different(images)
    refuse_other_crs(images)
    comparable.refuse_type(images, request.output_type)


def apply(image: Image, maps: BlockMaps, how: Blocking, output_type: str = "same") -> Image:
    """Return the image corrected by its block map, as a view: nothing is computed yet."""
    return block_corrected(image, maps, how, output_type)


def warn_of_outside(
    images: Sequence[Image], found: BlockEstimate, progress: Progress = SILENT
) -> None:
    """Say which images lie outside the map, and how many blocks were limited."""
    for image in images:
        share = outside_share(image.grid, found.maps.grid)
        if share >= TOLD_OUTSIDE:
            progress.warn(
                f"{file_name(image)} lies {100 * share:.0f} % outside the reference map; there it "
                "stays unchanged."
            )
    if found.limited:
        progress.warn(
            f"{found.limited} block corrections were larger than MAX_CHANGE and were limited."
        )


def numbers(found: BlockEstimate) -> dict[str, object]:
    """Return what the JSON beside a report says about the blocks."""
    trials = [{"group": group, **asdict(trial)} for group, trial in found.shading.trials]
    pairs = [
        {"first": found.names[a], "second": found.names[b], "pixels": size, "before": before,
         "after_global": gains, "after": after}
        for (a, b), size, before, gains, after in zip(
            found.pairs, found.pixels, *(one.pairs for one in found.differences)
        )
    ]  # fmt: skip
    return {"shading": trials, "overlaps": pairs, "blocks_limited": found.limited}


def _estimated(
    images: Sequence[RasterImage], loaded: Loaded | None, request: Request, progress: Progress
) -> tuple[BlockEstimate, list[str]]:
    """Maps from one survey, or known ones; and the names of images without valid pixels."""
    progress.phase("Comparing the overlaps")
    if loaded is not None:
        found, own = estimate_loaded(
            images,
            loaded,
            request,
            threads=request.threads,
            reading=request.output_type != "same",
            progress=progress,
        )
        return found, _empty(images, own, request, progress) if own else []
    canvas = common_canvas(images)
    counted = block_collectors(images, canvas, request, estimating_of(request), progress)
    joint = (counted.globals.joint, counted.shared)
    survey(
        images,
        own=counted.own,
        joint=joint if len(images) > 1 else (),
        canvas=canvas,
        threads=request.threads,
        progress=progress.part(0.0, 0.4),
    )
    empty = _empty(images, counted.globals.own, request, progress)
    valid = [own.used for own in counted.globals.own.images]
    sentence = overlap_remark(valid, paired=bool(counted.globals.joint.pairs))
    if sentence:
        progress.warn(sentence)
    return estimate_blocks(images, counted, request, None, progress), empty


def _empty(
    images: Sequence[RasterImage], own: OwnSums, request: Request, progress: Progress
) -> list[str]:
    refuse_empty_masks(images, own.images, request)
    comparable.refuse_holes(images, [one.valid for one in own.images], request.output_type)
    for sentence in pixel_remarks(images, own.images):
        progress.warn(sentence)
    return [image.name for image, one in zip(images, own.images) if one.valid == 0]


def _saved(request: Request, images: Sequence[RasterImage]) -> tuple[str | None, str | None]:
    """Return where the reference map and local ones are saved; $ stands for an image's name."""
    pattern = request.save_local_maps
    if pattern and "$" not in pattern and len(images) > 1:
        raise InvalidOption(
            f"Local maps to save: {pattern!r} needs a $ for the maps of {len(images)} images."
        )
    folder = os.path.abspath(request.output_folder)
    return request.save_reference_map, pattern and os.path.join(folder, pattern)


def _written(saved: tuple[str | None, str | None], images: Sequence[RasterImage]) -> list[str]:
    """Return the files of all maps that are saved."""
    reference, pattern = saved
    local = [local_path(pattern, image.name) for image in images] if pattern else []
    return [*([reference] if reference else []), *local]


def _report(
    outcome: Result, found: BlockEstimate, request: Request, warnings: Sequence[str]
) -> Report:
    before, _, after = found.differences
    shown: tuple[Figure, ...] = ()
    if outcome.report:
        overlaps = overlap_chart(found.titles, before.pairs, after.pairs)
        shown = (overlaps, *figures(found, request))
    return Report(
        title="Local block adjustment",
        verdict=overlap_verdict(before.pooled, after.pooled, changed=bool(found.changed)),
        numbers=numbers_of(outcome),
        figures=shown,
        tables=tables(found, ("Before", "After"), (before, after)),
        reading=READING,
        warnings=tuple(warnings),
    )


def figures(found: BlockEstimate, how: Blocking) -> tuple[Figure, ...]:
    """Return the figures of a report: shading and corrections of the blocks."""
    changes = []
    for local in found.maps.local[:PICTURES]:
        if not local.values.size:
            continue  # it lies outside the map
        correction = correction_of(found.maps, local, how.max_change)
        changes.append((local.name, correction.relative(local.values).mean(0)))
    return (
        shading_figure(found.shading.fields, found.names, found.band_names),
        corrections_figure(changes, len(found.maps.local)),
    )


def tables(
    found: BlockEstimate, titles: Sequence[str], steps: Sequence[Differences]
) -> tuple[Table, ...]:
    """Return the tables of a report: overlaps after each step, and the fields tried."""
    columns = [(title, step.pairs) for title, step in zip(titles, steps)]
    trials = [
        (at, one.kind, one.explained, ACCEPTED[one.kind], one.accepted)
        for at, one in found.shading.trials
    ]
    return (
        difference_table(found.names, found.pairs, found.pixels, columns),
        *([shading_table(trials)] if trials else []),
    )
