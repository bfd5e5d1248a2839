# SPDX-License-Identifier: GPL-2.0-or-later
"""The model that most matches agree on, and whether they are enough to fix it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution
from ..image import Mask
from ..transform.models import (
    RAYLEIGH_MEDIAN,
    UNKNOWNS,
    Linear,
    Reweighting,
    Robust,
    robust_fit,
    uncertainty,
)
from .outliers import local_outliers

Column = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom of the overlap on the lattice."""

DRAWS, SEED = 500, 4
LEAST_TOLERANCE, MOST_TOLERANCE = 0.1, 1.5
"""Limits of the automatic tolerance, px: 3 robust deviations."""

LOCAL_TOLERANCE = 4.0
"""Tolerance around an affine model that a smooth local field may leave, px."""

FLOOR = 0.02
"""Smallest deviation that is believed, px."""

CELLS = 4
"""Cells along each axis of the overlap in which support is counted."""

SUPPORT = {
    "translation": (3, 1),
    "rigid": (6, 3),
    "similarity": (6, 3),
    "affine": (12, 6),
    "local": (30, 8),
}
"""Inliers, and cells that hold some, that each kind of model needs."""

STRETCH = 1.2
"""Scale beyond which a draw is not looked at."""

CHANCE = 1e-3
"""Agreements by chance that are accepted."""

FAR_SIGMA = 0.3
"""Deviation that a rotation may cause at the farthest corner, px."""


@dataclass(frozen=True)
class Points:
    """Displacements (dx, dy) at lattice positions with weights, px, one entry a point."""

    x: Column
    y: Column
    dx: Column
    dy: Column
    weight: Column

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.x)

    def chosen(self, which: Any) -> Points:
        """Return the points of a boolean or index array."""
        parts = (self.x, self.y, self.dx, self.dy, self.weight)
        return Points(*(part[which] for part in parts))

    def finer(self, factor: int) -> Points:
        """Return the points on a lattice with `factor` px for one of theirs."""
        half = (factor - 1) / 2
        x, y = self.x * factor + half, self.y * factor + half
        return Points(x, y, self.dx * factor, self.dy * factor, self.weight)

    def apart(self, model: Linear) -> Column:
        """Return the distance of each displacement from a model, px."""
        return np.hypot(*model.residuals(self.x, self.y, self.dx, self.dy))


@dataclass(frozen=True)
class Search:
    """How points were found: the overlap, the search radius of their windows, px.

    `tolerance` 0 = three robust deviations, at least 0.1 px; `apart`: least distance of the points
    of a draw; `radius` 0 = chance is not judged; `independent`: share of a window that no other
    covers.
    """

    box: Box
    radius: float = 0.0
    tolerance: float = 0.0
    apart: float = 0.0
    independent: float = 1.0


@dataclass(frozen=True)
class Consensus:
    """A model, the points that agree with it, their weights, and the deviation per axis, px.

    `kind`: the kind of model that the support allows, "local" included; `lowered`: why it is not
    the one asked for, empty if it is. `chance`: such agreements expected among unrelated images.
    """

    model: Linear
    inliers: Mask
    weights: Column
    scale: float
    kind: str
    chance: float = 0.0
    lowered: str = ""


def consensus(kind: str, points: Points, search: Search) -> Consensus:
    """Return the model of most agreement, by MSAC and then repeated weighted least squares.

    Torr and Zisserman 2000, doi:10.1006/cviu.1999.0832. Lowered to a simpler kind when support is
    too small; raises NoSolution when not even a shift has it.
    """
    reasons: list[str] = []
    most = 0
    for one in simpler(kind):
        found = _agreed(one, points, search)
        if found is None:
            reasons.append(f"the points do not fix a {one} model")
            continue
        most = max(most, int(found.inliers.sum()))
        missing = _missing(one, points, found, search)
        if not missing:
            return replace(found, lowered="; ".join(reasons))
        reasons.append(missing)
    raise NoSolution(
        f"Only {most} of {len(points)} windows agree on one {simpler(kind)[0]} model. Mask clouds "
        "and water, choose similar bands, or try METRIC = mutual_information."
    )


def simpler(kind: str) -> list[str]:
    """Return the kind and the simpler ones that are tried after it, in their order."""
    after = {"local": "affine", "affine": "rigid", "similarity": "rigid", "rigid": "translation"}
    found = [kind]
    while found[-1] in after:
        found.append(after[found[-1]])
    return found


def linear_kind(kind: str) -> str:
    """Return the kind of the linear part: that of a local model is affine."""
    return "affine" if kind == "local" else kind


