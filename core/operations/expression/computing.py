# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs with an expression share: percentiles, one written image for each one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...alike import file_name
from ...image import Image, Pixels
from ...masks.edges import Trimmed
from ...masks.evaluated import Evaluated, Target
from ...masks.machine import Expression
from ...normalizing.thresholds import percentiles_of, read_expression
from ...progress import Progress
from ...raster import RasterImage, open_listed, output_paths
from ...raster.palette import Entry, palette_style
from ...requests.shared.expressing import Computing
from ...resuming import reusable
from ...survey import OwnCollector
from ...windows import Window
from ...write import Written, paths_of, together, write

CLAIMS: tuple[Entry, ...] = ((0, "false", "#d9d9d9", 255), (1, "true", "#d95f0e", 255))
"""Value, name, color and opacity of masks."""

INVALID = 255.0
"""Nodata value of masks."""


@dataclass(frozen=True)
class Computed:
    """What was written: paths, pixels with a result and valid ones without, and what was left out.

    `clipped` and `moved` count values limited to the type and moved from its nodata value, `ones`
    the pixels that are 1 in the first band.
    """

    paths: tuple[str, ...]
    used: int
    skipped: int
    valid: int
    undefined: int
    clipped: int
    moved: int
    ones: int


class Ones:
    """Counts the valid pixels that are 1 in the first band (an OwnCollector)."""

    def __init__(self) -> None:
        self.found = 0

    def feed(self, index: int, window: Window, pixels: Pixels) -> int:
        """Return the count of a window."""
        return int(np.count_nonzero((pixels.values[0] == 1) & pixels.valid))

    def merge(self, partial: int) -> None:
        """Add the count of a window."""
        self.found += partial


Aim = Callable[[RasterImage, Expression], Target]
"""What is written for an image and its expression; may refuse them."""


def compute(
    request: Computing, texts: Callable[[RasterImage], str], aim: Aim, progress: Progress
) -> Computed:
    """Write what an expression gives, for each image of a request.

    `texts` gives the expression of an image. Everything that can be refused is refused before
    anything is written.
    """
    images, skipped = open_listed(request, progress)
    paths = output_paths(images, request.output_folder, request.name_pattern)
    read = [read_expression(texts(image), image) for image in images]
    views = [
        Evaluated(image, expression, aim(image, expression))
        for image, expression in zip(images, read)
    ]
    progress.phase("Computing the images")
    written: list[Written] = []
    unfit = [Trimmed(view.source, view.expression.bands) for view in views]
    ones = [Ones() for _ in views]
    parts = progress.split(len(paths))
    with together(written, request):
        for view, path, counts, part in zip(views, paths, zip(unfit, ones), parts):
            written.append(_written(view, path, request, counts, part))
    _tell(images, [one.found for one in unfit], progress)
    warn_of_empty(images, written, unfit, progress)
    computed = Computed(
        paths_of(written),
        len(images),
        skipped,
        sum(one.valid_pixels for one in written),
        sum(one.found for one in unfit),
        sum(one.clipped for one in written),
        sum(one.moved_from_nodata for one in written),
        sum(one.found for one in ones),
    )
    _warn_of_changes(computed, progress)
    return computed


def _written(
    view: Evaluated,
    path: str,
    request: Computing,
    counts: Sequence[OwnCollector],
    progress: Progress,
) -> Written:
    if reusable(path, view, request) is None:
        view = measured(view, request.threads, progress)
    rest = progress.part(0.3, 1.0) if view.expression.percentiles else progress
    written = write(view, path, request, rest, counts)
    if all(view.expression.logical) and view.bands == 1 and written.state != "planned":
        palette_style(path, CLAIMS)
    return written


def warn_of_empty(
    images: Sequence[Image], written: Sequence[Written], lost: Sequence[Trimmed], progress: Progress
) -> None:
    """Warn once of images that have no valid pixel themselves."""
    empty = [
        file_name(image)
        for image, one, gone in zip(images, written, lost)
        if one.state == "written" and not one.valid_pixels and not gone.found
    ]
    if empty:
        progress.warn(f"Without any valid pixel, so their outputs are empty: {', '.join(empty)}.")


def measured(view: Evaluated, threads: int, progress: Progress) -> Evaluated:
    """Return the view with the percentiles that its expression names, which are read."""
    wanted = view.expression.percentiles
    if not wanted:
        return view
    known = percentiles_of(view.source, wanted, threads, progress.part(0.0, 0.3))
    for (percent, band), value in known.items():
        text = "has no valid pixel" if value is None else f"is {value:.10g}"
        progress.info(f"{file_name(view.source)}: {percent:g}%b{band} {text}.")
    return replace(view, percentiles=known)


def _tell(images: Sequence[RasterImage], undefined: Sequence[int], progress: Progress) -> None:
    """Warn of valid pixels without a result."""
    found = [(image, count) for image, count in zip(images, undefined) if count]
    if found:
        image, count = found[0]
        others = f", and some of {len(found) - 1} more images" if found[1:] else ""
        progress.warn(
            f"{count} valid pixels of {file_name(image)}{others} have no result (a division by 0, "
            "a logarithm or root of what has none, a number beyond the range); they are invalid."
        )


def _warn_of_changes(computed: Computed, progress: Progress) -> None:
    """Warn of results that are not written as they were computed."""
    if computed.clipped:
        progress.warn(f"{computed.clipped} values were limited to the range of the output type.")
    if computed.moved:
        progress.warn(
            f"{computed.moved} values were the nodata value of the output and were moved to the "
            "value beside it."
        )
