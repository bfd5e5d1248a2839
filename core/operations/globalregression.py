# SPDX-License-Identifier: GPL-2.0-or-later
"""Give overlapping images comparable values: one gain and offset per image and band."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..alike import file_name
from ..errors import InvalidOption
from ..grid import Grid
from ..image import Array, Image
from ..options import Kind, option, redefault, result
from ..placement import common_canvas, refuse_other_crs
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded, repetition, write_json
from ..radiometry import comparable
from ..radiometry.adjusted import Adjusted
from ..radiometry.adjusting import adjustments_of
from ..radiometry.adjustments import Adjustments
from ..radiometry.agreement import Agreement, agreement
from ..radiometry.moments import overlap_statistics, whole_statistics
from ..radiometry.regression import Rules, solve_gains
from ..radiometry.remarks import pixel_remarks, range_remarks, remarks
from ..radiometry.selection import Selection
from ..radiometry.statistics import JointSums, OwnSums, fixed_center, summed_exactly
from ..raster import (
    open_listed,
    output_paths,
    refuse_overwriting,
)
from ..report.figures import adjustment_chart, overlap_chart
from ..report.html import Figure, Report, Table, numbers_of, write_report
from ..report.overlaps import READING, adjustment_table, overlap_verdict, pair_table
from ..requests import Images, ManyOutputs, StatisticsMask, Writing
from ..stage import write_text
from ..survey import survey
from ..vector import Burned, files_of, polygons_for, read_polygons
from ..write import Written, write_all

NEEDS = (("all methods", ()), ("report figures", ("matplotlib",)))


@dataclass(frozen=True)
class Estimating(StatisticsMask):
    """How gains and offsets are estimated; shared with the pipeline."""

    model_images: tuple[str, ...] = option(
        Kind.NAMES,
        "Model images",
        (),
        help="Images that set the common level, by name; the extension may be left out. Empty: "
        "all images together.",
    )
    model_mode: str = option(
        Kind.CHOICE,
        "Model mode",
        "include",
        choices=("include", "exclude"),
        help="Whether the listed images, or all others, set the common level.",
    )
    mean_factor: float = option(
        Kind.NUMBER,
        "Weight of means",
        1.0,
        minimum=0,
        maximum=1000,
        advanced=True,
        help="How much equal means in overlaps count.",
    )
    std_factor: float = option(
        Kind.NUMBER,
        "Weight of spreads",
        1.0,
        minimum=0,
        maximum=1000,
        advanced=True,
        help="How much equal standard deviations in overlaps count; 0: gains stay 1.",
    )
    pair_weight: str = option(
        Kind.CHOICE,
        "Weight of a pair",
        "pixels",
        choices=("pixels", "equal"),
        advanced=True,
        help="Pairs of images count by their common valid pixels, or all the same.",
    )
    robust: bool = option(
        Kind.FLAG,
        "Ignore what changed",
        True,
        advanced=True,
        help="Down-weight parts of overlaps that disagree, such as clouds and changes.",
    )


@dataclass(frozen=True)
class Request(Estimating, Writing, ManyOutputs, Images):
    """Options of the run."""

    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_Global")
    build_overviews: bool = False
    output_model: str | None = option(
        Kind.JSON_OUT,
        "Model",
        None,
        help="Gains, offsets and statistics of all images, to read, edit and apply again.",
    )
    report: str | None = option(
        Kind.HTML_OUT, "Report", None, created=True, help="What was done and how good it is."
    )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Corrected images")
    output_model: str | None = result(Kind.JSON_OUT, "Model")
    report: str | None = result(Kind.HTML_OUT, "Report")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    pairs: int | None = result(Kind.INTEGER, "Pairs used")
    pairs_skipped: int | None = result(Kind.INTEGER, "Pairs with too few common pixels")
    group_count: int | None = result(Kind.INTEGER, "Groups of connected images")
    mean_difference_before: float | None = result(Kind.NUMBER, "Overlap difference before, %")
    mean_difference_after: float | None = result(Kind.NUMBER, "Overlap difference after, %")
    gain_min: float | None = result(Kind.NUMBER, "Smallest gain")
    gain_max: float | None = result(Kind.NUMBER, "Largest gain")
    clipped_fraction: float | None = result(Kind.NUMBER, "Fraction of values cut to the type")
    moved_from_nodata: int | None = result(Kind.INTEGER, "Values moved away from nodata")


@dataclass(frozen=True)
class Collectors:
    """What is counted while the images pass once: `own` and `joint` sums for the survey."""

    own: OwnSums
    joint: JointSums


@dataclass(frozen=True)
class Estimate:
    """The model and what is known about it; `empty` are images without valid pixels."""

    adjustments: Adjustments
    agreement: Agreement
    groups: int
    empty: tuple[str, ...]
    band_names: tuple[str, ...] = ()


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Estimate gains and offsets from the overlaps and write the corrected images."""
    heard = Recorder(progress)
    images, skipped = open_listed(request, heard)
    check(images, request)
    comparable.refuse_type(images, request.output_type)
    paths = output_paths(images, request.output_folder, request.name_pattern)
    inputs = [*(image.path for image in images), *files_of(request.vector_mask)]
    for path in filter(None, (request.output_model, request.report)):
        refuse_overwriting(path, inputs)
    canvas = common_canvas(images)
    progress.phase("Comparing the overlaps")
    sums = collectors(images, canvas, request, heard)
    survey(
        images,
        own=(sums.own,),
        joint=(sums.joint,) if len(images) > 1 else (),
        canvas=canvas,
        threads=request.threads,
        progress=progress.part(0.0, 0.4),
    )
    comparable.refuse_holes(images, [own.valid for own in sums.own.images], request.output_type)
    found = estimate(images, sums, request, heard)
    progress.phase("Writing the corrected images")
    views = [apply(image, found.adjustments, request.output_type) for image in images]
    written = write_all(views, paths, request, progress.part(0.42, 0.98))
    outcome = _outcome(request, written, found, skipped)
    if request.output_model:
        write_text(request.output_model, found.adjustments.text() + "\n")
    if request.report:
        _write_report(request, outcome, found, heard.warnings)
    progress.info(overlap_verdict(found.agreement.before, found.agreement.after).sentence)
    progress.advance(1.0)
    return outcome


