# SPDX-License-Identifier: GPL-2.0-or-later
"""A smooth field of displacements: cubic B-splines on nodes, in metric map coordinates.

Free-form deformations: Rueckert et al. 1999, doi:10.1109/42.796284.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

MOST_NODES = 256
"""Nodes along each axis that a saved field may have."""

RING = 3
"""Nodes of weight 0 that are thought round the others: there the field fades to 0."""

PIECE = 1 << 16


@dataclass(frozen=True)
class BSplineField:
    """Displacements (du, dv) = sum of coefficients times B3((u - u0) / su - col) B3(... - row).

    Node [row, col] lies at (origin + col * step, ...); steps may be negative. `dx, dy`
    [rows, columns] are the coefficients of du and dv in metric map units. Beyond the nodes the
    field fades to 0 within two steps. Raises NoSolution for coefficients that make no field.
    """

    origin: tuple[float, float]
    step: tuple[float, float]
    dx: Floats
    dy: Floats

    def __post_init__(self) -> None:
        """Check the coefficients."""
        fits = self.dx.ndim == 2 and self.dx.shape == self.dy.shape and self.dx.size > 0
        if not (fits and all(self.step)):
            raise NoSolution("A field needs two tables of coefficients of one size, and a step.")

    @property
    def rows(self) -> int:
        """Nodes along v."""
        return int(self.dx.shape[0])

    @property
    def columns(self) -> int:
        """Nodes along u."""
        return int(self.dx.shape[1])

    def at(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Return (du, dv) at positions of any shape; fast where u is one row and v one column."""
        lattice = np.ndim(u) == np.ndim(v) == 2 and len(u) == 1 and np.shape(v)[1] == 1
        if lattice:
            return self._on(np.ravel(u), np.ravel(v))
        values = self._evaluated(u, v, slopes=False)
        return values[0], values[1]

    def with_slopes(self, u: Floats, v: Floats) -> tuple[Floats, ...]:
        """Return (du, dv, du/du, du/dv, dv/du, dv/dv) at positions of any shape."""
        return self._evaluated(u, v, slopes=True)

    def scaled(self, factor: float) -> BSplineField:
        """Return the field with all displacements multiplied."""
        return replace(self, dx=self.dx * factor, dy=self.dy * factor)

    @property
    def bend(self) -> float:
        """Largest sum of second derivatives |d2/du2| + |d2/dv2| of du or dv that can occur.

        Between lattice points a distance s apart, bilinear interpolation is wrong by at most
        bend * s * s / 8.
        """
        largest = 0.0
        for table in (self.dx, self.dy):
            ringed = np.pad(table, RING)
            along = [np.abs(np.diff(ringed, 2, axis)).max() for axis in (1, 0)]
            curved = sum(a / s**2 for a, s in zip(along, self.step))
            largest = max(largest, float(curved))
        return largest

    def half_nodes(self) -> tuple[Floats, Floats]:
        """Return the coordinates (u, v) of all nodes and the middles between them, as a lattice."""
        cols = np.arange(-2, self.columns + 1.25, 0.5)
        rows = np.arange(-2, self.rows + 1.25, 0.5)
        u, v = np.meshgrid(
            self.origin[0] + cols * self.step[0], self.origin[1] + rows * self.step[1]
        )
        return u, v

    def _on(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """(du, dv)[v, u], the same bits as of scattered positions."""
        col, across, _ = _taps((u - self.origin[0]) / self.step[0], self.columns)
        row, down, _ = _taps((v - self.origin[1]) / self.step[1], self.rows)
        near, col = slice(int(col.min()), int(col.max()) + 4), col - col.min()
        found = []
        for table in (np.pad(self.dx, RING)[:, near], np.pad(self.dy, RING)[:, near]):
            lines = _summed(weight[:, None] * table[row + k] for k, weight in enumerate(down))
            steps = (np.take(lines, col + m, 1) * weight for m, weight in enumerate(across))
            found.append(_summed(steps))
        return found[0], found[1]

    def _evaluated(self, u: Floats, v: Floats, *, slopes: bool) -> tuple[Floats, ...]:
        u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        shape, u, v = u.shape, np.ravel(u), np.ravel(v)
        found = tuple(np.empty(u.size) for _ in range(6 if slopes else 2))
        tables = tuple(np.pad(table, RING).ravel() for table in (self.dx, self.dy))
        for start in range(0, u.size, PIECE):
            part = slice(start, start + PIECE)
            for whole, piece in zip(found, self._piece(tables, u[part], v[part], slopes)):
                whole[part] = piece
        return tuple(one.reshape(shape) for one in found)

    def _piece(
        self, tables: tuple[Floats, ...], u: Floats, v: Floats, slopes: bool
    ) -> Iterator[Floats]:
        col, across, steep_across = _taps((u - self.origin[0]) / self.step[0], self.columns)
        row, down, steep_down = _taps((v - self.origin[1]) / self.step[1], self.rows)
        width = self.columns + 2 * RING
        first = row * width + col
        gradients = []
        for table in tables:
            columns = [[table[first + (k * width + m)] for k in range(4)] for m in range(4)]
            lines = [_summed(w * c for w, c in zip(down, column)) for column in columns]
            yield _summed(w * line for w, line in zip(across, lines))
            if slopes:
                steep = [_summed(w * c for w, c in zip(steep_down, column)) for column in columns]
                gradients.append(_summed(w * x for w, x in zip(steep_across, lines)) / self.step[0])
                gradients.append(_summed(w * x for w, x in zip(across, steep)) / self.step[1])
        yield from gradients


def _summed(parts: Iterator[Floats]) -> Floats:
    """Add up in the given order."""
    total = next(parts)
    for part in parts:
        total += part
    return total


def fitted_nodes(
    origin: tuple[float, float], step: tuple[float, float], du: Floats, dv: Floats
) -> BSplineField:
    """Return the field that takes the values du, dv[row, col] at its nodes, 0 beyond them."""
    return BSplineField(origin, step, _interpolating(du), _interpolating(dv))


def weights(t: Floats) -> tuple[Floats, Floats]:
    """Return the weights[tap, ...] of four nodes and their slopes; t in 0..1 from the second."""
    s = 1.0 - t
    values = np.array([s**3, 4 - 3 * t * t * (2 - t), 4 - 3 * s * s * (2 - s), t**3]) / 6
    slopes = np.array([-s * s, t * (3 * t - 4), -s * (3 * s - 4), t * t]) / 2
    return values, slopes


def _taps(position: Floats, count: int) -> tuple[Index, Floats, Floats]:
    """First tap in the ringed table, weights and slopes; far positions see the ring alone."""
    position = np.clip(np.nan_to_num(position), -2.0, count + 1.0)
    whole = np.minimum(np.floor(position), count)
    return (whole.astype(np.int64) - 1 + RING, *weights(position - whole))


def _interpolating(values: Floats) -> Floats:
    """Solve for the coefficients along rows, then along columns."""
    found = np.asarray(values, np.float64)
    for axis in (0, 1):
        count = found.shape[axis]
        band = np.eye(count) * (4 / 6) + (np.eye(count, k=1) + np.eye(count, k=-1)) / 6
        found = np.moveaxis(np.linalg.solve(band, np.moveaxis(found, axis, 0)), 0, axis)
    return np.asarray(found)
