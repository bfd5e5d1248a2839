# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of the joint correction of a set of images."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InvalidOption
from ...matching.network import KINDS, LOSSES
from ...options import Kind, option, redefault
from .. import RESAMPLINGS, Images, ManyOutputs, Writing
from .matching import Matching, PairMatching
from .moving import MovedWriting

SURFACES = ("smooth", "bilinear", "piecewise_affine")
"""Cubic B-splines, bilinear cells, and cells cut into two planes along a diagonal."""


@dataclass(frozen=True)
class SetMatching(Images):
    """How the pairs of a set are matched."""

    band: int = option(
        Kind.BAND,
        "Band",
        0,
        minimum=0,
        parent="images",
        help="The band of all images that is matched; all bands are moved. 0: the mean of the "
        "first three.",
    )
    metric: str = redefault(
        Matching,
        "metric",
        "auto",
        help="ncc, and auto for a set: windows by correlation. mutual_information: the windows of "
        "each pair are then moved together as mutual information says, for other bands and sensors",
    )
    edge_proxy: bool = redefault(Matching, "edge_proxy", True)
    min_valid_fraction: float = redefault(Matching, "min_valid_fraction", 0.01)
    window_size_match: int = redefault(
        Matching,
        "window_size_match",
        0,
        help="Side of the windows that are matched, 16 or more; 0: 64, where few of them agree 32, "
        "and 128 in overlaps of more than 4 megapixels.",
    )
    grid_spacing: int = redefault(Matching, "grid_spacing", 0)
    min_reliability: float = redefault(Matching, "min_reliability", 30.0)
    max_shift: float = redefault(
        PairMatching,
        "max_shift",
        0.0,
        help="Tie points farther apart are dropped. 0: 40 px or 4 % of the longer side of the "
        "overlap, at most a third of its shorter side.",
    )
    ransac_threshold: float = option(
        Kind.NUMBER,
        "Tolerance of agreement",
        0.0,
        unit="map units",
        minimum=0,
        advanced=True,
        help="Windows of a pair that lie farther from what the others say are dropped; 0: three "
        "times the larger pixel of the pair.",
    )
    min_overlap_fraction: float = option(
        Kind.NUMBER,
        "Smallest overlap",
        0.01,
        minimum=0,
        maximum=1,
        advanced=True,
        help="Share of the smaller image's valid pixels that the other must cover as well; pairs "
        "below it are not matched.",
    )
    load_tie_points: str | None = option(
        Kind.FILE,
        "Known tie points",
        None,
        advanced=True,
        help="Tie points saved before (JSON): pairs in it are not matched again.",
    )
    save_tie_points: str | None = option(
        Kind.JSON_OUT,
        "Save tie points",
        None,
        advanced=True,
        help="Tie points of all pairs, for a later run with other options or more images.",
    )


