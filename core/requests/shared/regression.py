# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of the regression of whole images."""

from __future__ import annotations

from dataclasses import dataclass

from ...options import Kind, option
from .. import UsedPixels


@dataclass(frozen=True)
class Estimating(UsedPixels):
    """How gains and offsets are estimated; shared with the pipeline."""

    model_images: tuple[str, ...] = option(
        Kind.NAMES,
        "Model images",
        (),
        help="Images that set the common level, by name; the extension may be left out. Empty: "
        "all images together.",
    )
    model_mode: str = option(
        Kind.CHOICE,
        "Model mode",
        "include",
        choices=("include", "exclude"),
        help="Whether the listed images, or all others, set the common level.",
    )
    mean_factor: float = option(
        Kind.NUMBER,
        "Weight of means",
        1.0,
        minimum=0,
        maximum=1000,
        advanced=True,
        help="How much equal means in overlaps count.",
    )
    std_factor: float = option(
        Kind.NUMBER,
        "Weight of spreads",
        1.0,
        minimum=0,
        maximum=1000,
        advanced=True,
        help="How much equal standard deviations in overlaps count; 0: gains stay 1.",
    )
    pair_weight: str = option(
        Kind.CHOICE,
        "Weight of a pair",
        "pixels",
        choices=("pixels", "equal"),
        advanced=True,
        help="Pairs of images count by their common valid pixels, or all the same.",
    )
    datum: str = option(
        Kind.CHOICE,
        "Common level",
        "set",
        choices=("set", "images"),
        advanced=True,
        help="set: mean and spread of all model images together stay exactly what they are; "
        "images: each model image is pulled to its own level, which leaves larger differences in "
        "the overlaps",
    )
    robust: bool = option(
        Kind.FLAG,
        "Ignore what changed",
        True,
        advanced=True,
        help="Down-weight parts of overlaps that disagree, such as clouds and changes.",
    )
    min_overlap: int = option(
        Kind.INTEGER,
        "Smallest overlap",
        100,
        unit="px",
        minimum=1,
        advanced=True,
        help="Pairs of images with fewer common valid pixels are not used.",
    )
    groups: str = option(
        Kind.CHOICE,
        "Groups without common ground",
        "separate",
        choices=("separate", "align"),
        advanced=True,
        help="Images that form unconnected groups keep their level, or each group is brought to "
        "the mean and spread of the model images; a lone image stays as it is",
    )
