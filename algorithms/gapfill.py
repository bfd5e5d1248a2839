# SPDX-License-Identifier: GPL-2.0-or-later
"""Fill gaps, in the Toolbox."""

from __future__ import annotations

from ..core.requests import gapfill
from .base import OperationAlgorithm


class GapFill(OperationAlgorithm):
    """Makes a regular, cloud-free series: every pixel is interpolated in time between its clear
    dates.

    <b>When to use it.</b> After "Stack time series", before indices and classification, which
    need the same dates everywhere.

    <b>Methods.</b> <i>linear</i> draws a line between the clear dates before and after;
    <i>nearest</i> takes the closer one; <i>harmonic</i> fits a yearly curve through all clear
    dates. Time is counted in calendar days. Before the first and after the last clear date of a
    pixel its nearest value is kept, or nothing.

    <b>What comes out.</b> A series with the output dates in its band names, in the type of the
    input, and the text file <i>…_interpolation_dates.txt</i>. Pixels that are never clear are
    nodata on every date. On request, how many days lie between the two dates used.
    """

    operation = gapfill
    title = "Fill gaps in time"
    group_id = "landcover"
    keywords = ("gap filling", "interpolation", "time series", "clouds", "harmonic", "iota2")
