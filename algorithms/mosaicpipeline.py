# SPDX-License-Identifier: GPL-2.0-or-later
"""Mosaic pipeline, in the Toolbox."""

from __future__ import annotations

from ..core.requests import mosaicpipeline
from .base import OperationAlgorithm


class MosaicPipeline(OperationAlgorithm):
    """Makes one seamless mosaic of raw overlapping images: matches their radiometry, finds seams
    and blends along them, in one run that reads every pixel at most twice.

    <b>When to use it.</b> For the whole job. The default values work on ordinary images. For
    images of one CRS the result equals that of the single tools, run one after the other.

    <b>What comes out.</b> The mosaic with its style; a work folder with the models of all steps
    (gains and offsets, footprints, seam cells); and a report.

    <b>How to read the report.</b> It begins with a verdict in one sentence. The mean difference
    before and after is that of the overlaps, in percent of their mean: it should have fallen
    clearly. The covered fraction is the valid part of the mosaic's rectangle. Images that could
    not be used are named with the reason.

    Seams need the Python packages SciPy and Shapely; without them choose no seams and another
    overlap rule than multiband.
    """

    operation = mosaicpipeline
    title = "Mosaic pipeline"
    group_id = "workflows"
    keywords = (
        "mosaic",
        "stitch",
        "seamline",
        "cutline",
        "color balance",
        "colour balance",
        "orthophoto",
        "merge",
        "blend",
        "workflow",
    )