def _agreed(kind: str, points: Points, search: Search) -> Consensus | None:
    """Return the agreement on one kind of model, whatever its support; None without a draw."""
    usable = np.flatnonzero(points.weight > 0)
    some = points.chosen(usable)
    drawn = _drawn(linear_kind(kind), some, search.apart)
    if not len(drawn.shift):
        return None
    square = drawn.squares(some)
    limit = search.tolerance or _tolerance(kind, square)
    loss = np.einsum("dp,p->d", np.minimum(square, limit**2), some.weight)
    near = square[int(np.argmin(loss))] < limit**2
    found = _refitted(kind, some, near, search)
    if found is None:
        return None
    inliers, weights = np.zeros(len(points), bool), np.zeros(len(points))
    inliers[usable], weights[usable] = found.inliers, found.weights
    luck = chance(kind, some, found, search)
    return replace(found, inliers=inliers, weights=weights, chance=luck)


def _tolerance(kind: str, square: Column) -> float:
    """Three robust deviations of the draw with the smallest median distance, within limits."""
    if kind == "local":
        return LOCAL_TOLERANCE
    least = math.sqrt(float(np.median(square, 1).min()))
    return min(MOST_TOLERANCE, max(LEAST_TOLERANCE, 3 * 1.4826 * least / RAYLEIGH_MEDIAN))


def _refitted(kind: str, points: Points, near: Mask, search: Search) -> Consensus | None:
    """Fit the points near a draw, judge all points by the fit, and fit those that agree."""
    linear = linear_kind(kind)
    for _ in range(2):
        try:
            robust = _robust(linear, points, near)
        except NoSolution:
            return None
        limit = search.tolerance or (
            LOCAL_TOLERANCE if kind == "local" else max(LEAST_TOLERANCE, 3 * robust.deviation)
        )
        near = points.apart(robust.model) < limit
        if kind == "local":
            near &= ~_contradicted(points, near)
    weights = robust.weights * near if kind != "local" else points.weight * near
    return Consensus(robust.model, near, weights, robust.deviation, kind)


def _robust(kind: str, points: Points, near: Mask) -> Robust:
    how = Reweighting(points.weight * near, floor=FLOOR)
    return robust_fit(kind, points.x, points.y, points.dx, points.dy, how)


def _contradicted(points: Points, near: Mask) -> Mask:
    """Return which points their neighbors contradict; those that are not near do not judge."""
    dx = np.where(near, points.dx, np.nan)
    sigma = np.full(len(points), LEAST_TOLERANCE / 3)
    return local_outliers(points.x, points.y, dx, points.dy, sigma)


@dataclass(frozen=True)
class _Drawn:
    """Models from draws: displacement at p = matrix[draw] (p - first[draw]) + shift[draw]."""

    matrix: Column
    first: Column
    shift: Column

    def squares(self, points: Points) -> Column:
        """Return the squared distances[draw, point] of points from the models."""
        p = np.array([points.x, points.y]).T[None] - self.first[:, None]
        rest = np.array([points.dx, points.dy]).T[None] - self.shift[:, None]
        (a, b), (c, d) = self.matrix.transpose(1, 2, 0)[..., None]
        along = rest[..., 0] - a * p[..., 0] - b * p[..., 1]
        across = rest[..., 1] - c * p[..., 0] - d * p[..., 1]
        return np.asarray(along**2 + across**2)


def _drawn(kind: str, points: Points, apart: float) -> _Drawn:
    """Return the models of random minimal sets whose points lie apart; maybe none."""
    needed = math.ceil(UNKNOWNS[kind] / 2)
    count = len(points)
    if count < needed:
        return _Drawn(np.empty((0, 2, 2)), np.empty((0, 2)), np.empty((0, 2)))
    draws = np.random.default_rng(SEED).integers(0, count, (DRAWS, needed))
    if needed == 1 and count <= DRAWS:
        draws = np.arange(count)[:, None]
    p = np.stack((points.x[draws], points.y[draws]), -1)
    d = np.stack((points.dx[draws], points.dy[draws]), -1)
    kept, matrix = _MINIMAL[needed](p[:, 1:] - p[:, :1], d[:, 1:] - d[:, :1], kind, apart)
    return _Drawn(matrix[kept], p[kept, 0], d[kept, 0])


def _shift_only(p: Column, d: Column, kind: str, apart: float) -> tuple[Mask, Column]:
    return np.ones(len(p), bool), np.zeros((len(p), 2, 2))


