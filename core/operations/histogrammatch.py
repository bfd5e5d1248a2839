# SPDX-License-Identifier: GPL-2.0-or-later
"""Give images the histogram, mean and spread, or range of a reference image or of their set."""

from __future__ import annotations

from collections.abc import Sequence

from ..alike import file_name
from ..errors import InvalidOption
from ..normalizing.correcting import conclude, destinations, written_images
from ..normalizing.distributions import Look, look_at, look_at_overlap
from ..normalizing.leveling import (
    Leveled,
    curves,
    distributions,
    leveled_views,
    levels,
    numbers,
    outcome_numbers,
    skipped_images,
    warn_of_flat,
    with_statistics,
)
from ..normalizing.selecting import mask_files
from ..placement import refuse_other_crs
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..radiometry import comparable
from ..radiometry.adjustments import unchanged
from ..radiometry.matched import Levels, Matching, average, matched, shares_of
from ..raster import RasterImage, open_image, open_listed
from ..report.html import Figure, Report, numbers_of
from ..report.levels import READING, curve_figure, level_table, level_verdict
from ..requests.histogrammatch import Request as Request
from ..requests.histogrammatch import Result as Result

NEEDS = (("all methods", ()), ("report figures", ("matplotlib",)))


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Look at the levels of all images, match them and write the corrected images."""
    heard = Recorder(progress)
    images, skipped = open_listed(request, heard)
    reference = open_image(request.reference, request.nodata) if request.reference else None
    check(images, reference, request)
    paths = destinations(images, request, (request.reference, *mask_files(images, request)))
    progress.phase("Looking at the levels")
    leveled = estimate(images, reference, request, heard.part(0.0, 0.4))
    views = leveled_views(images, leveled, request.output_type)
    written = written_images(views, paths, request, progress.part(0.42, 0.98))
    outcome = Result(**outcome_numbers("histogrammatch", request, written, leveled, skipped))
    report = _report(outcome, leveled, images[0].band_names, heard.warnings)
    conclude("histogrammatch", request, report, outcome, {"images": numbers(leveled)}, progress)
    return outcome


def check(images: Sequence[RasterImage], reference: RasterImage | None, request: Request) -> None:
    """Raise IncompatibleImages or InvalidOption when levels cannot be compared."""
    comparable.refuse_uncorrectable(images)
    comparable.refuse_type(images, request.output_type)
    if reference is not None:
        comparable.refuse_other_reference(images[0], reference)
        if request.pixels == "overlap":
            comparable.refuse_unplaced([*images, reference])
            refuse_other_crs([*images, reference])


def estimate(
    images: Sequence[RasterImage],
    reference: RasterImage | None,
    request: Request,
    progress: Progress = SILENT,
) -> list[Leveled]:
    """Look at every image once, and return what brings each to the reference or to the set.

    Images without used pixels, or without ground in common with the reference where that is
    asked for, stay as they are, with a warning.
    """
    how = Matching(request.method, request.strength, request.max_slope)
    seen = _seen(images, reference, request, progress)
    # sums of decimal numbers depend on their order, which must not be that of the images
    named = sorted(zip(images, seen), key=lambda item: item[0].name)
    owns = [own for _, (_, own, _) in named if own is not None]
    common = average(owns, by_pixels=request.set_weight == "pixels") if owns else None
    if reference is None and len(owns) == 1:
        progress.warn("Only one image has valid pixels; there is nothing to compare it with.")
    found = []
    for image, (look, own, aim) in zip(images, seen):
        aim = aim if reference is not None else common
        adjustment = unchanged(image.name, image.bands)
        if own is not None and aim is not None:
            adjustment = matched(image.name, own, aim, how)
            warn_of_flat(image, own, aim, progress)
        elif look.own.used:
            progress.warn(f"{image.name} shares no pixel with the reference; kept unchanged.")
        found.append(Leveled(with_statistics(adjustment, look), look.own.valid, own, aim))
    return found


def _seen(
    images: Sequence[RasterImage],
    reference: RasterImage | None,
    request: Request,
    progress: Progress,
) -> list[tuple[Look, Levels | None, Levels | None]]:
    """What was seen of each image: its levels, and those of the reference it is compared with."""
    shares, overlap = shares_of(request.quantiles, request.trim / 100), request.pixels == "overlap"
    parts = list(progress.split(len(images) + 1))
    aim = None
    if reference is not None and not overlap:
        look = look_at(reference, request, request.threads, parts[-1], masked=False)
        (aim,) = levels(look, shares)
        if aim is None:
            raise InvalidOption(f"{file_name(reference)} has no valid pixels to aim at.")
    found = []
    for image, part in zip(images, parts):
        if reference is not None and overlap:
            look = look_at_overlap(image, reference, request, request.threads, part)
            own, theirs = levels(look, shares)
            found.append((look.forgotten(), own, theirs))
        else:
            look = look_at(image, request, request.threads, part)
            (own,) = levels(look, shares)
            found.append((look.forgotten(), own, aim))
    return found


def _report(
    outcome: Result, leveled: Sequence[Leveled], bands: Sequence[str], warnings: Sequence[str]
) -> Report:
    figures: tuple[Figure, ...] = ()
    if outcome.report:
        figures = (distributions(leveled, bands), curve_figure(curves(leveled), bands))
    return Report(
        title="Histogram matching",
        verdict=level_verdict(outcome.difference_before, outcome.difference_after),
        numbers=numbers_of(outcome),
        figures=figures,
        tables=(level_table([one.row for one in leveled]),),
        skipped=skipped_images(leveled),
        reading=READING,
        warnings=tuple(warnings),
    )
