# SPDX-License-Identifier: GPL-2.0-or-later
"""Move an image onto a reference to a few hundredths of a pixel, and prove it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import EdgeTrim
from .shared.matching import MODELS, PairMasking, PairMatching
from .shared.moving import MovedWriting


@dataclass(frozen=True)
class Request(PairMatching, PairMasking, EdgeTrim, MovedWriting):
    """Options of the run."""

    moving: str = option(Kind.RASTER, "Moving image", help="The image that is moved.")
    reference: str = option(Kind.RASTER, "Reference", help="The image that stays.")
    model: str = option(
        Kind.CHOICE,
        "Model",
        "rigid",
        choices=MODELS,
        help="Upper limit of what the correction may do. translation: a shift. rigid: also a "
        "rotation. similarity: also a scale. affine: also shear. local: affine and a smooth field. "
        "It is lowered with a warning where the images do not support it",
    )
    output_grid: str = option(
        Kind.CHOICE,
        "Output grid",
        "moving",
        choices=("moving", "reference"),
        help="moving: the pixels of the moving image. reference: those of the reference, where the "
        "moved image lies on it",
    )
    resampling: str = redefault(MovedWriting, "resampling", "auto", advanced=True)
    tie_points: str | None = option(
        Kind.FILE,
        "Key points to use",
        None,
        advanced=True,
        help="A .points file of the georeferencer, key points of an earlier run (GeoPackage, CSV), "
        "a table of AROSICS or tie points in JSON.",
    )
    tie_point_use: str = option(
        Kind.CHOICE,
        "What key points are used for",
        "add",
        choices=("only", "add", "start"),
        advanced=True,
        help="only: nothing is matched. add: they count beside the windows. start: they give the "
        "place where matching starts",
    )
    diagnostics_folder: str | None = option(
        Kind.FOLDER_OUT,
        "Diagnostics folder",
        None,
        advanced=True,
        help="Both images as they were matched, and their validity: fixed_reg.tif, moving_reg.tif, "
        "fixed_mask.tif, moving_mask.tif.",
    )
    output: str | None = option(
        Kind.RASTER_OUT,
        "Corrected image",
        None,
        created=True,
        help="GeoTIFF; without a name the correction is only estimated.",
    )
    transform: str | None = option(
        Kind.JSON_OUT,
        "Transform",
        None,
        help="The correction, to apply it to other bands, masks and resolutions.",
    )
    key_points: str | None = option(
        Kind.VECTOR_OUT,
        "Key points",
        None,
        advanced=True,
        help="Every window with its displacement, and why it was used or not.",
    )
    report: str | None = option(
        Kind.HTML_OUT, "Report", None, created=True, help="What was done and how good it is."
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if 0 < self.window_size_match < 16:
            raise InvalidOption(f"Matching window: {self.window_size_match} is below 16.")
        for size in self.solve_resolutions:
            if not 0 <= size < math.inf:
                raise InvalidOption(f"Pixel sizes of the solve: {size:g} is not 0 or a pixel size.")
        if self.tie_point_use != "add" and not self.tie_points:
            raise InvalidOption(
                f"TIE_POINT_USE = {self.tie_point_use} needs the key points: name their file in "
                "TIE_POINTS."
            )
        if self.correction == "geotransform":
            if self.model == "local":
                raise InvalidOption(
                    "A local field cannot be stored in a geotransform. Use CORRECTION = resample."
                )
            if self.output_grid == "reference":
                raise InvalidOption(
                    "CORRECTION = geotransform leaves all pixels as they are, so the output keeps "
                    "the moving image's grid. Use OUTPUT_GRID = moving."
                )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str | None = result(Kind.RASTER_OUT, "Corrected image")
    transform: str | None = result(Kind.JSON_OUT, "Transform")
    key_points: str | None = result(Kind.VECTOR_OUT, "Key points")
    report: str | None = result(Kind.HTML_OUT, "Report")
    rmse_before: float | None = result(Kind.NUMBER, "Residual before, px")
    rmse_after: float | None = result(Kind.NUMBER, "Residual after, px")
    shift_x: float | None = result(Kind.NUMBER, "Shift to the right, px")
    shift_y: float | None = result(Kind.NUMBER, "Shift down, px")
    shift_east: float | None = result(Kind.NUMBER, "Shift east, map units")
    shift_north: float | None = result(Kind.NUMBER, "Shift north, map units")
    rotation: float | None = result(Kind.NUMBER, "Rotation clockwise, °")
    scale: float | None = result(Kind.NUMBER, "Scale")
    points: int | None = result(Kind.INTEGER, "Windows that agree")
    n_points: int | None = result(Kind.INTEGER, "Windows matched")
    n_inliers: int | None = result(Kind.INTEGER, "Windows in the fit")
    reliability: float | None = result(Kind.NUMBER, "Reliability")
    accepted: int | None = result(Kind.INTEGER, "Accepted")
    model_used: str | None = result(Kind.TEXT, "Model used")
    metric_used: str | None = result(Kind.TEXT, "Measure used")
    reason: str | None = result(Kind.TEXT, "Reason")
