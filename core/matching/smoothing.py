# SPDX-License-Identifier: GPL-2.0-or-later
"""Means over a neighborhood that leave invalid pixels out, derivatives, and coarser copies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deps import available, require

Floats = NDArray[np.float32]
Profile = NDArray[np.float64]
Mask = NDArray[np.bool_]
Shape = tuple[int, ...]
Origin = tuple[int, int]
"""Column and row of an array's first pixel on the working grid."""

PHASE = 4
"""Side in px of the blocks of `reduced`; they begin at multiples of it on the working grid."""

PASSES = 3
"""Box means run one after the other: their shape comes within 3 % of a Gaussian."""

NO_WEIGHT = 1e-5
"""Share of valid weight below which nothing is known."""

NOTHING_MISSING = 1e-6
"""Share of the weight that rounding can take away."""

DERIVATIVE = np.array([1, -8, 0, 8, -1], np.float32) / np.float32(12)
"""Taps of the derivative, exact for polynomials up to the fourth degree."""

REACH = 2
"""Pixels that the derivative looks to each side."""

PURPOSE = "Filtering images fast"


def box_width(sigma: float) -> int:
    """Return the odd width whose three box means spread like a Gaussian of sigma px."""
    return 2 * int(math.sqrt(4 * sigma * sigma + 1) / 2) + 1


def box_reach(sigma: float) -> int:
    """Return how many pixels `box_mean` looks to each side."""
    return PASSES * (box_width(sigma) // 2)


def box_mean(values: Floats, weight: Floats | None, sigma: float) -> Floats:
    """Return the mean of float32 [h, w] over a window of about a Gaussian's shape.

    `weight` is the share of each pixel that counts, None when all do; values must be 0 where it
    is 0. What lies beyond the array does not count. About 0 where nothing counts.
    """
    return _normalized(values, weight, _Boxes(box_width(sigma)))


def box_sum(values: Floats, sigma: float) -> Floats:
    """Return `box_mean` of values of which 0 lies beyond the array and counts."""
    return _boxes(values, box_width(sigma))


def gaussian_mean(values: Floats, weight: Floats | None, sigma: float) -> Floats:
    """Return the mean under a Gaussian, cut at 4 sigma; the rest is as in `box_mean`."""
    return _normalized(values, weight, _Gauss(sigma))


def averaged(values: Floats, width: int, out: Floats | None = None) -> Floats:
    """Return the mean over width x width px; what lies beyond the array counts as 0.

    `out`: memory that may take the result, `values` itself for example.
    """
    if available("cv2"):
        cv2 = require("cv2", PURPOSE)
        box = (width, width)
        return np.asarray(cv2.blur(values, box, dst=out, borderType=cv2.BORDER_CONSTANT))
    return _box(_box(values, width, 0), width, 1)


def largest(values: Floats) -> Floats:
    """Return the largest value of the 3 x 3 px around each one."""
    if available("cv2"):
        cv2 = require("cv2", PURPOSE)
        return np.asarray(cv2.dilate(values, np.ones((3, 3), np.uint8)))
    for axis in (0, 1):
        before, after = (
            (slice(None),) * axis + (slice(-1),),
            (slice(None),) * axis + (slice(1, None),),
        )
        grown = values.copy()
        np.maximum(grown[after], values[before], out=grown[after])
        np.maximum(grown[before], values[after], out=grown[before])
        values = grown
    return values


def gradient(values: Floats) -> tuple[Floats, Floats]:
    """Return the derivatives along x and y of float32 [h, w] per px; 0 lies beyond the array."""
    one = np.ones(1, np.float32)
    return _convolved(values, DERIVATIVE, one), _convolved(values, one, DERIVATIVE)


def inner(valid: Mask, reach: int = REACH) -> Mask:
    """Return the pixels that have `reach` valid ones on each of their four sides."""
    padded = np.pad(valid, reach)
    height, width = valid.shape
    kept = valid.copy()
    for step in range(2 * reach + 1):
        kept &= padded[step : step + height, reach : reach + width]
        kept &= padded[reach : reach + height, step : step + width]
    return kept


def weight_of(valid: Mask) -> Floats | None:
    """Return the weight of pixels, None when all are valid."""
    return None if valid.all() else valid.astype(np.float32)


def aligned(shape: Shape, origin: Origin) -> bool:
    """Return True when an array consists of whole blocks of `reduced`."""
    return not any(size % PHASE for size in (*shape, *origin))


def reduced(values: Floats, origin: Origin = (0, 0)) -> Floats:
    """Return means over blocks of PHASE x PHASE px that begin at multiples of it.

    Pixels of a block that lie beyond the array count as 0.
    """
    if not aligned(values.shape, origin):
        left, top = origin[0] % PHASE, origin[1] % PHASE
        bottom, right = (-(n + s) % PHASE for n, s in zip(values.shape, (top, left)))
        values = np.pad(values, ((top, bottom), (left, right)))
    height, width = (size // PHASE for size in values.shape)
    if available("cv2"):
        cv2 = require("cv2", PURPOSE)
        return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA))
    blocks = values.reshape(height, PHASE, width, PHASE)
    return np.asarray(blocks.sum(3).sum(1) / np.float32(PHASE * PHASE), np.float32)


