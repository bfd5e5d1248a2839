# SPDX-License-Identifier: GPL-2.0-or-later
"""Stack a time series, in the Toolbox."""

from __future__ import annotations

from ..core.requests import stacktimeseries
from .base import OperationAlgorithm


class StackTimeSeries(OperationAlgorithm):
    """Puts dated images onto one grid as one raster, whose bands are named
    <i>sensor_band_YYYYMMDD</i>, and their masks as another one.

    <b>When to use it.</b> First, before gaps are filled and indices computed. Give dated images,
    or the folder of one tile with the products of a known sensor: Sentinel-2 (Theia L2A and L3A,
    Sen2Cor), Landsat 5 and 8 (Theia), Sentinel-1 when it is calibrated and corrected for terrain.
    Images without date (sensor <i>userfeatures</i>) are stacked under the names of patterns.

    <b>Masks.</b> The mask series holds 0 (valid), 1 (cloud, shadow, saturated) and 2 (not
    acquired) for each date. Known products bring their masks; for other images give one mask for
    each date and say which of its values are bad.

    <b>What comes out.</b> Beside the series a text file <i>…_input_dates.txt</i> lists the dates.
    16-bit whole numbers where all images fit. An image of another grid is resampled while it is
    read.
    """

    operation = stacktimeseries
    title = "Stack time series"
    group_id = "landcover"
    keywords = ("time series", "stack", "sentinel-2", "landsat", "dates", "theia", "iota2", "masks")
