# SPDX-License-Identifier: GPL-2.0-or-later
"""Find pixels that did not change between images, and match the images by them alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..alike import file_name
from ..errors import InvalidOption
from ..image import Array, Image
from ..normalizing.correcting import (
    common_numbers,
    conclude,
    corrected,
    destinations,
    exact,
    model_numbers,
    written_images,
)
from ..normalizing.invariants import Found, Set, claims_of, find, pairs_of
from ..normalizing.pifsolving import Solved, solve
from ..normalizing.pifviews import mask_of, score_of
from ..normalizing.selecting import own_selection, refuse_empty_masks
from ..normalizing.thresholds import read_claim
from ..placement import common_canvas, refuse_other_crs
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..radiometry import comparable
from ..radiometry.moments import whole_statistics
from ..radiometry.remarks import pixel_remarks
from ..radiometry.selection import Selection
from ..radiometry.statistics import ImageSums, OwnSums, fixed_center
from ..raster import RasterImage, open_image, open_listed, output_paths
from ..raster.palette import palette_style
from ..report.html import Report, numbers_of
from ..report.invariant import READING, invariant_figure, invariant_tables, invariant_verdict
from ..requests.pseudoinvariantfeatures import Request as Request
from ..requests.pseudoinvariantfeatures import Result as Result
from ..survey import survey
from ..write import Written, paths_of, together, write_all

NEEDS = (
    ("all methods", ()),
    ("key points by the faster method", ("cv2",)),
    ("report figures", ("matplotlib",)),
)

DRAWN = 150
"""Pixels of a band in the figure."""

MASK_ENTRIES = ((0, "not invariant", "#1d2329", 0), (1, "pseudo-invariant", "#e8420f", 255))


@dataclass(frozen=True)
class Outputs:
    """The paths of corrected images, masks and scores."""

    images: tuple[str, ...]
    masks: tuple[str, ...]
    scores: tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """What was found: pairs with their pixels, gains and offsets, valid pixels of each image."""

    found: tuple[Found, ...]
    solved: Solved
    valid: tuple[int, ...]


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Find invariant pixels, solve gains and offsets, write corrected images and masks."""
    reference = open_image(request.reference, request.nodata) if request.reference else None
    heard = Recorder(progress)
    images, skipped = open_listed(request, heard)
    check(images, reference, request)
    paths = _outputs(images, request)
    estimated = estimate(images, reference, request, heard.part(0.0, 0.5))
    comparable.refuse_holes(images, estimated.valid, request.output_type)
    model = estimated.solved.adjustments
    views = [corrected(i, model.of(i.name), request.output_type) for i in images]
    marks: dict[str, list[Written]] = {"masks": [], "scores": []}
    parts = list(progress.part(0.5, 0.98).split(3))
    with together(marks["masks"], request), together(marks["scores"], request):
        _write_marks(images, estimated.found, paths, request, parts[0], marks)
        written = written_images(views, paths.images, request, parts[2])
    idle = len(estimated.solved.idle)
    outcome = Result(
        **common_numbers(request, written, len(images) + skipped, skipped + idle),
        **model_numbers(request, model, [image.name for image in images]),
        **_numbers(estimated.solved),
        output_masks=paths_of(marks["masks"]),
        output_scores=paths_of(marks["scores"]),
    )
    report = _report(outcome, estimated, images[0].band_names, heard.warnings)
    pairs = [asdict(pair) for pair in estimated.solved.pairs]
    conclude("pseudoinvariantfeatures", request, report, outcome, {"pairs": pairs}, progress)
    return outcome


def check(images: Sequence[Image], reference: Image | None, request: Request) -> None:
    """Raise IncompatibleImages or InvalidOption when the images cannot be compared."""
    comparable.refuse_uncorrectable(images)
    comparable.refuse_type(images, request.output_type)
    everything = list(images)
    if reference is not None:
        comparable.refuse_other_reference(images[0], reference)
        everything.append(reference)
    refuse_other_crs(everything)
    if len(everything) > 1:
        comparable.refuse_unplaced(everything)
    for name in ("red_band", "nir_band"):
        band = getattr(request, name)
        if band is not None and band > images[0].bands:
            raise InvalidOption(
                f"{name.upper()} is {band}, and {file_name(images[0])} has {images[0].bands} bands."
            )
    if request.method == "threshold" and request.expression:
        for image in everything:
            read_claim(request.expression, image)