@dataclass(frozen=True)
class SetAdjusting:
    """How the network is adjusted."""

    fixed_images: tuple[str, ...] = option(
        Kind.RASTERS,
        "Fixed images",
        (),
        help="Images that do not move and hold the others; they may be among the images or not. "
        "Without them the mean correction of connected images is nothing.",
    )
    global_model: str = option(
        Kind.CHOICE,
        "Model",
        "translation",
        choices=("none", *KINDS),
        help="What may happen to each image. none: only what LOCAL_MODEL says. translation: a "
        "shift. rigid: also a rotation. similarity: also a scale. affine: also shear",
    )
    local_model: str = option(
        Kind.CHOICE,
        "Local model",
        "none",
        choices=("none", *SURFACES),
        help="What is left in the overlaps after that. none: stays. smooth: a smooth field bends "
        "each image, for relief, parallax and lens distortion; it fades where no tie point is. "
        "bilinear: cells between nodes. piecewise_affine: two triangles in each cell",
    )
    global_weights: tuple[str, ...] = option(
        Kind.PAIRS,
        "Resistance to moving",
        (),
        columns=("Image", "Weight"),
        advanced=True,
        help="Pairs name;weight: of two images with weights 1 and 3 the first moves three times as "
        "far. Images that are not listed have 1; inf: fixed.",
    )
    global_strength: float = option(
        Kind.NUMBER,
        "Strength",
        1.0,
        advanced=True,
        minimum=0,
        maximum=1,
        help="Multiplies the corrections that were found.",
    )
    local_weights: tuple[str, ...] = option(
        Kind.PAIRS,
        "Resistance to bending",
        (),
        columns=("Image", "Weight"),
        advanced=True,
        help="As the resistance to moving, for the local model, away from tie points.",
    )
    local_strength: float = option(
        Kind.NUMBER,
        "Strength of the local model",
        1.0,
        advanced=True,
        minimum=0,
        maximum=1,
        help="Multiplies the fields that were found.",
    )
    local_spacing: float = option(
        Kind.NUMBER,
        "Node spacing of the local model",
        0.0,
        unit="map units",
        minimum=0,
        advanced=True,
        help="0: a sixteenth of the shorter side of the images.",
    )
    local_smoothness: float = option(
        Kind.NUMBER,
        "Smoothness of the local model",
        1.0,
        advanced=True,
        minimum=0,
        help="How much neighboring nodes resist being different.",
    )
    local_bending: float = option(
        Kind.NUMBER,
        "Stiffness of the local model",
        1.0,
        advanced=True,
        minimum=0,
        help="How much the field resists bending.",
    )
    local_falloff: float = option(
        Kind.NUMBER,
        "Reach of tie points",
        0.0,
        unit="map units",
        minimum=0,
        advanced=True,
        help="Distance from tie points in which the field comes back to nothing; 0: the node "
        "spacing.",
    )
    robust_loss: str = option(
        Kind.CHOICE,
        "Loss",
        "huber",
        choices=tuple(LOSSES),
        advanced=True,
        help="How little tie points count that disagree with the others: none: as much as all. "
        "huber, soft_l1, cauchy: less and less",
    )
    robust_scale: float = option(
        Kind.NUMBER,
        "Scale of the loss",
        0.0,
        unit="map units",
        minimum=0,
        advanced=True,
        help="Residual from which tie points count less; 0: the median deviation of the pairs.",
    )
    pair_weighting: str = option(
        Kind.CHOICE,
        "Weight of pairs",
        "equal",
        choices=("equal", "points"),
        advanced=True,
        help="equal: all pairs count alike. points: every tie point does",
    )
    geolocation_sigma: float = option(
        Kind.NUMBER,
        "Deviation of the georeferencing",
        0.0,
        unit="map units",
        minimum=0,
        advanced=True,
        help="How far the corners of an image may lie off; holds weakly what tie points leave "
        "open. 0: 20 pixels of the image.",
    )
    refused: str = redefault(
        Matching,
        "refused",
        "fail",
        help="fail: stop with the reason. unchanged: write the images of refused groups "
        "uncorrected. force: write them corrected. The last two warn and give ACCEPTED 0",
    )


@dataclass(frozen=True)
class SetWriting(Writing, ManyOutputs):
    """How the images of a set are written."""

    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_Coregistered.tif")
    resampling: str = option(
        Kind.CHOICE,
        "Resampling",
        "bilinear",
        choices=RESAMPLINGS[:4],
        advanced=True,
        help="For images whose pixels change, see RESOLUTION.",
    )
    tap: bool = option(
        Kind.FLAG,
        "Snap to pixel multiples",
        False,
        advanced=True,
        help="Put the edges of the outputs, outward, on multiples of the pixel size.",
    )
    output_nodata: float | None = redefault(MovedWriting, "output_nodata", None)

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        size = getattr(self, "window_size_match", 0)
        if 0 < size < 16:
            raise InvalidOption(f"Matching window: {size} is below 16.")
