# SPDX-License-Identifier: GPL-2.0-or-later
"""Shift series, in the Toolbox."""

from __future__ import annotations

from ..core.requests import shiftseries
from .base import OperationAlgorithm


class ShiftSeries(OperationAlgorithm):
    """Runs "Shift analysis" for many images against one reference and puts the numbers side by
    side.

    <b>When to use it.</b> To see how well the dates of a time series fit each other, to find the
    date that is displaced, or to follow the geometry of a sensor.

    <b>What comes out.</b> A result folder for each image, as "Shift analysis" writes it; a table
    with one row for each image; and a report with a plot of the shifts with error bars. An image
    that cannot be measured becomes a row with the reason, and the run goes on. Key points of an
    earlier run are used again when image, reference and options are the same.

    <b>How to read the numbers.</b> Images used are those that could be measured, images skipped
    those that could not. Each row of the table holds the numbers of "Shift analysis"; the date is
    read from the image's name or metadata.
    """

    operation = shiftseries
    title = "Shift series"
    group_id = "alignment"
    keywords = (
        "shift",
        "time series",
        "multitemporal",
        "stability",
        "displacement",
        "registration",
        "geometric accuracy",
        "batch",
        "KARIOS",
    )
