# SPDX-License-Identifier: GPL-2.0-or-later
"""Give overlapping images comparable values: one gain and offset per image and band."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..image import Array, Image
from ..normalizing.correcting import (
    common_numbers,
    conclude,
    corrected,
    destinations,
    model_numbers,
    written_images,
)
from ..normalizing.counting import Collectors, collectors
from ..normalizing.globalrules import models_among, rules_of
from ..normalizing.knowing import Known, known_of, missing_of
from ..normalizing.selecting import mask_files, refuse_empty_masks
from ..placement import common_canvas, refuse_other_crs
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..radiometry import comparable
from ..radiometry.adjusting import adjustments_of, kept_of, with_known, with_known_pairs
from ..radiometry.adjustments import Adjustments
from ..radiometry.agreement import Agreement, agreement
from ..radiometry.moments import overlap_statistics, whole_statistics
from ..radiometry.regression import solve_gains
from ..radiometry.remarks import known_remarks, pixel_remarks, range_remarks, remarks
from ..raster import open_listed
from ..report.figures import adjustment_chart, overlap_chart
from ..report.html import Figure, Report, Table, numbers_of
from ..report.overlaps import READING, adjustment_table, overlap_verdict, pair_table
from ..requests.globalregression import Request as Request
from ..requests.globalregression import Result as Result
from ..requests.shared.regression import Estimating as Estimating
from ..survey import survey, survey_missing

NEEDS = (("all methods", ()), ("report figures", ("matplotlib",)))


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
    known = known_of(request.load_adjustments, images, keep=request.keep_adjustments)
    check(images, request, known)
    comparable.refuse_type(images, request.output_type)
    read = (request.load_adjustments, *mask_files(images, request))
    paths = destinations(images, request, read)
    sums = _counted(images, request, known, heard)
    comparable.refuse_holes(
        images, known.valid([own.valid for own in sums.own.images], images), request.output_type
    )
    found = estimate(images, sums, request, heard, known)
    views = [apply(image, found.adjustments, request.output_type) for image in images]
    written = written_images(views, paths, request, progress.part(0.42, 0.98))
    used = sum(pair.used for pair in found.agreement.pairs)
    outcome = Result(
        **common_numbers(request, written, len(images) + skipped, skipped + len(found.empty)),
        **model_numbers(request, found.adjustments, [image.name for image in images]),
        pairs=used,
        pairs_skipped=len(found.agreement.pairs) - used,
        group_count=found.groups,
        mean_difference_before=found.agreement.before,
        mean_difference_after=found.agreement.after,
    )
    report = _report(outcome, found, heard.warnings)
    pairs = [asdict(pair) for pair in found.agreement.pairs]
    conclude("globalregression", request, report, outcome, {"overlaps": pairs}, progress)
    return outcome


def check(images: Sequence[Image], how: Estimating, known: Known | None = None) -> None:
    """Raise IncompatibleImages or InvalidOption when the images cannot be compared."""
    comparable.refuse_different(images)
    refuse_other_crs(images)
    models_among(images, how, known.others if known else ())


def _counted(
    images: Sequence[Image], request: Request, known: Known, progress: Progress
) -> Collectors:
    """Read the images once, or only what is not known of them."""
    canvas = common_canvas(images)
    progress.phase("Comparing the overlaps")
    sums, part = collectors(images, canvas, request, progress), progress.part(0.0, 0.4)
    if known.adjustments.images:
        missing = missing_of(images, canvas, known, (sums.own, sums.joint))
        survey_missing(images, missing, canvas=canvas, threads=request.threads, progress=part)
        for pair in set(sums.joint.pairs) - missing.pairs:
            del sums.joint.pairs[pair]
        return sums
    joint = (sums.joint,) if len(images) > 1 else ()
    survey(
        images, own=(sums.own,), joint=joint, canvas=canvas, threads=request.threads, progress=part
    )
    return sums


def estimate(
    images: Sequence[Image],
    sums: Collectors,
    how: Estimating,
    progress: Progress = SILENT,
    known: Known | None = None,
    masked: Collection[str] = (),
) -> Estimate:
    """Solve the gains and offsets of all images from the sums of a survey.

    `masked` names the images with a mask, under which nothing was counted.
    Raises InvalidOption when the polygons leave no pixel of an image, NoSolution when the
    equations do not converge.
    """
    known = known or Known()
    seen = [(i, own) for i, own in zip(images, sums.own.images) if not known.measured(i.name)]
    counted, own_sums = [image for image, _ in seen], [own for _, own in seen]
    refuse_empty_masks(counted, own_sums, how)
    for sentence in pixel_remarks(counted, own_sums, masked):
        progress.warn(sentence)
    names = [image.name for image in images]
    surveyed, order = whole_statistics(names, sums.own.images, sums.joint.center)
    whole = with_known(surveyed, known.adjustments.images)
    fresh = overlap_statistics(sums.joint, order, whole)
    overlaps = with_known_pairs(
        fresh,
        surveyed.names,
        whole,
        known.adjustments,
        believed=how.robust,
    )
    kept = kept_of(whole, known.adjustments) if known.keep else None
    model = _by_name(whole.names, [*names, *known.others], models_among(images, how, known.others))
    solution = solve_gains(whole, overlaps, model, rules_of(how), progress, kept)
    found = agreement(whole, overlaps, solution)
    sentences = (*remarks(whole, solution, found), *range_remarks(images, whole, solution))
    for sentence in (*sentences, *known_remarks(len(overlaps.pairs) - len(fresh.pairs))):
        progress.warn(sentence)
    groups = len(np.unique(solution.groups[whole.size > 0]))
    empty = tuple(image.name for image, own in seen if own.valid == 0)
    result_model = adjustments_of(whole, overlaps, solution, known.adjustments)
    return Estimate(result_model, found, groups, empty, images[0].band_names)


def apply(image: Image, adjustments: Adjustments, output_type: str = "same") -> Image:
    """Return the image with its gains and offsets as a view: nothing is computed yet."""
    return corrected(image, adjustments.of(image.name), output_type)


def _by_name(names: Sequence[str], given: Sequence[str], values: Array) -> Array:
    """Values in the order of names instead of the given one."""
    return values[[given.index(name) for name in names]]


def _report(outcome: Result, found: Estimate, warnings: Sequence[str]) -> Report:
    agreed = found.agreement
    return Report(
        title="Global regression",
        verdict=overlap_verdict(agreed.before, agreed.after, pairs=agreed.pairs),
        numbers=numbers_of(outcome),
        figures=figures(found) if outcome.report else (),
        tables=tables(found),
        skipped=tuple((name, "no valid pixels, copied unchanged") for name in found.empty),
        reading=READING,
        warnings=tuple(warnings),
    )


def figures(found: Estimate, finished: Sequence[float | None] | None = None) -> tuple[Figure, ...]:
    """Return the figures of a report: overlap differences, gains and offsets.

    `finished` are the differences of the pairs after all, when more than gains was corrected.
    """
    pairs, images = found.agreement.pairs, found.adjustments.images
    return (
        overlap_chart(
            [f"{pair.first} – {pair.second}" for pair in pairs],
            [pair.before for pair in pairs],
            [pair.after for pair in pairs] if finished is None else finished,
        ),
        adjustment_chart(
            [image.name for image in images],
            np.array([image.gains for image in images]),
            np.array([image.offsets for image in images]),
            bands=found.band_names,
        ),
    )


def tables(found: Estimate, after: str = "after") -> tuple[Table, ...]:
    """Return the tables of a report: overlaps (`after` says after what), gains and offsets."""
    images = found.adjustments.images
    return (
        pair_table(found.agreement.pairs, after),
        adjustment_table(
            [image.name for image in images],
            [image.group for image in images],
            [image.gains for image in images],
            [image.offsets for image in images],
        ),
    )
