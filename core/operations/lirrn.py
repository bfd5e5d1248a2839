# SPDX-License-Identifier: GPL-2.0-or-later
"""Bring images to the values of a reference by brightness classes, wherever both images lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..alike import file_name
from ..errors import InvalidOption
from ..image import Array
from ..normalizing.correcting import conclude, destinations, written_images
from ..normalizing.distributions import Look, look_at
from ..normalizing.leveling import (
    Leveled,
    distributions,
    leveled_views,
    levels,
    numbers,
    outcome_numbers,
    skipped_images,
    with_statistics,
)
from ..normalizing.selecting import mask_files
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..radiometry import comparable
from ..radiometry.adjustments import ImageAdjustment, unchanged
from ..radiometry.classes import class_limits, class_samples, drawn, straight_line
from ..radiometry.histograms import Histogram
from ..radiometry.matched import Levels, Matching, matched, shares_of
from ..radiometry.remarks import listed
from ..raster import RasterImage, open_image, open_listed
from ..report.html import Figure, Report, numbers_of
from ..report.levels import READING, level_table, level_verdict, sample_figure
from ..requests.lirrn import Request as Request
from ..requests.lirrn import Result as Result

NEEDS = (("all methods", ()), ("report figures", ("matplotlib",)))

SHARES = shares_of(257, 0.001)
"""Shares of the pixels at which levels are compared in the report."""

DRAWN = 120
"""Samples of a band in the figure."""

LITTLE, NO_GAIN = 2.0, 0.9
"""Differences of levels, %, that are no reason to worry; part of the former one that is."""

SAME = 1e-9
"""A gain and offset nearer to 1 and 0 than this are rounding."""


Drawing = Mapping[tuple[int, int], tuple[Array, Array]]
"""Values and counts near each level of each class: (class, level)."""


@dataclass(frozen=True)
class Sampled:
    """What is kept of an image: its levels, and per band the values near levels of classes."""

    look: Look
    levels: Levels | None
    bands: tuple[Drawing, ...]


@dataclass(frozen=True)
class Normalized(Leveled):
    """An image's correction with the samples [band][image, reference] it came from."""

    samples: tuple[tuple[Array, Array], ...] = field(default=())


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Sample all images and the reference, fit the lines and write the corrected images."""
    heard = Recorder(progress)
    images, skipped = open_listed(request, heard)
    reference = open_image(request.reference, request.nodata)
    comparable.refuse_uncorrectable(images)
    comparable.refuse_type(images, request.output_type)
    comparable.refuse_other_reference(images[0], reference)
    paths = destinations(images, request, (request.reference, *mask_files(images, request)))
    progress.phase("Sampling brightness classes")
    found = estimate(images, reference, request, heard.part(0.0, 0.4))
    views = leveled_views(images, found, request.output_type)
    written = written_images(views, paths, request, progress.part(0.42, 0.98))
    outcome = Result(**outcome_numbers("lirrn", request, written, found, skipped))
    report = _report(outcome, found, images[0].band_names, heard.warnings)
    conclude("lirrn", request, report, outcome, {"images": numbers(found)}, progress)
    return outcome


def estimate(
    images: Sequence[RasterImage],
    reference: RasterImage,
    request: Request,
    progress: Progress = SILENT,
) -> list[Normalized]:
    """Sample every image once and return the line from each to the reference.

    Images without used pixels stay as they are, with a warning.
    """
    first, *parts = progress.split(1 + len(images))
    aim = _sampled(reference, request, first, masked=False)
    if aim.levels is None:
        raise InvalidOption(f"{file_name(reference)} has no valid pixels to aim at.")
    found = []
    for image, part in zip(images, parts):
        own = _sampled(image, request, part)
        adjustment = unchanged(image.name, image.bands)
        samples: tuple[tuple[Array, Array], ...] = ()
        if own.levels is not None:
            samples = tuple(_pairs(own, aim, band, request) for band in range(image.bands))
            adjustment = _fitted(image, own.levels, aim.levels, samples, request, progress)
        adjustment = with_statistics(adjustment, own.look)
        valid = own.look.own.valid
        found.append(Normalized(adjustment, valid, own.levels, aim.levels, samples))
    _warn_of_other_ground(found, progress)
    return found


def _warn_of_other_ground(found: Sequence[Normalized], progress: Progress) -> None:
    """Say which images are no nearer to the reference than before."""
    names = []
    for one in found:
        before, after = (one.difference(after=late) for late in (False, True))
        if before is not None and after is not None and after > max(LITTLE, NO_GAIN * before):
            names.append(one.adjustment.name)
    if names:
        progress.warn(
            f"The levels of {listed(names)} are hardly nearer to the reference than before: its "
            "brightness classes mean other ground. Use global regression where images overlap, or "
            "histogram matching."
        )


def _sampled(
    image: RasterImage, request: Request, progress: Progress, *, masked: bool = True
) -> Sampled:
    look = look_at(image, request, request.threads, progress, masked=masked)
    (own,) = levels(look, SHARES)
    histograms = look.sides[0][1] if look.sides else ()
    return Sampled(look.forgotten(), own, tuple(_near(one, request) for one in histograms))


def _near(histogram: Histogram, request: Request) -> Drawing:
    limits = class_limits(histogram, request.classes)
    return dict(class_samples(histogram, limits, request.samples))


def _pairs(own: Sampled, aim: Sampled, band: int, request: Request) -> tuple[Array, Array]:
    """Samples of image and reference in sorted order; a class that one has not is left out."""
    x: list[Array] = []
    y: list[Array] = []
    wanted = max(1, round(request.fraction * request.samples))
    for place in sorted(own.bands[band].keys() & aim.bands[band].keys()):
        sides = own.bands[band][place], aim.bands[band][place]
        number = min(wanted, *(int(counts.sum()) for _, counts in sides))
        seed = (request.seed, band, *place)
        for found, (values, counts) in zip((x, y), sides):
            found.append(drawn(values, counts, number, seed))
    return np.concatenate(x), np.concatenate(y)


def _fitted(
    image: RasterImage,
    own: Levels,
    aim: Levels,
    samples: Sequence[tuple[Array, Array]],
    request: Request,
    progress: Progress,
) -> ImageAdjustment:
    """The lines through the samples; mean and spread decide where a line makes no sense."""
    plain = matched(image.name, own, aim, Matching("mean_std"))
    gains, offsets, failed = [], [], []
    for band, (x, y) in enumerate(samples):
        gain, offset = straight_line(x, y, robust=request.robust)
        if not gain > 0:
            failed.append(f"band {band + 1}")
            gain, offset = plain.gains[band], plain.offsets[band]
        largest = float(np.abs(own.knots[band]).max())
        same = abs(gain - 1) < SAME and abs(offset) <= SAME * largest
        gains.append(1.0 if same else gain)
        offsets.append(0.0 if same else offset)
    if failed:
        progress.warn(
            f"{file_name(image)}: no rising line fits the samples in {listed(failed)}; mean and "
            "spread are matched there instead."
        )
    return ImageAdjustment(image.name, tuple(gains), tuple(offsets))


def _report(
    outcome: Result, found: Sequence[Normalized], bands: Sequence[str], warnings: Sequence[str]
) -> Report:
    return Report(
        title="Location-independent normalization (LIRRN)",
        verdict=level_verdict(outcome.difference_before, outcome.difference_after),
        numbers=numbers_of(outcome),
        figures=_figures(found, bands) if outcome.report else (),
        tables=(level_table([one.row for one in found]),),
        skipped=skipped_images(found),
        reading=READING,
        warnings=tuple(warnings),
    )


def _figures(found: Sequence[Normalized], bands: Sequence[str]) -> tuple[Figure, ...]:
    """Samples with their lines, and levels before and after."""
    drawn_samples = {
        one.adjustment.name: (
            [_few(x) for x, _ in one.samples],
            [_few(y) for _, y in one.samples],
            np.column_stack([one.adjustment.gains, one.adjustment.offsets]),
        )
        for one in found
        if one.samples
    }
    return sample_figure(drawn_samples, bands), distributions(found, bands)


def _few(values: Array) -> Array:
    """Some of the samples of a band, for drawing."""
    return values[:: max(1, len(values) // DRAWN)]
