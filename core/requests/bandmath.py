# SPDX-License-Identifier: GPL-2.0-or-later
"""Compute new bands from the bands of images by an expression."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, redefault, result
from . import Calculated, ManyOutputs
from .shared.expressing import ComputedResult, Computing, Expressing


@dataclass(frozen=True)
class Request(Calculated, Expressing, Computing):
    """Options of the run."""

    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_Math")


@dataclass(frozen=True)
class Result(ComputedResult):
    """What the run gives."""

    clipped_values: int | None = result(Kind.INTEGER, "Values limited to the type")
    moved_from_nodata: int | None = result(Kind.INTEGER, "Values moved away from nodata")
