# SPDX-License-Identifier: GPL-2.0-or-later
"""Fill the gaps of a time series, date by date, onto regular dates."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidOption
from ..exchange.text import read_lines
from ..image import Image
from ..landcover.dates import day, listed_days, parsed_day, regular, text_of
from ..landcover.gapfilling import GapFilled, Gaps, refuse_long
from ..landcover.interpolation import Filling
from ..landcover.series import layout
from ..placement import refuse_other_crs, revisited
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import bytes_read, refuse_overwriting
from ..requests.gapfill import Interpolating
from ..requests.gapfill import Request as Request
from ..requests.gapfill import Result as Result
from ..write import Beside, write
from .series.parts import dates_beside, open_masks, open_series, typed, write_dates

MOST_BANDS = 65535
"""Bands that a GeoTIFF holds."""


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Fill the gaps of the series and write it."""
    started = bytes_read()
    series = open_series(request.image)
    masks = open_masks(request.masks) if request.masks else None
    inputs = [image.path for image in (series, masks) if image]
    if masks:
        refuse_other_crs((series, masks))
    output = refuse_overwriting(request.output, inputs)
    gaps_path = refuse_overwriting(request.output_gaps, inputs) if request.output_gaps else None
    listing = dates_beside(output, "interpolation_dates", request.target_dates)
    # what is read for two files is decoded once
    if gaps_path:
        filled = apply(revisited(series), request, revisited(masks) if masks else None)
    else:
        filled = apply(series, request, masks)
    gaps = Gaps(filled.source, filled.masks, filled.filling)
    beside = [Beside(gaps, gaps_path, request)] if gaps_path else []
    progress.phase("Filling the gaps")
    view = typed(filled, request.output_type)
    written = write(view, output, request, progress, beside=beside)
    empty = filled.grid.window.pixels - written.valid_pixels
    dates = filled.filling.dates
    _remark(empty, filled, output, progress)
    return Result(
        output,
        output_gaps=gaps_path,
        output_dates=write_dates(listing, dates),
        date_count=len(dates),
        empty_pixels=empty,
        read_bytes=bytes_read() - started,
    )


def apply(series: Image, request: Interpolating, masks: Image | None = None) -> GapFilled:
    """Return the series without gaps as a view.

    Raises InvalidOption for dates that are none, IncompatibleImages when the masks do not fit.
    """
    dates = output_dates(layout(series).dates, request)
    refuse_long([*map(day, layout(series).dates), *map(day, dates)])
    filling = Filling(
        dates, request.method, request.harmonics, request.extrapolate, request.max_gap
    )
    filled = GapFilled(series, masks, filling)
    if filled.bands > MOST_BANDS:
        raise InvalidOption(
            f"{len(dates)} output dates make {filled.bands} bands; a GeoTIFF holds {MOST_BANDS}. "
            "Raise STEP, or bring START and END closer."
        )
    return filled


def output_dates(acquired: Sequence[str], request: Interpolating) -> tuple[str, ...]:
    """Return the dates that are wanted of a series that has these.

    Raises InvalidOption for dates that are none and for an end before the start.
    """
    if request.target_dates:
        return listed_days(read_lines(request.target_dates), "Output dates")
    days = [day(text) for text in acquired]
    first = parsed_day(request.start, "Start") if request.start else min(days)
    last = parsed_day(request.end, "End") if request.end else max(days)
    if first > last:
        raise InvalidOption(f"Start {text_of(first)} lies behind end {text_of(last)}.")
    if request.step:
        return regular(first, last, request.step)
    inside = sorted({number for number in days if first <= number <= last})
    if not inside:
        raise InvalidOption(
            f"None of the dates lies between {text_of(first)} and {text_of(last)}; the series "
            f"runs from {text_of(min(days))} to {text_of(max(days))}."
        )
    return tuple(text_of(number) for number in inside)


def _remark(empty: int, filled: GapFilled, output: str, progress: Progress) -> None:
    pixels = filled.grid.window.pixels
    if empty == pixels:
        progress.warn("No pixel has a clear date: the result is empty.")
    elif empty:
        progress.info(f"{empty} of {pixels} pixels have no value on any output date.")
    dates = filled.filling.dates
    progress.info(
        f"{len(dates)} dates from {dates[0]} to {dates[-1]} were filled. The series is {output}."
    )
