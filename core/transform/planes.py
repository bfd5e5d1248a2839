# SPDX-License-Identifier: GPL-2.0-or-later
"""Planes through the displacements of the nearest points."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deps import available, require

Column = NDArray[np.float64]
Table = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAMPING = 1e-3
"""Share of the total weight that pulls slopes toward those of all points together."""

TRUST = 0.01
"""Standard deviation in px below which points do not gain weight."""

BEYOND = 1.001
"""Where weights end, as a multiple of the farthest neighbor's distance."""

REWEIGHTED = 3
"""Rounds of bisquare reweighting of a robust plane."""

BISQUARE = 4.0
"""Spreads at which a residual loses all its weight."""

ROWS = 1 << 11
"""Positions whose neighbors are held at once."""

GROUP = 48
"""Positions that are searched together where SciPy is missing."""


@dataclass(frozen=True)
class Scattered:
    """Displacements measured at scattered points: columns of equal length, px."""

    x: Column
    y: Column
    dx: Column
    dy: Column
    sigma: Column

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.x)

    def chosen(self, which: NDArray[Any]) -> Scattered:
        """Return the points of a boolean or index array, in its order."""
        return Scattered(
            self.x[which], self.y[which], self.dx[which], self.dy[which], self.sigma[which]
        )

    @classmethod
    def joined(cls, *parts: Scattered) -> Scattered:
        """Return the points of several lists as one."""
        names = ("x", "y", "dx", "dy", "sigma")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Planes:
    """Values of planes at the positions asked for, columns, px.

    `spread`: standard deviation of the neighbors about the plane; `sigma`: that of the value,
    both axes together; `distance`: to the nearest point.
    """

    dx: Column
    dy: Column
    spread: Column
    sigma: Column
    distance: Column


def weighted_planes(points: Scattered, x: Column, y: Column, neighbors: int = 20) -> Planes:
    """Return the planes of the nearest points at positions x, y, weighted by their precision.

    Weights: tricube(distance / farthest) / (sigma^2 + 0.01^2) (locally weighted regression,
    Cleveland, doi:10.1080/01621459.1979.10481038). There is at least one point.
    """
    slopes = _Slopes.through(points)
    flat = slopes.taken_off(points)
    search = searching(points)
    found = []
    for rows in parts(len(x)):
        index, distance = search(x[rows], y[rows], neighbors)
        weight = tricube(distance) / (points.sigma[index] ** 2 + TRUST**2)
        near = _Near.about(flat, index, (x[rows], y[rows]), weight)
        found.append(_with_precision(near, points.sigma[index], distance[:, 0]))
    return slopes.put_back(_joined(found), x, y)


def local_planes(points: Scattered, accepted: Flags, neighbors: int = 30) -> Planes:
    """Return at each point the robust plane through its nearest accepted others.

    Tricube distance weights, three rounds of bisquare reweighting; `spread` is per axis, `sigma`
    not known (NaN). NaN where there is no other point.
    """
    chosen = np.flatnonzero(accepted)
    others = points.chosen(chosen)
    if len(others) < 2:
        nothing = np.full(len(points), np.nan)
        return Planes(nothing, nothing, nothing, nothing, nothing)
    slopes = _Slopes.through(others)
    flat = slopes.taken_off(others)
    search = searching(others)
    found = []
    for rows in parts(len(points)):
        x, y = points.x[rows], points.y[rows]
        index, distance = search(x, y, neighbors + 1)
        out = _left_out(chosen[index], np.arange(rows.start, rows.stop))
        weight = tricube(np.where(out, 0.0, distance)) * ~out
        near = _Near.about(flat, index, (x, y), weight)
        found.append(_robust(near, out, distance[:, 0]))
    return slopes.put_back(_joined(found), points.x, points.y)


def nearest(points: Scattered, x: Column, y: Column, count: int) -> tuple[Index, Table]:
    """Return indices and distances [position, rank] of the nearest points, nearest first.

    There are min(count, points) of them.
    """
    return searching(points)(x, y, count)


Search = Callable[[Column, Column, int], tuple[Index, Table]]


