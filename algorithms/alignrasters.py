# SPDX-License-Identifier: GPL-2.0-or-later
"""Align to grid, in the Toolbox."""

from __future__ import annotations

from ..core.requests import alignrasters
from .base import OperationAlgorithm


class AlignRasters(OperationAlgorithm):
    """Gives images one CRS, one pixel size and common pixel edges, so that they can be stacked,
    compared and matched pixel by pixel. Nothing is searched for in the images: where their
    georeferencing is wrong, use "Co-register" afterwards.

    <b>When to use it.</b> Before tools that want images of one CRS, before stacks and time series,
    and to bring images to the grid of another raster.

    <b>What comes out.</b> One image for each input. An image that lies on the pixels already keeps
    its values bit for bit. All others are resampled; next to nodata only valid pixels count, and
    nodata never mixes into values. Where pixels become 1.5 times as large or more, all methods but
    nearest average, so that no pixel is skipped.

    <b>Which pixels.</b> Those of the first image with the pixel size you choose, multiples of the
    pixel size with TAP, or those of a reference. With extents "union" or "intersection" all
    outputs get the same size.
    """

    operation = alignrasters
    title = "Align to grid"
    group_id = "alignment"
    keywords = ("align", "grid", "snap", "resample", "reproject", "warp", "stack", "resolution")
