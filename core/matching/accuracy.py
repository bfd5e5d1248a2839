# SPDX-License-Identifier: GPL-2.0-or-later
"""How accurate an image is: statistics of the displacements of its key points."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..errors import NoSolution
from ..transform.models import Linear, Uncertainty, robust_fit, uncertainty
from ..windows import Window
from .bootstrap import Blocks, Interval, blocks_of, mean_interval, median_interval
from .keypoints import Column, KeyPoints
from .zones import nmad

LIMITS = (0.25, 0.5, 1.0)
"""Pixels for which the share of points within is told."""

Vectors = Callable[[Column, Column, Column, Column], tuple[Column, Column]]
"""Map vectors (east, north) of displacements: to_map(x, y, dx, dy)."""


REMOVED = ("mean", "median", "similarity", "affine", "field")
"""What is taken away to see what would remain: the fields of Remaining."""


class Displacing(Protocol):
    """A field of displacements."""

    def at(self, x: Column, y: Column) -> tuple[Column, Column]:
        """Return (dx, dy) at positions."""


@dataclass(frozen=True)
class Situation:
    """What is known beside the points.

    `area`: the overlap, in reference pixels; `tried`: points that were tried; `valid_pixels`: of
    the overlap; `field`: the local displacements; `to_map`: displacements in map units, `unit`
    their name; `y_up`: the reference's rows run upwards on the map.
    """

    area: Window
    tried: int = 0
    valid_pixels: int = 0
    field: Displacing | None = None
    to_map: Vectors | None = None
    unit: str = ""
    y_up: bool = False


@dataclass(frozen=True)
class Axis:
    """Numbers of one axis, or of the lengths; `std` divides by n."""

    minimum: float
    maximum: float
    median: float
    mean: float
    std: float
    nmad: float
    rmse: float
    le90: float
    mean_interval: Interval
    median_interval: Interval


@dataclass(frozen=True)
class Remaining:
    """Radial RMSE once something is removed: what a correction could reach."""

    mean: float
    median: float
    similarity: float
    affine: float
    field: float


@dataclass(frozen=True)
class Distances:
    """All numbers in one unit: x, y = dx, dy in pixels (y down), or east, north in map units."""

    unit: str
    x: Axis
    y: Axis
    radial: Axis
    rmse: float
    ce90: float
    ce95: float
    remaining: Remaining


@dataclass(frozen=True)
class Solved:
    """A model: displacement at its center in px, rotation (degrees clockwise as seen), scale.

    `scales`: along x and y; `errors`: standard errors of these numbers.
    """

    model: Linear
    rotation: float
    scale: float
    scales: tuple[float, float]
    shear: float
    errors: Uncertainty


@dataclass(frozen=True)
class Accuracy:
    """Everything that is counted about the used points; NaN where nothing is known.

    Shares are of points within 0.25, 0.5 and 1 px, 0-1. `uncertainty`: median standard deviation
    of a point, px. `ground` is None when the size of a pixel is not known.
    """

    n: int
    tried: int
    valid_pixels: int
    percent_matched: float
    percent_confident: float
    shares: tuple[float, ...]
    uncertainty: float
    pixels: Distances
    ground: Distances | None
    similarity: Solved | None
    affine: Solved | None


def circular_error(lengths: Column, share: float) -> float:
    """Return the length within which a share of the lengths lies; NaN for none.

    Linear between the sorted lengths v[k-1] and v[k], k = floor(share n), indices kept inside.
    """
    n = len(lengths)
    if not n:
        return math.nan
    ordered = np.sort(lengths)
    k = math.floor(share * n + 1e-9)
    low, high = (float(ordered[min(max(place, 0), n - 1)]) for place in (k - 1, k))
    return low + (high - low) * max(0.0, share * n - k)


def accuracy(points: KeyPoints, known: Situation) -> Accuracy:
    """Return the statistics of the points that are used."""
    used = points.chosen(points.used)
    n, blocks = len(used), blocks_of(used.x0, used.y0, known.area)
    solved = {kind: _solved(kind, used, known, blocks) for kind in ("similarity", "affine")}
    rests = _rests(used, known, solved)
    ground = _on_ground(used, rests, known, blocks) if np.isfinite(used.east).any() else None
    lengths = used.radial_error
    return Accuracy(
        n,
        known.tried,
        known.valid_pixels,
        _percent(n, known.tried),
        _percent(n, known.valid_pixels),
        tuple(float(np.mean(lengths < limit)) if n else math.nan for limit in LIMITS),
        float(np.median(used.sigma)) if n else math.nan,
        _distances("px", (used.dx, used.dy), rests, blocks),
        ground,
        solved["similarity"],
        solved["affine"],
    )


def in_json(value: Any) -> Any:
    """Return numbers of a frozen value as JSON holds them: unknown ones are null."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: in_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else math.nan


