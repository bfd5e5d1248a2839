# SPDX-License-Identifier: GPL-2.0-or-later
"""How gains and offsets are estimated from overlaps: the options, and what they mean as rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidOption
from ..image import Array, Image
from ..options import Kind, option
from ..radiometry import comparable
from ..radiometry.regression import Rules
from ..requests import UsedPixels


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


def rules_of(how: Estimating) -> Rules:
    """Return how overlaps are weighed."""
    return Rules(
        mean_factor=how.mean_factor,
        std_factor=how.std_factor,
        pair_power=0.0 if how.pair_weight == "equal" else 0.5,
        robust=how.robust,
        min_overlap=how.min_overlap,
        soft_datum=how.datum == "images",
        align=how.groups == "align",
    )


def models_among(images: Sequence[Image], how: Estimating, others: Sequence[str] = ()) -> Array:
    """Return which of the images, and of others known by name only, set the common level.

    Raises InvalidOption when a name is not known, or when no image is left.
    """
    count = len(images) + len(others)
    if not how.model_images:
        return np.ones(count, bool)
    include = how.model_mode == "include"
    model = np.full(count, not include)
    named = comparable.named_images(images, how.model_images, "MODEL_IMAGES", others)
    model[list(named)] = include
    if not model.any():
        raise InvalidOption("MODEL_IMAGES excludes every image, so that none sets the level.")
    return model