def reduced_weight(weight: Floats | None, shape: Shape, origin: Origin = (0, 0)) -> Floats | None:
    """Return the share of each block that counts, None when all of all do."""
    if weight is None and aligned(shape, origin):
        return None
    return reduced(np.ones(shape, np.float32) if weight is None else weight, origin)


def enlarged(coarse: Floats, shape: Shape, origin: Origin = (0, 0)) -> Floats:
    """Return an array [h, w] at `origin`, bilinear between the block centers of `reduced`."""
    left, top = origin[0] % PHASE, origin[1] % PHASE
    if available("cv2"):
        cv2 = require("cv2", PURPOSE)
        size = (coarse.shape[1] * PHASE, coarse.shape[0] * PHASE)
        full = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(full[top : top + shape[0], left : left + shape[1]])
    rows = _interpolated(coarse, (np.arange(shape[0]) + top + 0.5) / PHASE - 0.5)
    return _interpolated(rows.T, (np.arange(shape[1]) + left + 0.5) / PHASE - 0.5).T


def _interpolated(values: Floats, at: Profile) -> Floats:
    """Read rows of an array at positions, bilinear, the border held."""
    at = np.clip(at, 0, len(values) - 1)
    first = np.minimum(at.astype(np.int64), max(0, len(values) - 2))
    after = np.minimum(first + 1, len(values) - 1)
    share = (at - first).astype(np.float32)[:, None]
    return np.asarray(values[first] * (1 - share) + values[after] * share)


Smoothing = Callable[[Floats], Floats]


@dataclass(frozen=True)
class _Boxes:
    """Three box means."""

    width: int

    def __call__(self, values: Floats) -> Floats:
        return _boxes(values, self.width)


@dataclass(frozen=True)
class _Gauss:
    """A Gaussian, cut at 4 sigma."""

    sigma: float

    def __call__(self, values: Floats) -> Floats:
        taps = _gaussian(self.sigma)
        return _convolved(values, taps, taps)


def _normalized(values: Floats, weight: Floats | None, smooth: Smoothing) -> Floats:
    """Divide smoothed values by the smoothed weight of what counts."""
    found, borders = smooth(values), _borders(values.shape, smooth)
    if weight is not None:
        share = smooth(weight)
        for where, part in borders:
            share[where] /= part
        # far from what is missing the last digits are those of windows where nothing is
        share[share > 1 - NOTHING_MISSING] = 1
        found /= np.maximum(share, NO_WEIGHT, out=share)
    for where, part in borders:
        found[where] /= part
    return found


def _borders(shape: Shape, smooth: Smoothing) -> list[tuple[tuple[Any, Any], Floats]]:
    """Return rows and columns that look beyond an array, and the share of them that it holds."""
    rest = slice(None)
    (rows, down), (cols, across) = (_border(size, smooth, available("cv2")) for size in shape)
    return [((rows, rest), down[:, None]), ((rest, cols), across[None])]


@lru_cache(maxsize=256)
def _border(size: int, smooth: Smoothing, fast: bool) -> tuple[NDArray[np.int64], Floats]:
    """Return places along an axis and their shares; `fast`: OpenCV is there, which rounds."""
    line = np.ones((size, 1), np.float32)
    # a line of one pixel loses what lies beside it as well: the root of what one pixel keeps
    share = smooth(line).ravel() / math.sqrt(smooth(line[:1]).item())
    partial = np.flatnonzero(share < 1 - NO_WEIGHT)
    return partial, share[partial]


def _gaussian(sigma: float) -> Floats:
    reach = math.ceil(4 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


def _boxes(values: Floats, width: int) -> Floats:
    """Run three box means; sums are taken in double, 0 lies beyond the array."""
    found = averaged(values, width)
    for _ in range(1, PASSES):
        found = averaged(found, width, out=found)
    return found


def _box(values: Floats, width: int, axis: int) -> Floats:
    """Return the box mean along an axis by differences of cumulative sums."""
    half = width // 2
    ends = [(0, 0), (0, 0)]
    ends[axis] = (half + 1, half)
    sums = np.cumsum(np.pad(values, ends), axis=axis, dtype=np.float64)
    size = values.shape[axis]
    high, low = _shifted(sums, axis, width, size), _shifted(sums, axis, 0, size)
    return np.asarray((high - low) * (1 / width), np.float32)


def _shifted(values: NDArray[Any], axis: int, start: int, size: int) -> NDArray[Any]:
    return values[start : start + size] if axis == 0 else values[:, start : start + size]


def _convolved(values: Floats, along_x: Floats, along_y: Floats) -> Floats:
    """Apply taps along x and along y (as correlation); 0 lies beyond the array."""
    if available("cv2"):
        cv2 = require("cv2", PURPOSE)
        zero = cv2.BORDER_CONSTANT
        return np.asarray(cv2.sepFilter2D(values, cv2.CV_32F, along_x, along_y, borderType=zero))
    return _taps(_taps(values, along_y, 0), along_x, 1)


def _taps(values: Floats, taps: Floats, axis: int) -> Floats:
    half, size = len(taps) // 2, values.shape[axis]
    if not half:
        return np.asarray(values * taps[0])
    ends = [(0, 0), (0, 0)]
    ends[axis] = (half, half)
    padded = np.pad(values, ends)
    found = np.zeros_like(values)
    part = np.empty_like(values)
    for start, tap in enumerate(taps):
        if tap:
            found += np.multiply(_shifted(padded, axis, start, size), tap, out=part)
    return found
