# SPDX-License-Identifier: GPL-2.0-or-later
"""The only list of algorithms, in the order of the Toolbox."""

from __future__ import annotations

from .alignrasters import AlignRasters
from .applyadjustments import ApplyAdjustments
from .applytransform import ApplyTransform
from .base import OperationAlgorithm
from .beforeafter import BeforeAfter
from .checkinstallation import CheckInstallation
from .coregister import Coregister
from .coregisterset import CoregisterSet
from .differencemap import DifferenceMap
from .footprints import Footprints
from .globalregression import GlobalRegression
from .histogrammatch import HistogramMatch
from .lirrn import Lirrn
from .localblockadjustment import LocalBlockAdjustment
from .mergerasters import MergeRasters
from .mosaicpipeline import MosaicPipeline
from .pseudoinvariantfeatures import PseudoInvariantFeatures
from .sampledata import SampleData
from .shiftanalysis import ShiftAnalysis
from .shiftfield import ShiftField
from .shiftseries import ShiftSeries
from .spectralprofiles import SpectralProfiles
from .trimedges import TrimEdges
from .voronoiseamlines import VoronoiSeamlines

ALGORITHMS: tuple[type[OperationAlgorithm], ...] = (
    ShiftAnalysis,
    ShiftSeries,
    ShiftField,
    Coregister,
    CoregisterSet,
    ApplyTransform,
    AlignRasters,
    GlobalRegression,
    LocalBlockAdjustment,
    HistogramMatch,
    Lirrn,
    PseudoInvariantFeatures,
    ApplyAdjustments,
    SpectralProfiles,
    DifferenceMap,
    BeforeAfter,
    TrimEdges,
    Footprints,
    VoronoiSeamlines,
    MergeRasters,
    MosaicPipeline,
    CheckInstallation,
    SampleData,
)
