# SPDX-License-Identifier: GPL-2.0-or-later
"""Write where a condition on the bands of images holds: 1, 0, and 255 where they are invalid."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, redefault, result
from . import TYPES, ManyOutputs, Writing
from .shared.expressing import ComputedResult, Computing, Expressing


@dataclass(frozen=True)
class Request(Expressing, Computing):
    """Options of the run."""

    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_Threshold")
    output_type: str = redefault(
        Writing,
        "output_type",
        "uint8",
        choices=TYPES[1:],
        help="Pixel type of the mask: 1 true, 0 false, 255 invalid in each of them.",
    )


@dataclass(frozen=True)
class Result(ComputedResult):
    """What the run gives."""

    true_fraction: float | None = result(Kind.NUMBER, "Share of true among the valid pixels")
