# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of a co-registration: what may be matched, how, and when a result counts."""

from __future__ import annotations

from dataclasses import dataclass

from ...options import Kind, option, redefault
from .. import PairBands

MODELS = ("translation", "rigid", "similarity", "affine", "local")


METRICS = ("auto", "ncc", "mutual_information")


REFUSALS = ("fail", "unchanged", "force")


@dataclass(frozen=True)
class Matching:
    """How windows are matched; a pair and a set of images share it."""

    metric: str = option(
        Kind.CHOICE,
        "Measure of likeness",
        "auto",
        choices=METRICS,
        advanced=True,
        help="ncc: correlation, for bands that are alike. mutual_information: for other bands and "
        "sensors. auto: correlation, then mutual information where images are less alike",
    )
    edge_proxy: bool = option(
        Kind.FLAG,
        "Match on edges",
        True,
        advanced=True,
        help="Compare how strongly brightness changes, which bands, sensors and dates have in "
        "common; no: compare the values of the bands.",
    )
    min_valid_fraction: float = option(
        Kind.NUMBER,
        "Smallest valid share",
        0.01,
        minimum=1e-6,
        maximum=1,
        advanced=True,
        help="Pixels valid in both images, divided by the pixels of the overlap, below which "
        "nothing is estimated.",
    )
    window_size_match: int = option(
        Kind.INTEGER,
        "Matching window",
        0,
        unit="px",
        minimum=0,
        maximum=512,
        advanced=True,
        help="Side of the windows that are matched, 16 or more; 0: 64 for overlaps up to 4 "
        "megapixels and local models, else 128.",
    )
    grid_spacing: int = option(
        Kind.INTEGER,
        "Spacing of windows",
        0,
        unit="px",
        minimum=0,
        advanced=True,
        help="Distance of the centers of neighboring windows; 0: half a window, wider where "
        "windows would be more than enough.",
    )
    min_reliability: float = option(
        Kind.NUMBER,
        "Smallest reliability",
        30.0,
        minimum=0,
        maximum=100,
        advanced=True,
        help="Key points whose match stands out less than this have no weight, unless those above "
        "it agree on nothing.",
    )
    refused: str = option(
        Kind.CHOICE,
        "When the result is not accepted",
        "fail",
        choices=REFUSALS,
        advanced=True,
        help="fail: stop with the reason. unchanged: write the image uncorrected. force: write it "
        "corrected. The last two warn and give ACCEPTED 0",
    )


@dataclass(frozen=True)
class PairMatching(Matching):
    """How the windows of one pair are matched and judged."""

    mutual_mask: bool = option(
        Kind.FLAG,
        "Valid in both images",
        True,
        advanced=True,
        help="A pixel counts only where both images are valid; no: where the reference is, and "
        "holes of the moving image are filled from around them.",
    )
    solve_resolutions: tuple[float, ...] = option(
        Kind.NUMBERS,
        "Pixel sizes of the solve",
        (),
        advanced=True,
        help="From coarse to fine, in map units of the reference, 0 = native; empty: an automatic "
        "pyramid. Sizes finer than the reference are raised to it.",
    )
    max_shift: float = option(
        Kind.NUMBER,
        "Largest shift",
        0.0,
        unit="map units",
        minimum=0,
        advanced=True,
        help="0: 40 pixels of the reference or 4 % of the longer side of the overlap, at most a "
        "third of its shorter side.",
    )
    max_rotation: float = option(
        Kind.NUMBER,
        "Largest rotation",
        2.0,
        unit="degrees",
        minimum=0,
        maximum=15,
        advanced=True,
        help="Searched when the model is not a translation.",
    )
    max_points: int = option(
        Kind.INTEGER,
        "Most windows",
        0,
        minimum=0,
        advanced=True,
        help="0: 400, for local models 2500.",
    )
    filter_level: str = option(
        Kind.CHOICE,
        "Tests of key points",
        "3",
        choices=("0", "1", "2", "3"),
        advanced=True,
        help="0: none. 1: reliability. 2: also the quality of the match. 3: also agreement on one "
        "model",
    )
    ransac_tolerance: float = option(
        Kind.NUMBER,
        "Tolerance of agreement",
        0.0,
        unit="px of the reference",
        minimum=0,
        advanced=True,
        help="Farther from the model, a key point does not agree with it; 0: three times their "
        "robust deviation, at least 0.1.",
    )
    local_spacing: float = option(
        Kind.NUMBER,
        "Node spacing of the local field",
        0.0,
        unit="map units",
        minimum=0,
        advanced=True,
        help="0: 32 pixels of the reference or a 256th of the longer side.",
    )
    local_smoothness: float = option(
        Kind.NUMBER,
        "Smoothness of the local field",
        1.0,
        minimum=0,
        advanced=True,
        help="Multiplies how much the field resists bending.",
    )


@dataclass(frozen=True)
class PairMasking(PairBands):
    """Which pixels of a pair may be matched."""

    moving_band: int = redefault(
        PairBands,
        "moving_band",
        1,
        advanced=False,
        help="The band that is matched; all bands are moved.",
    )
    reference_band: int = redefault(
        PairBands, "reference_band", 1, advanced=False, help="The band that is matched."
    )
    moving_nodata: tuple[float, ...] = option(
        Kind.NUMBERS,
        "Nodata of the moving image",
        (),
        advanced=True,
        help="Replaces what the file declares: a number, nan, or several with blanks or commas "
        "between.",
    )
    reference_nodata: tuple[float, ...] = option(
        Kind.NUMBERS,
        "Nodata of the reference",
        (),
        advanced=True,
        help="Replaces what the file declares.",
    )
    moving_mask: str | None = option(
        Kind.LAYER,
        "Mask of the moving image",
        None,
        advanced=True,
        help="Raster whose nonzero pixels, or polygons whose inside, is not matched: clouds, "
        "water. Any grid and CRS. The output is not blanked there.",
    )
    reference_mask: str | None = option(
        Kind.LAYER,
        "Mask of the reference",
        None,
        advanced=True,
        help="As the mask of the moving image.",
    )
