# SPDX-License-Identifier: GPL-2.0-or-later
"""Weighted sums of the source pixels that taps touch; where pixels are not valid, what is left."""

from __future__ import annotations

import numpy as np

from ..image import Array, Mask, Pixels
from ..windows import Window
from .kernels import Floats, Integers

FAR = -1e9
"""Position of a pixel that has no place in the source."""

Taps = tuple[Integers, Floats]


def touched(x: Taps, y: Taps) -> Window:
    """Source window that the taps touch."""
    far = int(FAR / 2)
    cols, rows = x[0], y[0]
    cols, rows = cols[cols > far], rows[rows > far]
    if not cols.size or not rows.size:
        return Window(0, 0, 0, 0)
    col, row = int(cols.min()), int(rows.min())
    right, bottom = int(cols.max()) + len(x[1]), int(rows.max()) + len(y[1])
    return Window(col, row, right - col, bottom - row)


def clipped(index: Integers, start: int, size: int) -> tuple[Integers, Mask]:
    """Indices inside an array that starts at `start`, and where they really lie in it."""
    index = index - start
    inside = (index >= 0) & (index < size)
    return np.clip(index, 0, size - 1), inside


def nearest(cols: Floats, rows: Floats, needed: Window) -> tuple[Integers, Integers]:
    """Return (row, column) of the nearest pixels in an array that covers a window."""
    ix, _ = clipped(np.floor(cols + 0.5).astype(np.int64), needed.col, needed.width)
    iy, _ = clipped(np.floor(rows + 0.5).astype(np.int64), needed.row, needed.height)
    return iy, ix


def valid_at(valid: Mask, cols: Floats, rows: Floats, needed: Window) -> Mask:
    """Return whether the source pixel under each position is there and valid."""
    ix, inside_x = clipped(np.floor(cols + 0.5).astype(np.int64), needed.col, needed.width)
    iy, inside_y = clipped(np.floor(rows + 0.5).astype(np.int64), needed.row, needed.height)
    return np.asarray(valid[iy, ix] & inside_x & inside_y)


def wholly_valid(valid: Mask, x: Taps, y: Taps, needed: Window) -> Mask:
    """Return where every source pixel with a weight is there and valid."""
    good: Mask = np.ones(np.broadcast(x[0], y[0]).shape, bool)
    for ky, wy in enumerate(y[1]):
        iy, inside_y = clipped(y[0] + ky, needed.row, needed.height)
        for kx, wx in enumerate(x[1]):
            ix, inside_x = clipped(x[0] + kx, needed.col, needed.width)
            good &= (valid[iy, ix] & inside_x & inside_y) | (wx == 0) | (wy == 0)
    return good


def blanked(values: Array, valid: Mask) -> Pixels:
    """Pixels that are 0 where not valid: what lies there would depend on the window."""
    if valid.all():
        return Pixels(values, valid)
    return Pixels(np.where(valid, values, values.dtype.type(0)), valid)


def finite_only(pixels: Pixels) -> Pixels:
    """Keep infinite values from spreading; their own pixels keep them."""
    if pixels.values.dtype.kind != "f" or np.isfinite(pixels.values).all():
        return pixels
    finite = np.isfinite(pixels.values)
    valid = pixels.valid & finite.all(0)
    return Pixels(np.where(finite, pixels.values, pixels.values.dtype.type(0)), valid)


def separable_sums(pixels: Pixels, x: Taps, y: Taps, needed: Window) -> tuple[Array, Array | None]:
    """Resample rows, then columns; invalid pixels take no part.

    Returns sums and, where something is missing, the weight that they have; the same for a
    pixel whatever else its window holds.
    """
    weight = (
        _inside_weight(x, needed.col, needed.width),
        _inside_weight(y, needed.row, needed.height),
    )
    everywhere = pixels.all_valid
    if everywhere and all(inside for _, _, inside in weight):
        return _two_passes(pixels.values, weight), None
    values = pixels.values
    values = values if everywhere else np.where(pixels.valid, values, values.dtype.type(0))
    share = _two_passes(pixels.valid.astype(values.dtype)[None], weight)
    return _two_passes(values, weight), share


Inside = tuple[list[Integers], Floats, bool]
"""Indices of each tap, weights that are 0 beyond the image, whether nothing lies beyond."""


def _inside_weight(axis: Taps, start: int, size: int) -> Inside:
    index, weights, whole = [], [], True
    for k, weight in enumerate(axis[1]):
        at, inside = clipped(np.ravel(axis[0]) + k, start, size)
        index.append(at)
        weights.append(np.where(inside, np.ravel(weight), 0.0))
        whole &= bool((inside | (np.ravel(weight) == 0)).all())
    return index, np.array(weights), whole


def _two_passes(values: Array, weight: tuple[Inside, Inside]) -> Array:
    (cols, wx, _), (rows, wy, _) = weight
    wx, wy = wx.astype(values.dtype), wy.astype(values.dtype)
    first = sum(values[:, at] * w[:, None] for at, w in zip(rows, wy))
    return np.asarray(sum(np.take(first, at, 2) * w for at, w in zip(cols, wx)))


def scattered_sums(pixels: Pixels, x: Taps, y: Taps, needed: Window) -> tuple[Array, Array]:
    """Resample at any positions, tap by tap; sums and weight, as `separable_sums`."""
    values = np.where(pixels.valid, pixels.values, pixels.values.dtype.type(0))
    found = np.zeros((len(values), *np.broadcast(x[0], y[0]).shape), values.dtype)
    share = np.zeros((1, *found.shape[1:]), values.dtype)
    for ky, wy in enumerate(y[1]):
        iy, inside_y = clipped(y[0] + ky, needed.row, needed.height)
        for kx, wx in enumerate(x[1]):
            ix, inside_x = clipped(x[0] + kx, needed.col, needed.width)
            weight = (wx * wy * (inside_x & inside_y)).astype(values.dtype)
            found += values[:, iy, ix] * weight
            share[0] += pixels.valid[iy, ix] * weight
    return found, share


def renormalized(found: Array, share: Array, values: Array, iy: Integers, ix: Integers) -> Array:
    """Divide by the weight of valid pixels; too little of it leaves the nearest pixel's value."""
    # rounding of the weights must not show where nothing is missing
    share = np.where(np.abs(share - 1) < 1e-5, share.dtype.type(1), share)
    enough = share > 0.2
    if enough.all():
        return np.asarray(found / share)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(enough, found / share, values[:, iy, ix])
