# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of block maps."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InvalidOption
from ...options import Kind, option
from ...radiometry.balanced import LARGE
from ...radiometry.blockmaps import block_layout
from ...radiometry.shading import ACCEPTED
from .. import UsedPixels

METHODS = ("linear", "offset", "gamma")


@dataclass(frozen=True)
class Blocking(UsedPixels):
    """How block maps are estimated; shared with the pipeline."""

    number_of_blocks: int = option(
        Kind.INTEGER,
        "Number of blocks",
        100,
        minimum=1,
        maximum=10000,
        help="Blocks on the area of one image. More blocks follow smaller differences.",
    )
    correction_method: str = option(
        Kind.CHOICE,
        "Correction",
        "linear",
        choices=METHODS,
        help="linear: values are multiplied; offset: something is added; gamma: the curve between "
        "the smallest and the largest value is bent",
    )
    shading: str = option(
        Kind.CHOICE,
        "Shading",
        "radial_tilt",
        choices=("none", "radial", "radial_tilt"),
        help="A smooth field inside each image is solved first: darker corners (radial), and a "
        "slope too (radial_tilt). It is used only when it explains enough of the differences it "
        f"was not fitted to: {ACCEPTED['radial_tilt']:.0%} with slope, else "
        f"{ACCEPTED['radial']:.0%} without",
    )
    block_rule: str = option(
        Kind.CHOICE,
        "How blocks are counted",
        "per_image",
        choices=("per_image", "rows_columns", "coefficient_of_variation"),
        advanced=True,
        help="By the number of blocks per image, as rows and columns of the whole ground, or from "
        "the variation of the values, which reads the images once more",
    )
    block_rows: int | None = option(
        Kind.INTEGER, "Rows of blocks", None, minimum=1, maximum=100000, advanced=True,
        help="Rows of blocks on the whole ground; only for the rule rows_columns.",
    )  # fmt: skip
    block_columns: int | None = option(
        Kind.INTEGER, "Columns of blocks", None, minimum=1, maximum=100000, advanced=True,
        help="Columns of blocks on the whole ground; only for the rule rows_columns.",
    )  # fmt: skip
    target: str = option(
        Kind.CHOICE,
        "Target",
        "balanced",
        choices=("balanced", "mean"),
        advanced=True,
        help="balanced: images meet where they overlap and keep their own content elsewhere; "
        "mean: all images are brought to the plain mean of their block means, without shading",
    )
    alpha: float = option(
        Kind.NUMBER,
        "Strength",
        1.0,
        minimum=0,
        maximum=1,
        advanced=True,
        help="0 leaves the images as they are, 1 corrects them completely.",
    )
    block_valid_threshold: float = option(
        Kind.NUMBER,
        "Valid part of a block",
        0.001,
        minimum=0,
        maximum=1,
        advanced=True,
        help="An image counts in a block only when it fills at least this part of it.",
    )
    bounds: tuple[float, ...] | None = option(
        Kind.EXTENT,
        "Ground of the blocks",
        None,
        advanced=True,
        help="Empty: all images together. A larger one leaves room for images to come.",
    )
    max_change: float = option(
        Kind.NUMBER,
        "Largest change",
        4.0,
        minimum=1,
        maximum=100,
        advanced=True,
        help="Values are multiplied or divided by no more than this.",
    )
    robust: bool = option(
        Kind.FLAG,
        "Ignore what changed",
        True,
        advanced=True,
        help="Down-weight parts of overlaps that disagree, and leave blocks alone whose images "
        "differ like thick clouds: much more than elsewhere, and by more than "
        f"{2 * LARGE:.0%} of the mean.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super_check = getattr(super(), "__post_init__", None)
        if super_check:
            super_check()
        given = (self.block_rows, self.block_columns)
        if self.block_rule == "rows_columns" and None in given:
            raise InvalidOption(
                "How blocks are counted: rows_columns needs BLOCK_ROWS and BLOCK_COLUMNS, whole "
                "numbers of at least 1."
            )
        if self.block_rule != "rows_columns" and given != (None, None):
            raise InvalidOption(
                "BLOCK_ROWS and BLOCK_COLUMNS are for BLOCK_RULE = rows_columns only."
            )
        block_layout(self.block_rows or 1, self.block_columns or 1)
