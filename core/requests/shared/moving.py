# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of writing images that are moved."""

from __future__ import annotations

from dataclasses import dataclass

from ...options import Kind, option, redefault
from .. import OneMosaic, Writing

RESAMPLINGS = ("auto", "nearest", "bilinear", "cubic", "lanczos", "bspline")


@dataclass(frozen=True)
class MovedWriting(Writing):
    """How a corrected image is sampled and written."""

    resampling: str = option(
        Kind.CHOICE,
        "Resampling",
        "auto",
        choices=RESAMPLINGS,
        help="auto: nearest for palettes, masks and classes, else cubic. Labels are never mixed "
        "with nearest",
    )
    correction: str = option(
        Kind.CHOICE,
        "Correction",
        "resample",
        choices=("resample", "geotransform"),
        advanced=True,
        help="resample: new pixels. geotransform: the pixels stay as they are, only their place on "
        "the map changes (not for local fields)",
    )
    valid_weight: float = option(
        Kind.NUMBER,
        "Least valid weight",
        0.5,
        minimum=0.001,
        maximum=1,
        advanced=True,
        help="Share of the weights around a position that valid pixels must have; 1 leaves out "
        "every pixel that an invalid one touches.",
    )
    output_nodata: float | None = redefault(
        OneMosaic,
        "output_nodata",
        None,
        help="Empty: the image's own, else NaN for decimal numbers; whole numbers get an internal "
        "mask, and no value is declared.",
    )
    build_overviews: bool = False
