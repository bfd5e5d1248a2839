# SPDX-License-Identifier: GPL-2.0-or-later
"""Move overlapping images together so that all of them fit each other, without a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import alignrasters
from .shared.sets import SetAdjusting, SetMatching, SetWriting


@dataclass(frozen=True)
class Request(SetAdjusting, SetMatching, SetWriting):
    """Options of the run."""

    resolution: Any = redefault(
        alignrasters.Request,
        "resolution",
        "native",
        advanced=True,
        help="native without TAP: each image keeps its pixels, bit for bit, and only its place on "
        "the map changes. Otherwise new pixels are computed: highest, average, lowest: the "
        "smallest, mean, largest of all images; or one or two numbers in map units",
    )
    transforms: str | None = option(
        Kind.FOLDER_OUT,
        "Transforms",
        None,
        advanced=True,
        help="Folder for the correction of each image, to apply it to other bands and masks.",
    )
    key_points: str | None = option(
        Kind.VECTOR_OUT,
        "Key points",
        None,
        advanced=True,
        help="The tie points of all pairs, with what is left between them.",
    )
    report: str | None = option(
        Kind.HTML_OUT, "Report", None, created=True, help="What was done and how good it is."
    )

    def __post_init__(self) -> None:
        """Check the options."""
        if not isinstance(self.resolution, str):
            sizes = np.atleast_1d(self.resolution).tolist()
            object.__setattr__(self, "resolution", " ".join(map(str, sizes)))
        super().__post_init__()
        alignrasters.parsed(self.resolution)
        if self.global_model == "none" and self.local_model == "none":
            raise InvalidOption(
                "GLOBAL_MODEL and LOCAL_MODEL are both none, so nothing would be corrected. Choose "
                "one of them."
            )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Corrected images")
    transforms: str | None = result(Kind.FOLDER_OUT, "Transforms")
    key_points: str | None = result(Kind.VECTOR_OUT, "Key points")
    save_tie_points: str | None = result(Kind.JSON_OUT, "Tie points")
    report: str | None = result(Kind.HTML_OUT, "Report")
    rmse_before: float | None = result(Kind.NUMBER, "Residual before, px")
    rmse_after: float | None = result(Kind.NUMBER, "Residual after, px")
    pairs: int | None = result(Kind.INTEGER, "Pairs with tie points")
    group_count: int | None = result(Kind.INTEGER, "Groups of connected images")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    accepted: int | None = result(Kind.INTEGER, "Accepted")
