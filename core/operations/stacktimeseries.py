# SPDX-License-Identifier: GPL-2.0-or-later
"""Stack dated images onto one grid as a time series, with their masks."""

from __future__ import annotations

import os
from dataclasses import replace

from ..image import Image
from ..landcover.coupling import Coupled, Uncoupled, masks_of
from ..landcover.sensors import Rule
from ..landcover.spooling import spooled
from ..landcover.stacking import Stacked
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import bytes_read, refuse_overwriting
from ..requests.stacktimeseries import Request as Request
from ..requests.stacktimeseries import Result as Result
from ..write import Beside, write
from .series.acquisitions import Choice, Listed, Place, Stack, listed, stack
from .series.parts import dates_beside, typed, write_dates


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Stack the images of the request and write them."""
    started = bytes_read()
    found = listed(request.images, request.masks, choice_of(request), progress)
    output = refuse_overwriting(request.output, found.files)
    masks = refuse_overwriting(request.output_masks, found.files) if request.output_masks else None
    listing = dates_beside(output, "input_dates", request.dates)
    stacked = apply(found, request, progress)
    progress.phase("Writing the series")
    series, beside = _together(stacked, os.path.dirname(output), masks, request)
    # what the masks are made of comes with whole windows of the series
    plain = replace(request, window_size=0) if beside else request
    written = write(typed(series, request.output_type), output, plain, progress, beside=beside)
    dates = stacked.dates
    if not written.valid_pixels:
        progress.warn("No pixel of the stack is valid on any date: the result is empty.")
    progress.info(
        f"{len(dates) or 'No'} dates of {series.bands} bands in all were stacked. The series is "
        f"{os.path.basename(output)}."
    )
    return Result(
        output,
        output_masks=masks if stacked.masks else None,
        output_dates=write_dates(listing, dates),
        date_count=len(dates),
        read_bytes=bytes_read() - started,
    )


def _together(
    stacked: Stack, folder: str, masks: str | None, request: Request
) -> tuple[Image, list[Beside]]:
    """Return the series, and its masks if they are written too: both come of one reading."""
    series = stacked.series
    if not isinstance(series, Stacked):
        return series, []
    if not (masks and stacked.masks):
        return spooled(typed(series, request.output_type), len(series.titles), folder), []
    both = Coupled(series)
    view = Uncoupled(spooled(both, both.group, folder), series)
    return view, [Beside(stacked.masks, masks, request, masks_of)]


def apply(found: Listed, request: Request, progress: Progress = SILENT) -> Stack:
    """Return files that were listed as views: the series and its masks."""
    return stack(found, place_of(request), request.band_names, progress)


def choice_of(request: Request) -> Choice:
    """Return which files are stacked, and how they are read."""
    return Choice(
        sensor=request.sensor,
        pattern=request.date_pattern,
        dates=request.dates,
        rule=Rule(request.mask_rule, tuple(map(int, request.mask_values))),
        nodata=request.nodata,
        same_day=request.same_day,
    )


def place_of(request: Request) -> Place:
    """Return the grid onto which they are stacked."""
    return Place(
        request.reference, request.resolution, request.crs, request.extent, request.resampling
    )
