# SPDX-License-Identifier: GPL-2.0-or-later
"""The only list of algorithms, in the order of the Toolbox."""

from __future__ import annotations

from .base import OperationAlgorithm
from .checkinstallation import CheckInstallation
from .footprints import Footprints
from .globalregression import GlobalRegression
from .mergerasters import MergeRasters
from .mosaicpipeline import MosaicPipeline
from .sampledata import SampleData
from .voronoiseamlines import VoronoiSeamlines

ALGORITHMS: tuple[type[OperationAlgorithm], ...] = (
    GlobalRegression,
    Footprints,
    VoronoiSeamlines,
    MergeRasters,
    MosaicPipeline,
    CheckInstallation,
    SampleData,
)