def check(images: Sequence[Image], how: Estimating) -> None:
    """Raise IncompatibleImages or InvalidOption when the images cannot be compared."""
    refuse_other_crs(images)
    comparable.refuse_different(images)
    _models(images, how)


def collectors(
    images: Sequence[Image], canvas: Grid, how: Estimating, progress: Progress = SILENT
) -> Collectors:
    """Return what the survey must count so that `estimate` can work."""
    own, joint = _selections(images, canvas, how, progress)
    center = fixed_center(images)
    grids = tuple(image.grid for image in images)
    return Collectors(
        OwnSums(images, center, own),
        JointSums(canvas, grids, summed_exactly(images), center, joint),
    )


def estimate(
    images: Sequence[Image], sums: Collectors, how: Estimating, progress: Progress = SILENT
) -> Estimate:
    """Solve the gains and offsets of all images from the sums of a survey.

    Raises InvalidOption when the polygons leave no pixel of an image, NoSolution when the
    equations do not converge.
    """
    _refuse_empty_masks(images, sums.own, how)
    for sentence in pixel_remarks(images, sums.own.images):
        progress.warn(sentence)
    names = [image.name for image in images]
    whole, order = whole_statistics(names, sums.own.images, sums.joint.center)
    overlaps = overlap_statistics(sums.joint, order, whole)
    rules = Rules(how.mean_factor, how.std_factor, how.pair_weight == "equal", how.robust)
    solution = solve_gains(whole, overlaps, _models(images, how)[order], rules, progress)
    found = agreement(whole, overlaps, solution)
    for sentence in (*remarks(whole, solution, found), *range_remarks(images, whole, solution)):
        progress.warn(sentence)
    groups = len(np.unique(solution.groups[whole.size > 0]))
    empty = tuple(i.name for i, found in zip(images, sums.own.images) if found.valid == 0)
    model = adjustments_of(whole, overlaps, solution)
    return Estimate(model, found, groups, empty, images[0].band_names)


def apply(image: Image, adjustments: Adjustments, output_type: str = "same") -> Image:
    """Return the image with its gains and offsets as a view: nothing is computed yet."""
    mine = adjustments.of(image.name)
    return Adjusted(image, mine.gains, mine.offsets, output_type)


def _models(images: Sequence[Image], how: Estimating) -> Array:
    """Which images set the common level."""
    if not how.model_images:
        return np.ones(len(images), bool)
    include = how.model_mode == "include"
    model = np.full(len(images), not include)
    model[list(comparable.named_images(images, how.model_images, "MODEL_IMAGES"))] = include
    if not model.any():
        raise InvalidOption("MODEL_IMAGES excludes every image, so that none sets the level.")
    return model


