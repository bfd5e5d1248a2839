# SPDX-License-Identifier: GPL-2.0-or-later
"""The only list of algorithms, in the order of the Toolbox."""

from __future__ import annotations

from .accuracy import Accuracy
from .alignrasters import AlignRasters
from .applyadjustments import ApplyAdjustments
from .applytransform import ApplyTransform
from .bandmath import BandMath
from .base import OperationAlgorithm
from .beforeafter import BeforeAfter
from .buildoverviews import BuildOverviews
from .checkinstallation import CheckInstallation
from .classify import Classify
from .cloudmask import CloudMask
from .coregister import Coregister
from .coregisterset import CoregisterSet
from .differencemap import DifferenceMap
from .extractsamples import ExtractSamples
from .footprints import Footprints
from .fuseclassifications import FuseClassifications
from .gapfill import GapFill
from .globalregression import GlobalRegression
from .histogrammatch import HistogramMatch
from .landcover import LandCover
from .leastcostseamlines import LeastCostSeamlines
from .lirrn import Lirrn
from .localblockadjustment import LocalBlockAdjustment
from .maskrasters import MaskRasters
from .mergerasters import MergeRasters
from .mergevectors import MergeVectors
from .mosaicclassification import MosaicClassification
from .mosaicpipeline import MosaicPipeline
from .ndvi import Ndvi
from .objectstatistics import ObjectStatistics
from .pixelvalidity import PixelValidity
from .pseudoinvariantfeatures import PseudoInvariantFeatures
from .rankedseamlines import RankedSeamlines
from .rastertopolygons import RasterToPolygons
from .regularizeclasses import RegularizeClasses
from .sampledata import SampleData
from .shiftanalysis import ShiftAnalysis
from .shiftfield import ShiftField
from .shiftseries import ShiftSeries
from .spectralfeatures import SpectralFeatures
from .spectralprofiles import SpectralProfiles
from .splitreference import SplitReference
from .stacktimeseries import StackTimeSeries
from .thresholdraster import ThresholdRaster
from .tilepriority import TilePriority
from .trainclassifier import TrainClassifier
from .trimedges import TrimEdges
from .vectorizeclasses import VectorizeClasses
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
    MaskRasters,
    BandMath,
    ThresholdRaster,
    Ndvi,
    RasterToPolygons,
    CloudMask,
    TrimEdges,
    Footprints,
    VoronoiSeamlines,
    LeastCostSeamlines,
    RankedSeamlines,
    MergeVectors,
    MergeRasters,
    BuildOverviews,
    StackTimeSeries,
    PixelValidity,
    GapFill,
    SpectralFeatures,
    TilePriority,
    SplitReference,
    ExtractSamples,
    TrainClassifier,
    Classify,
    FuseClassifications,
    MosaicClassification,
    Accuracy,
    RegularizeClasses,
    VectorizeClasses,
    ObjectStatistics,
    LandCover,
    MosaicPipeline,
    CheckInstallation,
    SampleData,
)