def searching(points: Scattered) -> Search:
    """Return `nearest` for these points; what it needs is prepared once."""
    if not available("scipy"):
        return lambda x, y, count: _in_groups(points, (x, y), min(count, len(points)))
    spatial = require("scipy.spatial", "Finding neighbors fast")
    tree = spatial.cKDTree(np.stack([points.x, points.y], 1))

    def query(x: Column, y: Column, count: int) -> tuple[Index, Table]:
        ranks = np.arange(1, min(count, len(points)) + 1)
        distance, index = tree.query(np.stack([x, y], 1), k=ranks)
        return index, distance

    return query


def tricube(distance: Table) -> Table:
    """Return (1 - (distance / farthest)^3)^3 of each row; the farthest keeps almost nothing."""
    farthest = np.maximum(distance.max(1, keepdims=True) * BEYOND, 1e-9)
    return np.asarray((1 - (distance / farthest) ** 3) ** 3)


def parts(count: int) -> Iterator[slice]:
    """Yield slices of at most ROWS positions."""
    for start in range(0, count, ROWS):
        yield slice(start, min(count, start + ROWS))


def _in_groups(points: Scattered, at: tuple[Column, Column], count: int) -> tuple[Index, Table]:
    """Search a group of close positions among the points that can be near any of them."""
    index = np.zeros((len(at[0]), count), np.int64)
    distance = np.zeros((len(at[0]), count))
    for group in _groups(*at):
        x, y = at[0][group], at[1][group]
        apart_x = np.maximum(np.maximum(x.min() - points.x, points.x - x.max()), 0)
        apart_y = np.maximum(np.maximum(y.min() - points.y, points.y - y.max()), 0)
        apart = np.hypot(apart_x, apart_y)
        reach = np.partition(apart, count - 1)[count - 1] + np.hypot(np.ptp(x), np.ptp(y))
        close = np.flatnonzero(apart <= reach)
        table = np.hypot(points.x[close] - x[:, None], points.y[close] - y[:, None])
        order = np.argsort(table, 1, kind="stable")[:, :count]
        index[group] = close[order]
        distance[group] = np.take_along_axis(table, order, 1)
    return index, distance


