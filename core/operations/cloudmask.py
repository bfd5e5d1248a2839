# SPDX-License-Identifier: GPL-2.0-or-later
"""Find clouds, haze and cloud shadows in images and write them as classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..alike import file_name
from ..masks.cloudview import COLORS, NAMES, ClassCounts, CloudView
from ..normalizing.cloudfinding import bands_of, clouds_of, factor_of
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_listed, output_paths
from ..raster.palette import palette_style
from ..requests.cloudmask import Request as Request
from ..requests.cloudmask import Result as Result
from ..resuming import reusable
from ..write import Written, paths_of, together, write

NEEDS = ()

ENTRIES = tuple(
    (value, name, "#{:02x}{:02x}{:02x}".format(*COLORS[value][:3]), 255 if value else 60)
    for value, name in NAMES.items()
)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Look for clouds in every image at a coarse scale and write their classes on its pixels."""
    images, skipped = open_listed(request, progress)
    paths = output_paths(images, request.output_folder, request.name_pattern)
    for image in images:
        bands_of(image, request)
    progress.phase("Looking for clouds")
    counted: list[ClassCounts] = []
    written: list[Written] = []
    with together(written, request):
        for image, path, part in zip(images, paths, progress.split(len(paths))):
            counts = ClassCounts()
            view = masked(image, path, request, part.part(0.0, 0.7))
            written.append(write(view, path, request, part.part(0.7, 1.0), (counts,)))
            if written[-1].state != "planned":
                palette_style(path, ENTRIES)
                counted.append(counts)
                _tell(image, counts, progress)
    return Result(
        paths_of(written), len(images), skipped, _shares(counted, 1, 2), _shares(counted, 3)
    )


def masked(image: RasterImage, path: str, request: Request, progress: Progress) -> CloudView:
    """Return the classes of an image as a view; not looked for when they need not be written."""
    factor, bands = factor_of(image, request), tuple(bands_of(image, request).values())
    view = CloudView(image, np.empty((0, 0), np.uint8), factor, bands)
    if reusable(path, view, request) is not None:
        return view
    return CloudView(image, clouds_of(image, request, request.threads, progress), factor, bands)


def _shares(counted: Sequence[ClassCounts], *classes: int) -> tuple[float, ...]:
    return tuple(counts.fraction(*classes) or 0.0 for counts in counted)


def _tell(image: RasterImage, counts: ClassCounts, progress: Progress) -> None:
    shares = [100 * (counts.fraction(value) or 0.0) for value in (1, 2, 3)]
    if not counts.counts[: len(NAMES)].any():
        progress.warn(f"{file_name(image)} has no valid pixel; its mask is empty.")
        return
    progress.info(
        f"{file_name(image)}: thick clouds {shares[0]:.2f} %, thin ones {shares[1]:.2f} %, shadows "
        f"{shares[2]:.2f} %."
    )
