# SPDX-License-Identifier: GPL-2.0-or-later
"""From the distributions of two images to what brings one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..image import Array
from .adjustments import ImageAdjustment, Lookup
from .histograms import Side
from .lookup import Curve
from .moments import whole_statistics

FLAT = 1e-9
"""A spread below this part of the larger level is no evidence for a gain."""


@dataclass(frozen=True)
class Levels:
    """How the values of an image are distributed, per band: mean, std and knots[band, share]."""

    mean: Array
    std: Array
    knots: Array
    size: int


@dataclass(frozen=True)
class Matching:
    """How levels are matched: by histogram, mean_std or min_max, wholly (strength 1) or in part."""

    method: str = "histogram"
    strength: float = 1.0
    max_slope: float = 8.0


def shares_of(count: int, trim: float) -> Array:
    """Return `count` shares (0-1) between the tails, each of which has `trim` of all."""
    return np.linspace(trim, 1.0 - trim, count)


def levels_of(side: Side, center: Array, shares: Array) -> Levels:
    """Return the levels of what was counted; `center` is that of its sums."""
    sums, histograms = side
    whole, _ = whole_statistics([""], [sums], center)
    knots = np.array([histogram.quantiles(shares) for histogram in histograms])
    return Levels(whole.mean[0], whole.std[0], knots, sums.used)


def average(levels: Sequence[Levels], *, by_pixels: bool) -> Levels:
    """Return the mean of levels, each the same or by its number of pixels."""
    sizes = np.array([one.size for one in levels], float)
    weights = sizes if by_pixels else np.ones(len(levels))
    weights = weights / weights.sum()

    def mean(values: list[Array]) -> Array:
        return np.asarray(np.tensordot(weights, np.array(values), 1))

    return Levels(
        mean([one.mean for one in levels]),
        mean([one.std for one in levels]),
        mean([one.knots for one in levels]),
        int(sizes.sum()),
    )


def matched(name: str, own: Levels, aim: Levels, how: Matching) -> ImageAdjustment:
    """Return what brings an image's levels to others; without any spread only its offset."""
    spread = how.method == "min_max"
    pairs = (own.knots[:, -1] - own.knots[:, 0], aim.knots[:, -1] - aim.knots[:, 0])
    wide, wanted = pairs if spread else (own.std, aim.std)
    enough = flat_bands(own, aim, wide=wide, wanted=wanted)
    gains = np.where(enough, 1.0, wanted / np.where(enough, 1.0, wide))
    at = (own.knots[:, 0], aim.knots[:, 0]) if spread else (own.mean, aim.mean)
    offsets = at[1] - gains * at[0]
    gains, offsets = 1.0 + how.strength * (gains - 1.0), how.strength * offsets
    lookups = []
    if how.method == "histogram":
        for x, y, gain in zip(own.knots, aim.knots, gains):
            slope = 1.0 + (gain - 1.0) / how.strength if how.strength else 1.0
            lookups.append(_lookup(x, y, how, slope))
    return ImageAdjustment(
        name, tuple(map(float, gains)), tuple(map(float, offsets)), lookups=tuple(lookups)
    )


def flat_bands(own: Levels, aim: Levels, *, wide: Array, wanted: Array) -> Array:
    """Return which bands have no spread in one of two images, so that no gain can be told."""
    large = np.maximum(np.abs(own.knots).max(1), np.abs(aim.knots).max(1))
    return np.asarray((wide <= FLAT * large) | (wanted <= FLAT * large))


def applied(adjustment: ImageAdjustment, values: Array) -> Array:
    """Return corrected values[band, …] without rounding."""
    if adjustment.lookups:
        curves = zip(adjustment.lookups, adjustment.gains, values)
        return np.array([Curve(one.x, one.y, gain).at(band) for one, gain, band in curves])
    shape = (-1, *[1] * (values.ndim - 1))
    gains, offsets = (np.reshape(v, shape) for v in (adjustment.gains, adjustment.offsets))
    return np.asarray(gains * values + offsets)


def difference(adjustment: ImageAdjustment | None, own: Levels, aim: Levels) -> float | None:
    """Return how far levels lie apart: of equal shares, without sign, in % of the aim's mean."""
    knots = own.knots if adjustment is None else applied(adjustment, own.knots)
    apart = np.abs(knots - aim.knots).mean(1)
    usable = np.abs(aim.mean) > FLAT * np.abs(aim.knots).max(1)
    return float(100 * (apart[usable] / np.abs(aim.mean[usable])).mean()) if usable.any() else None


def _lookup(x: Array, y: Array, how: Matching, gain: float) -> Lookup:
    """The curve from knots to knots; too steep parts are flattened, the mean stays."""
    points, place, weight = np.unique(x, return_inverse=True, return_counts=True)
    found = np.maximum.accumulate(np.bincount(place.reshape(-1), y) / weight)
    if len(points) > 1:
        rise, run = np.diff(found), np.diff(points)
        steepest = how.max_slope * gain * run
        if (rise > steepest).any():
            flatter = np.concatenate([[0.0], np.cumsum(np.minimum(rise, steepest))])
            found = flatter + (weight * (found - flatter)).sum() / weight.sum()
    found = points + how.strength * (found - points)
    return Lookup(tuple(map(float, points)), tuple(map(float, found)))
