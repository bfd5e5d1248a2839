# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers of a shift analysis that models, scripts and tables go on with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..matching.accuracy import Accuracy, Axis, Distances
from ..matching.verdict import Verdict
from ..options import Kind, result
from .analysis import Analysis


@dataclass(frozen=True)
class Numbers:
    """Numbers of a pair, None where they are not known; pixels of the reference, y down."""

    n_key_points: int | None = result(Kind.INTEGER, "Key points in the statistics")
    mean_dx: float | None = result(Kind.NUMBER, "Mean dx, px")
    mean_dy: float | None = result(Kind.NUMBER, "Mean dy, px")
    std_dx: float | None = result(Kind.NUMBER, "Standard deviation of dx, px")
    std_dy: float | None = result(Kind.NUMBER, "Standard deviation of dy, px")
    rmse_dx: float | None = result(Kind.NUMBER, "RMSE of dx, px")
    rmse_dy: float | None = result(Kind.NUMBER, "RMSE of dy, px")
    rmse: float | None = result(Kind.NUMBER, "RMSE, px")
    ce90: float | None = result(Kind.NUMBER, "CE90, px")
    ce95: float | None = result(Kind.NUMBER, "CE95, px")
    median_dx: float | None = result(Kind.NUMBER, "Median dx, px")
    median_dy: float | None = result(Kind.NUMBER, "Median dy, px")
    nmad_dx: float | None = result(Kind.NUMBER, "NMAD of dx, px")
    nmad_dy: float | None = result(Kind.NUMBER, "NMAD of dy, px")
    uncertainty: float | None = result(Kind.NUMBER, "Uncertainty of a key point, px")
    ce90_map: float | None = result(Kind.NUMBER, "CE90 in map units")
    ce95_map: float | None = result(Kind.NUMBER, "CE95 in map units")
    rotation: float | None = result(Kind.NUMBER, "Rotation, degrees clockwise")
    scale: float | None = result(Kind.NUMBER, "Scale, moving to reference")
    shift_x: float | None = result(Kind.NUMBER, "Shift to the right, px")
    shift_y: float | None = result(Kind.NUMBER, "Shift downwards, px")
    shift_east: float | None = result(Kind.NUMBER, "Shift to the east, map units")
    shift_north: float | None = result(Kind.NUMBER, "Shift to the north, map units")
    points: int | None = result(Kind.INTEGER, "Points")
    passed: int | None = result(Kind.INTEGER, "Passed")
    verdict: str | None = result(Kind.TEXT, "Verdict")


def numbers_of(found: Analysis) -> dict[str, Any]:
    """Return the values of Numbers by name."""
    counted = found.finding.accuracy
    values = {
        **_pixels(counted.pixels),
        **_ground(counted.ground),
        **_similarity(counted),
        "uncertainty": counted.uncertainty,
    }
    known = {name: value for name, value in values.items() if math.isfinite(value)}
    return {
        **known,
        "n_key_points": counted.n,
        "points": counted.n,
        "passed": int(found.verdict.passed),
        "verdict": verdict_text(found.verdict),
    }


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict in words: its class, then its sentences."""
    return f"{verdict.kind[:1].upper()}{verdict.kind[1:]}. {verdict.text}"


def _pixels(pixels: Distances) -> dict[str, float]:
    return {
        **_axis(pixels.x, "dx"),
        **_axis(pixels.y, "dy"),
        "rmse": pixels.rmse,
        "ce90": pixels.ce90,
        "ce95": pixels.ce95,
        "shift_x": pixels.x.median,
        "shift_y": pixels.y.median,
    }


def _axis(axis: Axis, name: str) -> dict[str, float]:
    return {
        f"{key}_{name}": getattr(axis, key) for key in ("mean", "std", "rmse", "median", "nmad")
    }


def _ground(ground: Distances | None) -> dict[str, float]:
    if ground is None:
        return {}
    return {
        "ce90_map": ground.ce90,
        "ce95_map": ground.ce95,
        "shift_east": ground.x.median,
        "shift_north": ground.y.median,
    }


def _similarity(counted: Accuracy) -> dict[str, float]:
    if counted.similarity is None:
        return {}
    return {"rotation": counted.similarity.rotation, "scale": counted.similarity.scale}