def estimate(
    images: Sequence[Image],
    reference: Image | None,
    request: Request,
    progress: Progress = SILENT,
) -> Estimate:
    """Find the invariant pixels of all pairs and return gains and offsets.

    Never fails for lack of invariant pixels: such pairs use all their pixels, with a warning.
    """
    progress.phase("Looking at the images")
    selection = own_selection(images, request.pixels, progress)
    sums, center = _sums(images, request, selection, progress.part(0.0, 0.2))
    refuse_empty_masks(images, sums, request.pixels)
    for sentence in pixel_remarks(images, sums):
        progress.warn(sentence)
    whole, _ = whole_statistics([image.name for image in images], sums, center)
    spreads = _spreads(sums, center)
    if reference is not None:
        theirs, middle = _sums([reference], request, None, progress.part(0.2, 0.25))
        spreads = np.concatenate([spreads, _spreads(theirs, middle)])
    given = Set(tuple(images), reference, spreads, request, request.threads)
    progress.phase("Finding invariant pixels")
    claims = claims_of(given, progress.part(0.25, 0.4))
    pairs = pairs_of(given, progress)
    found = [
        find(given, (a, b), pair, claims, part)
        for (a, b, pair), part in zip(pairs, progress.part(0.4, 0.95).split(len(pairs)))
    ]
    solved = solve(given, whole, found, progress)
    return Estimate(tuple(found), solved, tuple(one.valid for one in sums))


def _sums(
    images: Sequence[Image], request: Request, selection: Selection | None, progress: Progress
) -> tuple[list[ImageSums], Array]:
    """Sums over the images' own pixels, each read once, and the center they are about."""
    center = fixed_center(images)
    own = OwnSums(images, center, selection)
    canvas = common_canvas(images)
    survey(images, own=(own,), canvas=canvas, threads=request.threads, progress=progress)
    return own.images, center


def _spreads(sums: Sequence[ImageSums], center: Array) -> Array:
    """Standard deviations[image, band] in the order of the images."""
    names = [f"{number:09}" for number in range(len(sums))]
    return whole_statistics(names, sums, center)[0].std


def _outputs(images: Sequence[RasterImage], request: Request) -> Outputs:
    """The paths of all rasters; no two are the same."""
    read = (request.reference, request.key_points)
    corrected_paths = destinations(images, request, read)
    folder, taken = request.output_folder, set(corrected_paths)
    found = []
    for name in ("mask_pattern", "score_pattern"):
        pattern = getattr(request, name)
        paths = output_paths(images, folder, pattern) if pattern else ()
        if taken & set(paths):
            raise InvalidOption(
                f"{name.upper()}: {pattern!r} gives names that other outputs have. Choose another."
            )
        taken |= set(paths)
        found.append(paths)
    for path in filter(None, (request.reference, request.key_points)):
        if os.path.abspath(path) in taken:
            raise InvalidOption(
                f"Output would overwrite the input {os.path.basename(path)}. Choose another name."
            )
    return Outputs(corrected_paths, *found)


def _write_marks(
    images: Sequence[Image],
    found: Sequence[Found],
    paths: Outputs,
    request: Request,
    progress: Progress,
    marks: dict[str, list[Written]],
) -> None:
    """Write masks and scores, and note them in `marks`."""
    makers: tuple[Callable[[Image, int, Sequence[Found]], Image], ...] = (mask_of, score_of)
    jobs = zip(("masks", "scores"), makers, (paths.masks, paths.scores))
    for (title, view, places), part in zip(jobs, progress.split(2)):
        if not places:
            continue
        progress.phase(f"Writing the {title}")
        views = [view(image, number, found) for number, image in enumerate(images)]
        plain = replace(exact(request, images), output_type="same")
        marks[title] += write_all(views, places, plain, part)
        if title == "masks":
            for path in paths_of(marks[title]):
                palette_style(path, MASK_ENTRIES)


def _numbers(solved: Solved) -> dict[str, Any]:
    """The numbers of the pairs: those of the worst one."""
    bands = [band for pair in solved.pairs for band in pair.bands]
    known = [band.correlation for band in bands if np.isfinite(band.correlation)]
    return {
        "pif_count": min((pair.invariant for pair in solved.pairs), default=0),
        "correlation": min(known, default=None),
        "rmse": max((band.rmse for band in bands), default=None),
    }


def _report(
    outcome: Result, found: Estimate, bands: Sequence[str], warnings: Sequence[str]
) -> Report:
    pairs = found.solved.pairs
    samples = {}
    for one in found.found:
        if one.common:
            few = one.sample.thinned(DRAWN)
            samples[f"{one.names[0]} – {one.names[1]}"] = (few.x, few.r)
    return Report(
        title="Pseudo-invariant features",
        verdict=invariant_verdict(pairs),
        numbers=numbers_of(outcome),
        figures=(invariant_figure(samples, pairs, bands),),
        tables=invariant_tables(pairs, bands),
        skipped=tuple((name, "nothing to compare with") for name in found.solved.idle),
        reading=READING,
        warnings=tuple(warnings),
    )