def _groups(x: Column, y: Column) -> Iterator[Index]:
    """Split positions into groups that lie close together."""
    strips = max(1, round(math.sqrt(len(x) / GROUP)))
    for strip in np.array_split(np.argsort(x, kind="stable"), strips):
        ordered = strip[np.argsort(y[strip], kind="stable")]
        if len(ordered):
            yield from np.array_split(ordered, -(-len(ordered) // GROUP))


@dataclass(frozen=True)
class _Slopes:
    """Slopes of the plane through all points: [axis of position, axis of displacement]."""

    values: Table

    @classmethod
    def through(cls, points: Scattered) -> _Slopes:
        x, y = points.x - points.x.mean(), points.y - points.y.mean()
        xx, xy, yy = (x * x).sum() + 1e-9, (x * y).sum(), (y * y).sum() + 1e-9
        det = xx * yy - xy * xy
        slopes = np.zeros((2, 2))
        if det > 1e-6 * xx * yy:
            for k, d in enumerate((points.dx, points.dy)):
                xd, yd = (x * d).sum(), (y * d).sum()
                slopes[:, k] = (yy * xd - xy * yd) / det, (xx * yd - xy * xd) / det
        return cls(slopes)

    def at(self, x: Column, y: Column) -> tuple[Column, Column]:
        (a, c), (b, d) = self.values
        return a * x + b * y, c * x + d * y

    def taken_off(self, points: Scattered) -> Scattered:
        dx, dy = self.at(points.x, points.y)
        return replace(points, dx=points.dx - dx, dy=points.dy - dy)

    def put_back(self, planes: Planes, x: Column, y: Column) -> Planes:
        dx, dy = self.at(x, y)
        return replace(planes, dx=planes.dx + dx, dy=planes.dy + dy)


@dataclass(frozen=True)
class _Near:
    """Neighbors of positions: [position, rank] of place relative to it, displacement, weight."""

    x: Table
    y: Table
    dx: Table
    dy: Table
    weight: Table

    @classmethod
    def about(
        cls, points: Scattered, index: Index, at: tuple[Column, Column], weight: Table
    ) -> _Near:
        x, y = points.x[index] - at[0][:, None], points.y[index] - at[1][:, None]
        far = np.maximum(np.maximum(np.abs(x).max(1), np.abs(y).max(1)), 1e-9)[:, None]
        return cls(x / far, y / far, points.dx[index], points.dy[index], weight)

    def planes(self) -> tuple[Table, Table, Table]:
        """Return the share of each neighbor in the value here, and residuals along x and y."""
        share = self.weight / self.weight.sum(1, keepdims=True)
        mean_x, mean_y = (share * self.x).sum(1), (share * self.y).sum(1)
        x, y = self.x - mean_x[:, None], self.y - mean_y[:, None]
        share_x, share_y = share * x, share * y
        xx = (share_x * x).sum(1) + DAMPING
        yy = (share_y * y).sum(1) + DAMPING
        xy = (share_x * y).sum(1)
        det = xx * yy - xy * xy
        p, q = (yy * mean_x - xy * mean_y) / det, (xx * mean_y - xy * mean_x) / det
        value = share - share_x * p[:, None] - share_y * q[:, None]
        residuals = []
        for d in (self.dx, self.dy):
            mean = (share * d).sum(1)
            along_x, along_y = (share_x * d).sum(1), (share_y * d).sum(1)
            a, b = (yy * along_x - xy * along_y) / det, (xx * along_y - xy * along_x) / det
            residuals.append(d - mean[:, None] - a[:, None] * x - b[:, None] * y)
        return value, residuals[0], residuals[1]


def _left_out(index: Index, own: Index) -> Flags:
    """Flag the position's own point or, where it is not among them, the farthest neighbor."""
    out = index == own[:, None]
    out[:, -1] |= ~out.any(1)
    return np.asarray(out)


def _with_precision(near: _Near, sigma: Table, distance: Column) -> Planes:
    """Lay weighted planes; the value's sigma holds that of its points and their scatter."""
    value, rx, ry = near.planes()
    share = near.weight / near.weight.sum(1, keepdims=True)
    spread = np.sqrt((share * (rx * rx + ry * ry)).sum(1))
    squares = value * value
    known = np.sqrt((squares * sigma * sigma).sum(1))
    total = np.hypot(known, spread * np.sqrt(squares.sum(1)))
    return Planes((value * near.dx).sum(1), (value * near.dy).sum(1), spread, total, distance)


def _robust(near: _Near, out: Flags, distance: Column) -> Planes:
    """Lay robust planes, without the neighbors that are left out; medians are the first guess."""
    rx, ry = (d - _median(d, out)[:, None] for d in (near.dx, near.dy))
    for _ in range(REWEIGHTED):
        residual = np.hypot(rx, ry)
        limit = BISQUARE * _spread(residual, out)[:, None]
        weight = near.weight * np.maximum(0, 1 - (residual / limit) ** 2) ** 2
        value, rx, ry = replace(near, weight=weight).planes()
    spread = _spread(np.hypot(rx, ry), out)
    unknown = np.full(len(spread), np.nan)
    dx, dy = (value * near.dx).sum(1), (value * near.dy).sum(1)
    return Planes(dx, dy, spread, unknown, distance)


def _spread(residual: Table, out: Flags) -> Column:
    """Return the spread per axis: 1.4826 times the median residual over 1.177."""
    return np.maximum(1.4826 / 1.177 * _median(residual, out), 1e-6)


def _median(values: Table, out: Flags) -> Column:
    """Return the median of each row without the one neighbor that is left out."""
    count = values.shape[1] - 1
    ordered = np.partition(np.where(out, np.inf, values), [(count - 1) // 2, count // 2], 1)
    return np.asarray((ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2)


def _joined(parts: list[Planes]) -> Planes:
    names = [entry.name for entry in fields(Planes)]
    columns = ([getattr(part, name) for part in parts] for name in names)
    return Planes(*(np.concatenate([np.empty(0), *column]) for column in columns))
