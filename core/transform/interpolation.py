# SPDX-License-Identifier: GPL-2.0-or-later
"""Values of an image between its pixels, by kernels that keep straight lines, also next to holes.

Positions are exact (float64), values in the calculation type. The result of a position does not
depend on what else is computed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Mask
from .fractions import WEIGHTS, cubic_spline, linear
from .kernels import Floats, Integers

POLE = np.sqrt(3.0) - 2.0

PREFILTER = 12
"""Pixels to each side that a spline coefficient looks at: POLE ** 12 is below single precision."""

STRIP = 32
"""Rows that are computed together, so that what is held stays in the processor's cache."""

ROUNDING = 1e-5
"""Shares of valid pixels that differ from a limit by less are rounding."""


def reach(resampling: str) -> int:
    """Return how many pixels beyond a position a kernel looks."""
    taps = WEIGHTS[resampling][0]
    return taps // 2 + (PREFILTER if resampling == "bspline" else 0)


@dataclass(frozen=True)
class Source:
    """Pixels to interpolate in: values[band, row, col] in the calculation type.

    `valid` [row, col] is None where everything is; values are 0 where it is False.
    """

    values: Array
    valid: Mask | None

    @classmethod
    def of(cls, values: Array, valid: Mask, kind: np.dtype[Any]) -> Source:
        """Take pixels as they are read; values that are not finite count as holes."""
        if kind.kind == "f" and values.dtype.kind == "f":
            valid = valid & np.isfinite(values).all(0)
        if valid.all():
            return cls(values.astype(kind, copy=False), None)
        return cls(np.where(valid, values, values.dtype.type(0)).astype(kind, copy=False), valid)


def interpolated(
    source: Source, x: Floats, y: Floats, resampling: str, *, parallel: bool = False
) -> tuple[Array, Array]:
    """Return values[band, row, col] at positions, and the share of valid pixels round each.

    x and y are columns and rows of the source, [row, col]; `parallel` ones are [1, col] and
    [row, 1]. Every kernel must lie inside. Where all pixels that a kernel looks at are valid it is
    used; elsewhere those of the two by two nearest that are valid share the weight (for B-splines,
    cubic convolution comes between). The share is bilinear too.
    """
    shape = np.broadcast(x, y).shape
    values = np.zeros((len(source.values), *shape), source.values.dtype)
    share = np.ones(shape, source.values.dtype)
    plain = "cubic" if resampling == "bspline" else resampling
    kernels = [_Kernel.of(source, plain, parallel)]
    if resampling == "bspline":
        kernels.append(_Kernel.spline(source, parallel))
    for rows in _strips(shape[0]):
        at = _Place.of(x if parallel else x[rows], y[rows], source.values.dtype)
        _fill(values[:, rows], share[rows], source, at, kernels)
    return values, share


def _strips(count: int) -> Iterator[slice]:
    return (slice(row, min(row + STRIP, count)) for row in range(0, count, STRIP))


