# SPDX-License-Identifier: GPL-2.0-or-later
"""Show images before and after a correction in two rows, with one stretch for all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..alike import file_name, refuse_other_bands
from ..errors import InvalidOption
from ..image import Array, Image, Mask
from ..normalizing.figuring import (
    matching_order,
    opened,
    refuse_inputs,
    small_picture,
    write_drawing,
    write_drawn_report,
)
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..raster.style import shown_bands
from ..report.html import Report, Table, Verdict, numbers_of
from ..report.maps import Look, Shown, before_after_figure
from ..requests.beforeafter import Request as Request
from ..requests.beforeafter import Result as Result

NEEDS = (("pictures", ()), ("figures", ("matplotlib",)))

IN_A_ROW = 8
"""Images beside each other before a new pair of rows begins."""

LONGEST = 1600
"""Pixels of a picture along its longer axis."""

Stretch = tuple[tuple[float, float], ...]


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Make small pictures of all images, stretch them alike and draw them."""
    heard = Recorder(progress)
    sides = [opened(entries, request.nodata) for entries in (request.before, request.after)]
    order = matching_order(*sides)
    rows = [list(sides[0]), [sides[1][at] for at in order]]
    images = [*rows[0], *rows[1]]
    for image in images:
        refuse_other_bands(images[0], image)
    refuse_inputs(request, images)
    names = _names(rows[0], request)
    bands = [_bands(image, request) for image in images]
    columns = request.columns or _columns(len(names))
    side = min(LONGEST, math.ceil(request.width * request.dpi / min(columns, len(names))))
    progress.phase("Reading the images")
    found = [
        small_picture(image, side, bands=chosen, threads=request.threads, progress=part)
        for image, chosen, part in zip(images, bands, heard.part(0.0, 0.9).split(len(images)))
    ]
    stretches = _stretches(found, request)
    half = len(names)
    shown = [
        Shown(
            (Look(name, *found[at]), Look(name, *found[half + at])),
            (stretches[at], stretches[half + at]),
        )
        for at, name in enumerate(names)
    ]
    labels, size = (request.before_label, request.after_label), (request.width, request.height)
    path, figure = write_drawing(
        lambda: before_after_figure(shown, labels, columns, size),
        request,
        "Before and after",
        _caption(request),
        heard,
    )
    outcome = Result(path, None, half)
    report = Report(
        title="Before and after",
        verdict=Verdict("good", f"{half} images are shown before and after."),
        numbers=numbers_of(outcome),
        figures=(figure,),
        tables=(_table([image.name for image in images], bands, stretches),),
        warnings=tuple(heard.warnings),
    )
    progress.advance(1.0)
    return replace(outcome, report=write_drawn_report("beforeafter", request, report))


def _names(images: Sequence[Image], request: Request) -> list[str]:
    if request.names and len(request.names) != len(images):
        raise InvalidOption(f"NAMES has {len(request.names)} entries for {len(images)} images.")
    return list(request.names) or [image.name for image in images]


def _bands(image: Image, request: Request) -> tuple[int, ...]:
    """The bands of an image that are shown: one, or red, green and blue."""
    chosen = tuple(int(band) for band in request.bands)
    if not chosen:
        named = shown_bands(image.band_names, image.bands, image.details.colors)
        chosen = named if image.bands >= 3 else (1,)
    if max(chosen) > image.bands:
        raise InvalidOption(
            f"Bands: {max(chosen)} was asked for, and {file_name(image)} has {image.bands} bands."
        )
    return chosen


def _columns(count: int) -> int:
    blocks = math.ceil(count / IN_A_ROW)
    return math.ceil(count / blocks)


def _stretches(found: Sequence[tuple[Array, Mask]], request: Request) -> list[Stretch]:
    """The values shown black and white of each image, the same for those that are compared."""
    half = len(found) // 2
    groups: list[Sequence[int]] = [range(2 * half)]
    if request.stretch == "row":
        groups = [range(half), range(half, 2 * half)]
    if request.stretch == "image":
        groups = [[at] for at in range(2 * half)]
    made: dict[int, Stretch] = {}
    for group in groups:
        pooled = _ends([found[at] for at in group], request)
        made.update(dict.fromkeys(group, pooled))
    return [made[at] for at in range(2 * half)]


def _ends(found: Sequence[tuple[Array, Mask]], request: Request) -> Stretch:
    seen = np.concatenate([values[:, valid] for values, valid in found], axis=1)
    seen = seen[:, np.isfinite(seen).all(0)]
    if not seen.size:
        return ((0.0, 1.0),) * len(seen)
    low, high = np.percentile(seen, (request.lower, request.upper), axis=1)
    return tuple(zip(low.tolist(), high.tolist()))


def _caption(request: Request) -> str:
    alike = {"both": "All images", "row": "The images of a row", "image": "Each image by itself"}
    return (
        f"{alike[request.stretch]} from {request.lower:g} to {request.upper:g} % of the values. "
        "Light gray: not valid."
    )


def _table(
    names: Sequence[str], bands: Sequence[tuple[int, ...]], stretches: Sequence[Stretch]
) -> Table:
    rows = [
        (name, band, low, high)
        for name, chosen, ends in zip(names, bands, stretches)
        for band, (low, high) in zip(chosen, ends)
    ]
    return Table("Stretch of each image", ("Image", "Band", "Black", "White"), tuple(rows))
