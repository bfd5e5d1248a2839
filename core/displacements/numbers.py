# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers of a shift analysis that models, scripts and tables go on with."""

from __future__ import annotations

import math
from typing import Any

from ..matching.accuracy import Accuracy, Axis, Distances
from ..matching.verdict import Verdict
from .analysis import Analysis


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
