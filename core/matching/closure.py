# SPDX-License-Identifier: GPL-2.0-or-later
"""Closure of a network: around three images that overlap, displacements must add up to nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution
from ..transform.models import Linear, Robust, robust_fit, uncertainty
from .network import Ties, residuals

Column = NDArray[np.float64]

SIGMAS = 3.0
"""Standard deviations that a sum of displacements may be from nothing."""

SIMPLER = ("affine", "similarity", "rigid", "translation")

LAPPED = 2.0
"""Deviations of neighboring windows, which share half of their pixels, are so much larger."""


@dataclass(frozen=True)
class Closure:
    """Three images whose displacements add up to `length`, with its deviation (same unit).

    `worst`: the two of them whose displacement the others contradict.
    """

    images: tuple[int, int, int]
    length: float
    sigma: float
    worst: tuple[int, int]

    @property
    def ratio(self) -> float:
        """Deviations from nothing."""
        return self.length / self.sigma


@dataclass(frozen=True)
class _Edge:
    """The displacement between two images as its own tie points have it.

    `left`: how far the adjustment is from it, the mean over the points.
    """

    robust: Robust
    middle: tuple[float, float]
    sigma: tuple[float, float]
    left: float

    def at(self, x: float, y: float) -> Column:
        """Return the displacement at a place."""
        return np.array(self.robust.model.predict(np.float64(x), np.float64(y)))  # type: ignore[arg-type]

    def variance(self, x: float, y: float) -> float:
        """Return the variance of the displacement's length at a place."""
        away = math.hypot(x - self.middle[0], y - self.middle[1])
        return LAPPED**2 * (self.sigma[0] ** 2 + (math.radians(self.sigma[1]) * away) ** 2)


def closures(ties: Sequence[Ties], models: Sequence[Linear], floor: float) -> tuple[Closure, ...]:
    """Return the triangles of the network that do not close, the worst first.

    `models` are those of the adjusted images; deviations are `floor` or more.
    """
    edges: dict[tuple[int, int], _Edge] = {}
    for pair in ties:
        edge = _edge(pair, models, floor)
        if edge is not None:
            edges[pair.first, pair.second] = edge
    found = [one for one in _all(edges) if one.ratio > SIGMAS]
    return tuple(sorted(found, key=lambda one: -one.ratio))


def _edge(pair: Ties, models: Sequence[Linear], floor: float) -> _Edge | None:
    """Fit the displacement of a pair; None where its points tell no deviation."""
    used = pair.weight > 0
    left = float(np.hypot(*residuals(pair, models)[used].mean(0))) if used.any() else 0.0
    kind = models[pair.first].kind
    u, v = ((pair.p + pair.q) / 2)[used].T
    du, dv = (pair.p - pair.q)[used].T
    for one in SIMPLER[SIMPLER.index(kind) :]:
        try:
            robust = robust_fit(one, u, v, du, dv)
        except NoSolution:
            continue
        known = uncertainty(robust, u, v, du, dv)
        shift = math.hypot(known.shift_x, known.shift_y)
        if math.isfinite(shift + known.rotation):
            sides = (max(shift, floor), known.rotation)
            return _Edge(robust, (float(u.mean()), float(v.mean())), sides, left)
    return None


def _all(edges: dict[tuple[int, int], _Edge]) -> Iterator[Closure]:
    """Yield the closure of every triangle."""
    linked = {frozenset(pair): pair for pair in edges}
    images = sorted({image for pair in edges for image in pair})
    for three in combinations(images, 3):
        sides = [linked.get(frozenset(side)) for side in combinations(three, 2)]
        if all(side is not None for side in sides):
            yield _closure(three, [side for side in sides if side is not None], edges)


def _closure(
    three: tuple[int, int, int],
    sides: Sequence[tuple[int, int]],
    edges: dict[tuple[int, int], _Edge],
) -> Closure:
    middles = np.array([edges[side].middle for side in sides])
    x, y = (float(at) for at in middles.mean(0))
    total, variance = np.zeros(2), 0.0
    # one to two, two to three, and back from three to one
    for side, sign in zip(sides, (1.0, -1.0, 1.0)):
        turned = sign if side[0] < side[1] else -sign
        total += turned * edges[side].at(x, y)
        variance += edges[side].variance(x, y)
    length = float(np.hypot(*total))
    worst = max(sides, key=lambda side: edges[side].left)
    return Closure(three, length, math.sqrt(variance), worst)