def _turned(p: Column, d: Column, kind: str, apart: float) -> tuple[Mask, Column]:
    """Rotation, and scale if free, from pairs of points as complex numbers."""
    span = p[:, 0, 0] + 1j * p[:, 0, 1]
    moved = span + d[:, 0, 0] + 1j * d[:, 0, 1]
    kept = (np.abs(span) >= max(apart, 1.0)) & (np.abs(moved) > 0)
    factor = np.where(kept, moved, 1) / np.where(kept, span, 1)
    kept &= (np.abs(factor) > 1 / STRETCH) & (np.abs(factor) < STRETCH)
    if kind == "rigid":
        factor = factor / np.abs(factor)
    rows = ((factor.real - 1, -factor.imag), (factor.imag, factor.real - 1))
    return kept, np.array(rows).transpose(2, 0, 1)


def _sheared(p: Column, d: Column, kind: str, apart: float) -> tuple[Mask, Column]:
    """Affine matrices from triples of points."""
    area = np.abs(p[:, 0, 0] * p[:, 1, 1] - p[:, 0, 1] * p[:, 1, 0])
    kept = area >= max(apart, 1.0) ** 2
    solvable = np.where(kept[:, None, None], p, np.eye(2))
    matrix = np.linalg.solve(solvable, d).transpose(0, 2, 1)
    kept &= np.abs(matrix).max((1, 2)) < STRETCH - 1 / STRETCH
    return kept, matrix


_MINIMAL = {1: _shift_only, 2: _turned, 3: _sheared}


def _missing(kind: str, points: Points, found: Consensus, search: Search) -> str:
    """Return what the support of a model lacks, empty when nothing."""
    needed, cells = SUPPORT[kind]
    count = int(found.inliers.sum())
    held = len(np.unique(cell_of(points, search.box)[found.inliers]))
    if count < needed or held < cells:
        return (
            f"{count} windows in {held} of {CELLS**2} cells support a {kind} model, which needs "
            f"{needed} in {cells}"
        )
    if kind in ("rigid", "similarity") and _far_sigma(points, found, search) > FAR_SIGMA:
        return f"the rotation is not known to {FAR_SIGMA:g} px at the farthest corner"
    if found.chance > CHANCE:
        return f"{count} of {len(points)} windows agree on a {kind} model, as chance may have it"
    return ""


def cell_of(points: Points, box: Box) -> NDArray[np.int64]:
    """Return the cell, 0 to 15, of the overlap in which each point lies."""
    left, top, right, bottom = box
    col = (points.x - left) / max(right - left, 1.0) * CELLS
    row = (points.y - top) / max(bottom - top, 1.0) * CELLS
    cells = [np.clip(at, 0, CELLS - 1).astype(np.int64) for at in (row, col)]
    return np.asarray(cells[0] * CELLS + cells[1])


def _far_sigma(points: Points, found: Consensus, search: Search) -> float:
    """Return the deviation in px that the rotation's causes at the farthest corner."""
    weight = points.weight * found.inliers
    robust = Robust(found.model, found.weights, found.scale, weight)
    side = max(2 * search.apart, 1.0)
    blocks = (points.x // side + 65536 * (points.y // side)).astype(np.int64)
    chosen = found.inliers
    some = points.chosen(chosen)
    robust = replace(robust, weights=found.weights[chosen], prior=weight[chosen])
    sigma = uncertainty(robust, some.x, some.y, some.dx, some.dy, blocks[chosen]).rotation
    left, top, right, bottom = search.box
    x, y = found.model.center
    far = math.hypot(max(x - left, right - x), max(y - top, bottom - y))
    return math.radians(sigma) * far if math.isfinite(sigma) else math.inf


def chance(kind: str, points: Points, found: Consensus, search: Search) -> float:
    """Return how many such agreements are to be expected among matches of unrelated images.

    Windows that overlap count as the area they cover. Number of false alarms of Moisan and Stival
    2004, doi:10.1023/B:VISI.0000013094.38752.4d, with Chernoff's bound of the binomial tail.
    """
    if search.radius <= 0 or kind == "local":
        return 0.0
    tolerance = search.tolerance or max(LEAST_TOLERANCE, 3 * found.scale)
    share = min(1.0, math.pi * tolerance**2 / (2 * search.radius + 1) ** 2)
    drawn = math.ceil(UNKNOWNS[linear_kind(kind)] / 2)
    count = max(1.0, search.independent * len(points))
    agreeing = search.independent * float(found.inliers.sum())
    rest, hits = max(count - drawn, 1.0), max(agreeing - drawn, 0.0)
    ratio = min(hits / rest, 1.0)
    if ratio <= share:
        return math.inf
    parts = ((ratio, share), (1 - ratio, 1 - share))
    gain = sum(one * math.log(one / other) for one, other in parts if one > 0)
    return math.exp(min(700.0, (drawn + 1) * math.log(count) - rest * gain))
