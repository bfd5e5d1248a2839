# SPDX-License-Identifier: GPL-2.0-or-later
"""Make sample data, in the Toolbox."""

from __future__ import annotations

from ..core.requests import sampledata
from .base import OperationAlgorithm


class SampleData(OperationAlgorithm):
    """Makes small images with known displacements, gains and offsets, for trying the tools
    and for the examples of the user guide. Nothing is downloaded.

    <b>pair</b> gives a reference and a moving image of the same ground. <b>mosaic</b> gives four
    overlapping images of different brightness: one footprint is rotated, one image has a cloud.

    <b>What comes out.</b> GeoTIFFs in the output folder and <i>truth.json</i>, which holds every
    shift, gain, offset and cloud, so that results can be compared with it. The same seed gives
    the same bytes.
    """

    operation = sampledata
    title = "Make sample data"
    group_id = "setup"
    keywords = (
        "sample",
        "example",
        "demo",
        "tutorial",
        "test data",
        "synthetic",
    )
