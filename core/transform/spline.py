# SPDX-License-Identifier: GPL-2.0-or-later
"""Cubic B-splines: values of an image between its pixels, exact to 0.001 px.

Unser 1999, "Splines: a perfect fit for signal and image processing", doi:10.1109/79.799930.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deps import available, require
from ..image import Mask

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

POLE = np.sqrt(3.0) - 2.0
REACH = 16
"""Pixels beyond which the prefilter does not look: POLE ** 16 is 1e-9."""

TAPS = -6 * POLE / (1 - POLE * POLE) * POLE ** np.abs(np.arange(-REACH, REACH + 1.0))
"""The prefilter as the sum that its recursions stand for."""

PURPOSE = "Sampling images exactly"

PIECE = 1 << 16

BEYOND = 1e-9
"""Pixels outside the first and last center that rounding may put a position there."""

SPREADS = (1, 4, 16)
"""Half widths in px of the means that fill holes, so that nothing rings beside them."""


@dataclass(frozen=True)
class Continuous:
    """An image between its pixels: coefficients[row, col], and where the pixels are valid.

    `whole`: True where the 4 x 4 px whose first is one above and left are valid; None =
    everywhere.
    """

    spline: Singles
    whole: Mask | None

    @classmethod
    def of(cls, values: NDArray[np.float32], valid: Mask) -> Continuous:
        """Prepare values[row, col] with their validity; what invalid pixels hold is ignored."""
        if valid.all():
            return cls(coefficients(np.asarray(values, np.float32)), None)
        return cls(coefficients(filled(values, valid)), _four(valid))

    def at(self, x: Floats, y: Floats) -> tuple[Singles, Mask]:
        """Return the values at positions, 0 where not valid, and where they are valid.

        Valid: inside the image, and all pixels of the kernel are.
        """
        inside = self.inside(x, y)
        values = sampled(self.spline, x, y)
        return np.where(inside, values, np.float32(0)), inside

    def inside(self, x: Floats, y: Floats) -> Mask:
        """Return where positions have a whole kernel of valid pixels."""
        rows, cols = self.spline.shape
        inside = (x >= -BEYOND) & (y >= -BEYOND) & (x <= cols - 1 + BEYOND)
        inside &= y <= rows - 1 + BEYOND
        if self.whole is not None:
            col = np.clip(np.nan_to_num(x), 0, max(0, cols - 2)).astype(np.int64)
            row = np.clip(np.nan_to_num(y), 0, max(0, rows - 2)).astype(np.int64)
            inside &= self.whole[row, col]
        return np.asarray(inside)


def filled(values: NDArray[np.float32], valid: Mask) -> Singles:
    """Return values whose holes hold what lies around them."""
    known = np.where(valid, values, np.float32(0)).astype(np.float64)
    weight = valid.astype(np.float64)
    found = known.copy()
    found[~valid] = known.sum() / max(1.0, weight.sum())
    for half in reversed(SPREADS):
        share = _mean(weight, half)
        near = ~valid & (share > BEYOND)
        found[near] = _mean(known, half)[near] / share[near]
    return found.astype(np.float32)


def _mean(values: Floats, half: int) -> Floats:
    """Return the mean over 2 half + 1 px each way; what lies beyond counts as 0."""
    for _ in range(2):
        sums = np.pad(np.cumsum(values, 0), ((half + 1, 0), (0, 0)))
        sums = np.concatenate((sums, np.repeat(sums[-1:], half, 0)))
        values = ((sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)).T
    return values


def _four(valid: Mask) -> Mask:
    """Return where the pixel, the one before and the two after are valid along both axes."""
    for _ in range(2):
        padded = np.pad(valid, ((1, 2), (0, 0)), constant_values=True)
        valid = np.logical_and.reduce([padded[k : k + len(valid)] for k in range(4)]).T
    return valid


def coefficients(values: NDArray[np.float32]) -> Singles:
    """Return the spline coefficients of values[row, col], mirrored at the borders."""
    if available("cv2") and min(values.shape) > 2 * REACH:
        cv2 = require("cv2", PURPOSE)
        # what is far from 0 would be rounded; the filter leaves means as they are
        mean = np.float32(values.mean(dtype=np.float64))
        around = np.ascontiguousarray(values, np.float32) - mean
        mirrored = cv2.BORDER_REFLECT_101
        found = cv2.sepFilter2D(around, cv2.CV_32F, TAPS, TAPS, borderType=mirrored)
        found += mean
        return np.asarray(found)
    if available("scipy"):
        ndimage = require("scipy.ndimage", PURPOSE)
        return np.asarray(ndimage.spline_filter(values, 3, np.float32, mode="mirror"))
    return np.ascontiguousarray(_filtered(_filtered(values).T).T, np.float32)


def sampled(spline: Singles, x: Floats, y: Floats) -> Singles:
    """Return the values at positions (x, y), column and row; outside, the border is held."""
    if _separable(x, y):
        return _on_lattice(spline, x[0], y[:, 0])
    found = np.empty(np.size(x), np.float32)
    col, row = np.ravel(x), np.ravel(y)
    for start in range(0, found.size, PIECE):
        part = slice(start, start + PIECE)
        found[part] = _piece(spline, col[part], row[part])
    return found.reshape(np.shape(x))


def _filtered(values: NDArray[np.floating[Any]]) -> Floats:
    """Filter down the columns: a causal and an anticausal recursion (Unser, box 2)."""
    found = np.array(values, np.float64)
    rows = len(found)
    if rows == 1:
        return found
    weights = POLE ** np.arange(rows)
    # the mirrored rows beyond the last one count where they are near
    weights[1:-1] += POLE ** (2 * rows - 2 - np.arange(1, rows - 1))
    near = slice(0, rows if rows <= 2 * REACH else 2 * REACH)
    found[0] = np.tensordot(weights[near], found[near], 1) / (1 - POLE ** (2 * rows - 2))
    for row in range(1, rows):
        found[row] += POLE * found[row - 1]
    found[-1] = POLE / (POLE * POLE - 1) * (found[-1] + POLE * found[-2])
    for row in range(rows - 2, -1, -1):
        found[row] = POLE * (found[row + 1] - found[row])
    return found * 6.0


def _separable(x: Floats, y: Floats) -> bool:
    """Return True when positions are those of columns and rows."""
    return np.ndim(x) == 2 and bool((x == x[:1]).all() and (y == y[:, :1]).all())


def _on_lattice(spline: Singles, x: Floats, y: Floats) -> Singles:
    """Return the values[row, col] where columns at x meet rows at y."""
    (col, along_x), (row, along_y) = (
        _weights(at, size) for at, size in ((x, spline.shape[1]), (y, spline.shape[0]))
    )
    needed = slice(max(0, int(row.min())), max(0, int(row.max())) + 4)
    lines = sum(
        weight * spline[needed].take(_mirrored(col + tap, spline.shape[1]), 1)
        for tap, weight in enumerate(along_x)
    )
    return np.asarray(
        sum(
            weight[:, None] * lines.take(_mirrored(row + tap, spline.shape[0]) - needed.start, 0)
            for tap, weight in enumerate(along_y)
        )
    )


def _piece(spline: Singles, x: Floats, y: Floats) -> Singles:
    rows, cols = spline.shape
    (col, along_x), (row, along_y) = _weights(x, cols), _weights(y, rows)
    flat = spline.ravel()
    value = np.zeros(x.size, np.float32)
    columns = [_mirrored(col + tap, cols) for tap in range(4)]
    for tap, weight in enumerate(along_y):
        first = _mirrored(row + tap, rows) * cols
        value += weight * sum(
            share * flat.take(first + column) for share, column in zip(along_x, columns)
        )
    return value


def _mirrored(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Reflect indices that lie beyond the border about its pixel."""
    if size == 1:
        return np.zeros_like(index)
    if index.size and index.min() >= 0 and index.max() < size:
        return index
    return np.clip(np.where(index >= size, 2 * size - 2 - index, np.abs(index)), 0, size - 1)


def _weights(position: Floats, size: int) -> tuple[NDArray[np.int64], Singles]:
    """Return the first of four taps, and the weights[tap]."""
    position = np.clip(position, 0.0, size - 1.0)
    whole = np.minimum(position.astype(np.int64), max(0, size - 2))
    t = (position - whole).astype(np.float32)
    s = 1 - t
    sixth = np.float32(1 / 6)
    tt, ss = t * t, s * s
    weights = (sixth * s * ss, sixth * (4 - 3 * tt * (2 - t)), sixth * (4 - 3 * ss * (2 - s)))
    return whole - 1, np.array((*weights, sixth * t * tt))