def _selections(
    images: Sequence[Image], canvas: Grid, how: Estimating, progress: Progress
) -> tuple[Selection | None, Selection | None]:
    """The polygons on each image's own grid and on the canvas."""
    if not how.vector_mask:
        return None, None
    include = how.mask_mode == "include"
    features = read_polygons(how.vector_mask, canvas.crs, progress)
    names = [image.name for image in images]
    shared = Burned(canvas, tuple((feature.geometry, 1) for feature in features))
    own: list[Burned | None] = []
    joint: list[Burned | None] = []
    for image in images:
        mine = features
        if how.mask_field:
            mine = polygons_for(image.name, features, how.mask_field, names)
        if include and not mine:
            raise InvalidOption(
                f"{os.path.basename(how.vector_mask.partition('|')[0])} has no polygon for "
                f"{file_name(image)}. Check MASK_FIELD, or use MASK_MODE=exclude."
            )
        shapes = tuple((feature.geometry, 1) for feature in mine)
        own.append(Burned(image.grid, shapes) if shapes else None)
        joint.append(shared if not how.mask_field else Burned(canvas, shapes) if shapes else None)
    return Selection(tuple(own), include), Selection(tuple(joint), include)


def _refuse_empty_masks(images: Sequence[Image], own: OwnSums, how: Estimating) -> None:
    for image, sums in zip(images, own.images):
        if how.vector_mask and sums.valid and not sums.used:
            raise InvalidOption(
                f"The mask leaves no pixel of {file_name(image)} for statistics. Check "
                "MASK_MODE and MASK_FIELD."
            )


def _outcome(
    request: Request, written: Sequence[Written], found: Estimate, unreadable: int
) -> Result:
    gains = [gain for image in found.adjustments.images for gain in image.gains]
    used = sum(pair.used for pair in found.agreement.pairs)
    samples = sum(one.valid_pixels * len(one.sample) for one in written)
    return Result(
        output_layers=tuple(one.path for one in written),
        output_model=request.output_model and os.path.abspath(request.output_model),
        report=request.report and os.path.abspath(request.report),
        images_used=len(written) - len(found.empty),
        images_skipped=unreadable + len(found.empty),
        pairs=used,
        pairs_skipped=len(found.agreement.pairs) - used,
        group_count=found.groups,
        mean_difference_before=found.agreement.before,
        mean_difference_after=found.agreement.after,
        gain_min=min(gains),
        gain_max=max(gains),
        clipped_fraction=sum(one.clipped for one in written) / max(1, samples),
        moved_from_nodata=sum(one.moved_from_nodata for one in written),
    )


def _write_report(
    request: Request, outcome: Result, found: Estimate, warnings: Sequence[str]
) -> None:
    """Write the report, and its numbers as JSON beside it."""
    pairs = found.agreement.pairs
    report = Report(
        title="Global regression",
        verdict=overlap_verdict(found.agreement.before, found.agreement.after),
        numbers=numbers_of(outcome),
        figures=figures(found),
        tables=tables(found),
        skipped=tuple((name, "no valid pixels, copied unchanged") for name in found.empty),
        reading=READING,
        warnings=tuple(warnings),
        repeat=repetition("globalregression", request),
    )
    path = write_report(str(request.report), report)
    numbers = {**asdict(outcome), "overlaps": [asdict(pair) for pair in pairs]}
    write_json(path + ".json", numbers)


def figures(found: Estimate) -> tuple[Figure, ...]:
    """Return the figures of a report: overlap differences, gains and offsets."""
    pairs, images = found.agreement.pairs, found.adjustments.images
    return (
        overlap_chart(
            [f"{pair.first} – {pair.second}" for pair in pairs],
            [pair.before for pair in pairs],
            [pair.after for pair in pairs],
        ),
        adjustment_chart(
            [image.name for image in images],
            np.array([image.gains for image in images]),
            np.array([image.offsets for image in images]),
            bands=found.band_names,
        ),
    )


def tables(found: Estimate) -> tuple[Table, ...]:
    """Return the tables of a report: overlaps, gains and offsets."""
    images = found.adjustments.images
    return (
        pair_table(found.agreement.pairs),
        adjustment_table(
            [image.name for image in images],
            [image.group for image in images],
            [image.gains for image in images],
            [image.offsets for image in images],
        ),
    )
