# SPDX-License-Identifier: GPL-2.0-or-later
"""Displacements by height: bins, and Theil-Sen slopes with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..windows import Window
from .bootstrap import SIDE
from .keypoints import Column, KeyPoints
from .zones import cell_numbers

PER = 100.0
"""Slopes are told per this many height units."""

EFFECT = 0.1
"""Pixels over the range of heights that a slope must make to count."""

PAIRS = 200_000
"""Pairs of points that a slope is the median of, at most (beyond it, half as many as points)."""

NORMAL_95 = 1.96

FEWEST_BLOCKS = 4
"""Blocks of points below which nothing is certain."""

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Bin:
    """Points between two heights: n, and mean, std, RMSE of each quantity by its name."""

    low: float
    high: float
    n: int
    mean: dict[str, float]
    std: dict[str, float]
    rmse: dict[str, float]


@dataclass(frozen=True)
class Slope:
    """Change per 100 height units with its 95 % interval.

    `effect`: change over the 5-95 % range of heights; `certain`: the interval excludes 0.
    """

    value: float
    low: float
    high: float
    effect: float
    certain: bool


@dataclass(frozen=True)
class Altitude:
    """Displacements by height: bins and slopes of dx, dy, radial (px), east, north, radial_map.

    `depends`: dx or dy depends on height: the interval excludes 0 and the effect is above 0.1 px.
    `rmse_after`: radial RMSE in px once the slopes and the median are removed.
    """

    n: int
    low: float
    high: float
    bins: tuple[Bin, ...]
    slopes: dict[str, Slope]
    depends: bool
    rmse_after: float


def altitude(points: KeyPoints, area: Window, bin_size: float = 100.0) -> Altitude | None:
    """Return how the displacements of the used points change with height; None without heights."""
    used = points.chosen(points.used & np.isfinite(points.altitude))
    if not len(used):
        return None
    heights, values = used.altitude, quantities(used)
    owners = cell_numbers(used.x0, used.y0, area, SIDE)
    low, high = (float(v) for v in np.percentile(heights, (5, 95)))
    slopes = _slopes(heights, values, owners, (high - low) / PER)
    found = [(values[name], slopes.get(name)) for name in ("dx", "dy")]
    strong = [abs(slope.effect) > EFFECT and slope.certain for _, slope in found if slope]
    rests = [v - (slope.value / PER * heights if slope else 0.0) for v, slope in found]
    rest = np.hypot(*(v - np.median(v) for v in rests))
    return Altitude(
        len(used),
        float(heights.min()),
        float(heights.max()),
        _bins(heights, values, bin_size),
        slopes,
        any(strong),
        float(np.sqrt(np.mean(rest**2))),
    )


def quantities(points: KeyPoints) -> dict[str, Column]:
    """Return what is compared with heights, by name; map units only where they are known."""
    found = {"dx": points.dx, "dy": points.dy, "radial": points.radial_error}
    if np.isfinite(points.east).all():
        lengths = np.hypot(points.east, points.north)
        found.update({"east": points.east, "north": points.north, "radial_map": lengths})
    return found


def _bins(heights: Column, values: dict[str, Column], size: float) -> tuple[Bin, ...]:
    """Bins between multiples of the size that hold points."""
    owner = np.floor(heights / size).astype(np.int64)
    bins = []
    for number in np.unique(owner):
        inside = {name: column[owner == number] for name, column in values.items()}
        bins.append(
            Bin(
                float(number * size),
                float((number + 1) * size),
                int(np.count_nonzero(owner == number)),
                {name: float(column.mean()) for name, column in inside.items()},
                {name: float(column.std()) for name, column in inside.items()},
                {name: float(np.sqrt(np.mean(column**2))) for name, column in inside.items()},
            )
        )
    return tuple(bins)


def _slopes(
    heights: Column, values: dict[str, Column], owners: Index, span: float
) -> dict[str, Slope]:
    first, second = _pairs(heights)
    if not len(first):
        return {}
    rise = heights[second] - heights[first]
    found = {}
    for name, column in values.items():
        value, low, high = theil_sen(column, first, second, rise, owners)
        certain = low > 0 or high < 0
        per = PER * value
        found[name] = Slope(per, PER * low, PER * high, per * span, certain)
    return found


def _pairs(heights: Column) -> tuple[Index, Index]:
    """Pairs of points of different height, the lower first: all, or those far apart in rank."""
    order = np.argsort(heights, kind="stable")
    n = len(order)
    steps = np.arange(1, n)
    if n * (n - 1) // 2 > PAIRS:
        count = max(1, 2 * PAIRS // n)
        steps = np.unique(np.linspace(n / 3, 2 * n / 3, count + 2)[1:-1].astype(np.int64))
    first = np.concatenate([order[: n - step] for step in steps] or [order[:0]])
    second = np.concatenate([order[step:] for step in steps] or [order[:0]])
    differ = heights[second] > heights[first]
    return first[differ], second[differ]


def theil_sen(
    values: Column, first: Index, second: Index, rise: Column, owners: Index
) -> tuple[float, float, float]:
    """Return the median slope over pairs of points and the ends of its 95 % interval.

    The interval is Sen's (1968, doi:10.1080/01621459.1968.10480934): the slopes so many ranks from
    the middle; their number comes from the signs summed over blocks of points (`owners`), since
    neighbors err together.
    """
    slopes = (values[second] - values[first]) / rise
    ordered, n = np.sort(slopes), len(slopes)
    middle = float(np.median(ordered))
    signs = np.sign(slopes - middle)
    count = int(owners.max()) + 1
    scores = np.bincount(owners[second], signs, count) + np.bincount(owners[first], signs, count)
    blocks = len(np.unique(owners))
    if blocks < FEWEST_BLOCKS:
        return middle, -math.inf, math.inf
    wide = NORMAL_95 * math.sqrt(float((scores**2).sum()) * blocks / (blocks - 1)) / 2
    ends = (math.floor((n - 1) / 2 - wide), math.ceil((n - 1) / 2 + wide))
    low = float(ordered[ends[0]]) if ends[0] >= 0 else -math.inf
    high = float(ordered[ends[1]]) if ends[1] < n else math.inf
    return middle, low, high