@dataclass(frozen=True)
class _Place:
    """Positions as whole pixels and fractions of one."""

    col: Integers
    row: Integers
    across: Array
    down: Array

    @classmethod
    def of(cls, x: Floats, y: Floats, kind: np.dtype[Any]) -> _Place:
        col, row = np.floor(x), np.floor(y)
        return cls(
            col.astype(np.intp),
            row.astype(np.intp),
            np.subtract(x, col).astype(kind),
            np.subtract(y, row).astype(kind),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return np.broadcast(self.col, self.row).shape

    def chosen(self, where: tuple[Integers, ...]) -> _Place:
        """Some of the positions, in a row."""
        both = (np.broadcast_to(a, self.shape)[where] for a in (self.col, self.row))
        fractions = (np.broadcast_to(a, self.shape)[where] for a in (self.across, self.down))
        return _Place(*both, *fractions)


@dataclass(frozen=True)
class _Kernel:
    """Weights, the values that they weigh, and where those are whole (None: everywhere)."""

    taps: int
    weights: Callable[[Array], tuple[Array, ...]]
    values: Array
    whole: Mask | None
    parallel: bool

    @classmethod
    def of(cls, source: Source, resampling: str, parallel: bool) -> _Kernel:
        taps, weights = WEIGHTS[resampling]
        whole = None if source.valid is None else _all_inside(source.valid, taps, 0)
        return cls(taps, weights, source.values, whole, parallel)

    @classmethod
    def spline(cls, source: Source, parallel: bool) -> _Kernel:
        """The B-spline; whole only where the prefilter too has seen nothing but valid pixels."""
        valid = np.ones(source.values.shape[1:], bool) if source.valid is None else source.valid
        coefficients = np.stack([_prefiltered(band) for band in source.values])
        whole = _all_inside(valid, 4, PREFILTER)
        return cls(4, cubic_spline, coefficients, whole, parallel)

    def complete(self, at: _Place) -> Mask | None:
        """Where all that it looks at is valid; None for everywhere."""
        if self.whole is None:
            return None
        before = self.taps // 2 - 1
        found = self.whole[at.row - before, at.col - before]
        return None if found.all() else found

    def sums(self, out: Array, at: _Place) -> None:
        """Write the weighted sums of each band."""
        across, down = self.weights(at.across), self.weights(at.down)
        weigh = _separable if self.parallel else _general
        weigh(out, self.values, at, across, down)


def _fill(values: Array, share: Array, source: Source, at: _Place, kernels: list[_Kernel]) -> None:
    """Compute a strip: the plain kernel, the finer one where it can, shares beside holes."""
    kernels[0].sums(values, at)
    for finer in kernels[1:]:
        complete = finer.complete(at)
        better = np.empty_like(values)
        finer.sums(better, at)
        np.copyto(values, better, where=True if complete is None else complete)
    complete = kernels[0].complete(at)
    if complete is None or source.valid is None:
        return
    where = np.nonzero(~complete)
    few = at.chosen(where)
    across, down = linear(few.across), linear(few.down)
    total = np.zeros((1, few.col.size), values.dtype)
    _general(total, source.valid[None].astype(values.dtype), few, across, down)
    found = np.empty((len(values), few.col.size), values.dtype)
    _general(found, source.values, few, across, down)
    total[0][np.abs(total[0] - 1) < ROUNDING] = 1
    values[:, where[0], where[1]] = found / np.where(total > 0, total, 1)
    share[where] = total[0]


def _separable(
    out: Array, values: Array, at: _Place, across: tuple[Array, ...], down: tuple[Array, ...]
) -> None:
    """Rows first, then columns: positions whose rows and columns are those of the source."""
    before = len(across) // 2 - 1
    rows, cols = at.row.ravel() - before, at.col.ravel() - before
    first, last = int(cols.min()), int(cols.max()) + len(across)
    line = _picked(values[:, :, first:last], rows, 1) * down[0]
    for k, weight in enumerate(down[1:], 1):
        line += _picked(values[:, :, first:last], rows + k, 1) * weight
    for m, weight in enumerate(across):
        part = _picked(line, cols - first + m, 2) * weight
        if m:
            np.add(out, part, out=out)
        else:
            out[...] = part


def _picked(values: Array, index: Integers, axis: int) -> Array:
    """Rows or columns in a given order; a view when they are neighbors."""
    start, stop = int(index[0]), int(index[-1]) + 1
    if stop - start == len(index) and (len(index) == 1 or bool((np.diff(index) == 1).all())):
        return values[:, start:stop] if axis == 1 else values[:, :, start:stop]
    return np.take(values, index, axis)


def _general(
    out: Array, values: Array, at: _Place, across: tuple[Array, ...], down: tuple[Array, ...]
) -> None:
    """Tap by tap, from anywhere."""
    width = values.shape[2]
    before = len(across) // 2 - 1
    index = (at.row - before) * width + (at.col - before)
    line, part = np.empty_like(out[0]), np.empty_like(out[0])
    for target, band in zip(out, values):
        flat = band.reshape(-1)
        for k, weight in enumerate(down):
            for m, along in enumerate(across):
                np.take(flat[k * width + m :], index, out=part, mode="clip")
                np.multiply(part, along, out=part if m else line)
                if m:
                    np.add(line, part, out=line)
            if k:
                np.multiply(line, weight, out=line)
                np.add(target, line, out=target)
            else:
                np.multiply(line, weight, out=target)


def _all_inside(valid: Mask, taps: int, beyond: int) -> Mask:
    """[row, col]: whether taps x taps pixels from there on, and `beyond` round them, are valid."""
    found = valid
    for axis in (0, 1):
        before = found
        size = before.shape[axis]
        found = np.zeros_like(before)
        inner = slice(beyond, size - taps - beyond + 1)
        if inner.stop > inner.start:
            target = found[inner] if axis == 0 else found[:, inner]
            target[...] = True
            for step in range(taps + 2 * beyond):
                part = slice(step, step + inner.stop - inner.start)
                target &= before[part] if axis == 0 else before[:, part]
    return found


def _prefiltered(band: Array) -> Array:
    """Coefficients of the B-spline, by a symmetric sum of a fixed number of pixels.

    Unser 1999 (doi:10.1109/79.799930); a recursion would depend on where the window begins.
    """
    found = band
    powers = np.sqrt(3.0) * POLE ** np.arange(PREFILTER + 1)
    for _ in (0, 1):
        ringed = np.pad(found, ((PREFILTER, PREFILTER), (0, 0)))
        size = len(found)
        total = found * band.dtype.type(powers[0])
        for step, power in enumerate(powers[1:], 1):
            pair = ringed[PREFILTER - step :][:size] + ringed[PREFILTER + step :][:size]
            pair *= band.dtype.type(power)
            total += pair
        found = np.ascontiguousarray(total.T)
    return found
