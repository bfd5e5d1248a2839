# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a moving image shows what truly lies at a place: a mapping in map units of one CRS.

T(X) = X + D(X): a corrected pixel at X is the moving image, as it is stored, sampled at T(X).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution
from ..grid import Grid, Transform
from .bspline import BSplineField
from .models import IDENTITY, Linear, Matrix

Floats = NDArray[np.float64]

LEAST_DETERMINANT = 0.2
"""Below this share of its area, ground that a field moves is nearly folded."""

ROUNDS = 30
"""Most steps of Newton's method for an inverse."""

SETTLED = 1e-9
"""Steps of an inverse, as a share of the field's node spacing, that are small enough."""

CONFORMAL = 1e-6
"""Relative difference of pixel sides, and cosine of their angle, that rounding explains."""


@dataclass(frozen=True)
class Frame:
    """Metric coordinates u = (x - x0) kx, v = (y - y0) ky of map positions."""

    origin: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)

    def metric(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return the metric coordinates (u, v) of map positions."""
        return (x - self.origin[0]) * self.scale[0], (y - self.origin[1]) * self.scale[1]

    def on_map(self, u: Any, v: Any) -> tuple[Any, Any]:
        """Return the map positions (x, y) of metric coordinates."""
        return self.origin[0] + u / self.scale[0], self.origin[1] + v / self.scale[1]


def frame_at(x: float, y: float, *, geographic: bool) -> Frame:
    """Return the frame round a map position; degrees of longitude count as on its parallel."""
    return Frame((x, y), (math.cos(math.radians(y)) if geographic else 1.0, 1.0))


@dataclass(frozen=True)
class Correction:
    """The mapping T, in map units of `crs`; calling it with (x, y) returns T(x, y).

    `linear` acts on the metric coordinates of the frame (y up, centered on its origin); `field` is
    added to it there.
    """

    crs: str
    frame: Frame
    linear: Linear
    field: BSplineField | None = None

    def __post_init__(self) -> None:
        """Bring the linear part to the frame."""
        if not self.linear.y_up:
            raise NoSolution("A correction is linear in coordinates whose y axis points up.")
        if self.linear.center != (0.0, 0.0):
            object.__setattr__(self, "linear", self.linear.centered(0.0, 0.0))

    def __call__(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return T(x, y): where the moving image, as it is stored, shows this position."""
        u, v = self.frame.metric(x, y)
        moved_u, moved_v = self._moved(u, v)
        return self.frame.on_map(moved_u, moved_v)

    @property
    def identity(self) -> bool:
        """True when nothing moves."""
        still = self.linear.matrix == IDENTITY and self.linear.shift == (0.0, 0.0)
        return still and self.field is None

    def inverse(self) -> Inverse:
        """Return the mapping from stored positions of the moving image to the true ones."""
        return Inverse(self)

    def scaled(self, strength: float) -> Correction:
        """Return the correction with all displacements multiplied by a number."""
        if strength == 1.0:
            return self
        (a, b), (c, d) = self.linear.matrix
        matrix = (
            (1.0 + strength * (a - 1.0), strength * b),
            (strength * c, 1.0 + strength * (d - 1.0)),
        )
        shift = (strength * self.linear.shift[0], strength * self.linear.shift[1])
        kind = "similarity" if self.linear.kind == "rigid" else self.linear.kind
        linear = replace(self.linear, kind=kind, matrix=matrix, shift=shift)
        return replace(self, linear=linear, field=self.field and self.field.scaled(strength))

    def displacements(self, grid: Grid, x: Any, y: Any) -> tuple[Any, Any]:
        """Return (dx, dy) at array positions of a grid in the CRS of the correction, px."""
        if grid.rotated:
            at = grid.to_map(x + 0.5, y + 0.5)
        else:  # a row of x and a column of y stay what they are
            at = grid.to_map(x + 0.5, 0.0)[0], grid.to_map(0.0, y + 0.5)[1]
        col, row = grid.to_pixel(*self(*at))
        return col - 0.5 - x, row - 0.5 - y

    def least_determinant(self, grid: Grid | None = None) -> tuple[float, float, float]:
        """Return the smallest det(I + grad D), and the map position (x, y) where it occurs.

        It is looked for on all nodes of the field and between them; only inside the box of a grid
        when one is given.
        """
        u, v = (np.zeros(1), np.zeros(1)) if self.field is None else self.field.half_nodes()
        x, y = self.frame.on_map(u, v)
        determinant = self._jacobian(u, v)[0]
        if grid is not None and self.field is not None:
            left, low, right, high = grid.bounds
            inside = (x >= left) & (x <= right) & (y >= low) & (y <= high)
            determinant = np.where(inside, determinant, np.inf) if inside.any() else determinant
        at = int(np.argmin(determinant))
        return float(determinant.flat[at]), float(x.flat[at]), float(y.flat[at])

    def refuse_folding(self, grid: Grid | None = None) -> None:
        """Raise NoSolution where the field turns the ground over, or nearly so."""
        least, x, y = self.least_determinant(grid)
        if not least > LEAST_DETERMINANT:
            raise NoSolution(
                f"The local field folds over near ({x:.9g}, {y:.9g}). Raise LOCAL_SPACING or "
                "LOCAL_SMOOTHNESS."
            )

    def _moved(self, u: Any, v: Any) -> tuple[Any, Any]:
        moved_u, moved_v = self.linear.at(u, v)
        if self.field is None:
            return moved_u, moved_v
        du, dv = self.field.at(u, v)
        return moved_u + du, moved_v + dv

    def _jacobian(self, u: Floats, v: Floats) -> tuple[Floats, ...]:
        """Determinant of T's derivative, then the derivative itself: a, b, c, d."""
        one = np.ones_like(u)
        a, b, c, d = (one * entry for row in self.linear.matrix for entry in row)
        if self.field is not None:
            slopes = self.field.with_slopes(u, v)[2:]
            a, b, c, d = (entry + slope for entry, slope in zip((a, b, c, d), slopes))
        return a * d - b * c, a, b, c, d


@dataclass(frozen=True)
class Inverse:
    """The mapping from stored positions of the moving image to true ones.

    Exact without a field; with one, Newton's method finds the position to far less than .002 px.
    """

    correction: Correction

    def __call__(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return the positions that the correction maps to (x, y)."""
        forward = self.correction
        u, v = forward.frame.metric(x, y)
        back = forward.linear.inverse()
        found = back.centered(0.0, 0.0).at(u, v)
        if forward.field is not None:
            found = self._solved(np.asarray(u, float), np.asarray(v, float), found)
        return forward.frame.on_map(*found)

    def inverse(self) -> Correction:
        """Return the correction itself."""
        return self.correction

    def _solved(self, u: Floats, v: Floats, start: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        forward = self.correction
        field = forward.field
        near = SETTLED * min(map(abs, field.step)) if field is not None else 0.0
        p, q = start
        for _ in range(ROUNDS):
            at = forward._moved(p, q)
            rest_u, rest_v = u - at[0], v - at[1]
            determinant, a, b, c, d = forward._jacobian(p, q)
            step_u = (d * rest_u - b * rest_v) / determinant
            step_v = (a * rest_v - c * rest_u) / determinant
            p, q = p + step_u, q + step_v
            if not max(np.abs(step_u).max(initial=0), np.abs(step_v).max(initial=0)) > near:
                break
        return p, q


Mapping = Any


@dataclass(frozen=True)
class Chain:
    """Several mappings of positions, the first one applied first."""

    mappings: tuple[Mapping, ...]

    def __call__(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return the positions after all mappings."""
        for mapping in self.mappings:
            x, y = mapping(x, y)
        return x, y


def identity(crs: str, frame: Frame = Frame()) -> Correction:  # noqa: B008 - frozen
    """Return the correction that moves nothing."""
    return Correction(crs, frame, Linear("translation", y_up=True))


def correction_of(
    linear: Linear, grid: Grid, frame: Frame, field: BSplineField | None = None
) -> Correction:
    """Return the correction that a model in array positions of a grid (y down) means on the map.

    The grid may be north-up, south-up, rotated or sheared, in degrees too. A rigid model stays one
    only when the grid's pixels are squares in the frame's metric coordinates; else it is affine.
    """
    forward = _to_metric(grid, frame)
    back = np.linalg.inv(forward)
    matrix = _multiplied(_multiplied(forward, np.array(linear.matrix)), back)
    center, moved = (
        frame.metric(*grid.to_map(x + 0.5, y + 0.5))
        for x, y in (
            linear.center,
            (linear.center[0] + linear.shift[0], linear.center[1] + linear.shift[1]),
        )
    )
    shift = (moved[0] - center[0], moved[1] - center[1])
    kind = linear.kind if _conformal(forward) else _freer(linear.kind)
    made = Linear(kind, _exact(matrix, linear), shift, center, y_up=True)
    return Correction(grid.crs, frame, made, field)


def moved_transform(grid: Grid, mapping: Mapping) -> tuple[Transform, float]:
    """Return the geotransform whose corners are those of a grid, mapped, and the largest error.

    The error is that of the middle and the fourth corner, px of the grid: 0 for affine mappings.
    """
    w, h = float(grid.width), float(grid.height)
    cols, rows = np.array([0.0, w, 0.0, w, w / 2]), np.array([0.0, 0.0, h, h, h / 2])
    x, y = (np.asarray(found, float) for found in mapping(*grid.to_map(cols, rows)))
    transform = (
        float(x[0]),
        float((x[1] - x[0]) / w),
        float((x[2] - x[0]) / h),
        float(y[0]),
        float((y[1] - y[0]) / w),
        float((y[2] - y[0]) / h),
    )
    with np.errstate(invalid="ignore"):  # where a CRS ends
        there = replace(grid, transform=transform).to_pixel(x, y)
        wrong = np.hypot(there[0] - cols, there[1] - rows).max()
    return _tidy(transform, grid), float(wrong)


def _tidy(transform: Transform, grid: Grid) -> Transform:
    """Drop what rounding has made of a transform whose pixels keep their shape."""
    sides = grid.pixel_size
    same = [
        abs(now - before) * size < 1e-7 * min(sides)
        for now, before, size in zip(
            (transform[1], transform[4], transform[2], transform[5]),
            (grid.transform[1], grid.transform[4], grid.transform[2], grid.transform[5]),
            (grid.width, grid.width, grid.height, grid.height),
        )
    ]
    if not all(same):
        return transform
    _, a, b, _, d, e = grid.transform
    return (transform[0], a, b, transform[3], d, e)


def _to_metric(grid: Grid, frame: Frame) -> Floats:
    """The matrix from array positions to metric coordinates."""
    _, a, b, _, d, e = grid.transform
    kx, ky = frame.scale
    return np.array([[a * kx, b * kx], [d * ky, e * ky]])


def _multiplied(a: Floats, b: Floats) -> Floats:
    return np.asarray((a[:, :, None] * b[None, :, :]).sum(1))


def _conformal(matrix: Floats) -> bool:
    """True when squares stay squares, turned over or not."""
    (a, b), (c, d) = matrix.tolist()
    one, other = math.hypot(a, c), math.hypot(b, d)
    crossed = abs(a * b + c * d) / (one * other)
    return abs(one - other) <= CONFORMAL * one and crossed <= CONFORMAL


def _freer(kind: str) -> str:
    return kind if kind in ("translation", "affine") else "affine"


def _exact(matrix: Floats, linear: Linear) -> Matrix:
    """A translation stays one exactly."""
    if linear.matrix == IDENTITY:
        return IDENTITY
    (a, b), (c, d) = matrix.tolist()
    return ((a, b), (c, d))
