# SPDX-License-Identifier: GPL-2.0-or-later
"""Spectral features, in the Toolbox."""

from __future__ import annotations

from ..core.requests import spectralfeatures
from .base import OperationAlgorithm


class SpectralFeatures(OperationAlgorithm):
    """Computes spectral indices and band maths for every date of a series, in a fixed order that
    training and classification share.

    <b>Indices.</b> ndvi; ndwi in the sign iota2 uses; ndwigao; ndwimcfeeters; evi; savi; nbr;
    brightness. They are stored as whole numbers, 1000 for 1. A denominator of 0 gives 0; a band
    without data on a date gives nodata.

    <b>Order.</b> All bands date by date, then each index over its dates, the expressions, and
    bands without date. Names are <i>sensor_index_YYYYMMDD</i>.

    <b>Functions of your own run code.</b> With a Python file and names of functions (advanced),
    the file is executed with all your rights; give only files that you trust. Nothing is executed
    otherwise: expressions are read by a parser that knows arithmetic only.
    """

    operation = spectralfeatures
    title = "Spectral features"
    group_id = "landcover"
    keywords = ("ndvi", "ndwi", "evi", "savi", "nbr", "index", "features", "band math", "iota2")