def _solved(kind: str, used: KeyPoints, known: Situation, blocks: Blocks) -> Solved | None:
    at = (used.x0, used.y0, used.dx, used.dy)
    try:
        found = robust_fit(kind, *at)
    except NoSolution:
        return None
    errors = uncertainty(found, *at, blocks.owners)
    seen = replace(found.model, y_up=known.y_up)
    return Solved(seen, seen.rotation, seen.scale, seen.scales, seen.shear, errors)


Rests = dict[str, "tuple[Column, Column] | None"]


def _rests(used: KeyPoints, known: Situation, solved: dict[str, Solved | None]) -> Rests:
    """What is left of the displacements in pixels, under the names of Remaining."""
    x, y, dx, dy = used.x0, used.y0, used.dx, used.dy
    rests: Rests = dict.fromkeys(REMOVED)
    if not len(used):
        return rests
    rests["mean"] = (dx - dx.mean(), dy - dy.mean())
    rests["median"] = (dx - np.median(dx), dy - np.median(dy))
    for kind, found in solved.items():
        if found is not None:
            rests[kind] = found.model.residuals(x, y, dx, dy)
    if known.field is not None:
        fx, fy = known.field.at(x, y)
        rests["field"] = (dx - fx, dy - fy)
    return rests


def _on_ground(used: KeyPoints, rests: Rests, known: Situation, blocks: Blocks) -> Distances:
    moved: Rests = dict.fromkeys(rests)
    if known.to_map is not None:
        for name, rest in rests.items():
            if rest is not None:
                moved[name] = known.to_map(used.x0, used.y0, *rest)
    return _distances(known.unit, (used.east, used.north), moved, blocks)


def _distances(
    unit: str, vectors: tuple[Column, Column], rests: Rests, blocks: Blocks
) -> Distances:
    lengths = np.hypot(*vectors)
    x, y = (_axis(values, blocks) for values in vectors)
    return Distances(
        unit,
        x,
        y,
        _axis(lengths, blocks),
        math.hypot(x.rmse, y.rmse),
        circular_error(lengths, 0.90),
        circular_error(lengths, 0.95),
        Remaining(**{name: _radial_rmse(rest) for name, rest in rests.items()}),
    )


def _radial_rmse(vectors: tuple[Column, Column] | None) -> float:
    if vectors is None:
        return math.nan
    return float(np.sqrt(np.mean(vectors[0] ** 2 + vectors[1] ** 2)))


def _axis(values: Column, blocks: Blocks) -> Axis:
    sure = (mean_interval(values, blocks), median_interval(values, blocks))
    values = values if len(values) else np.array([math.nan])
    low, high = float(values.min()), float(values.max())
    # the mean of equal numbers may differ from them in the last digit
    mean, std = (low, 0.0) if low == high else (float(values.mean()), float(values.std()))
    return Axis(
        low,
        high,
        float(np.median(values)),
        mean,
        std,
        nmad(values),
        math.hypot(mean, std),
        circular_error(np.abs(values), 0.90),
        *sure,
    )
