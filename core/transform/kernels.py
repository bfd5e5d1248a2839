# SPDX-License-Identifier: GPL-2.0-or-later
"""One-dimensional resampling kernels: which source pixels count for a position, and how much."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEGLIGIBLE = 1e-6
"""Weights below this are rounding noise of positions and count as nothing."""

WIDENING = 1.01
"""Scale above which kernels widen; below, a straight line is kept exactly."""


def _triangle(t: Floats) -> Floats:
    return np.maximum(0.0, 1.0 - np.abs(t))


def _cubic(t: Floats) -> Floats:
    """Keys' cubic with a = -1/2 (doi:10.1109/TASSP.1981.1163711)."""
    t = np.abs(t)
    near = (1.5 * t - 2.5) * t * t + 1.0
    far = ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


def _lanczos(t: Floats) -> Floats:
    return np.where(np.abs(t) < 3, np.sinc(t) * np.sinc(t / 3), 0.0)


KERNELS: dict[str, tuple[Callable[[Floats], Floats], int]] = {
    "bilinear": (_triangle, 1),
    "cubic": (_cubic, 2),
    "lanczos": (_lanczos, 3),
}
"""Weight function and half width in pixels."""


def taps(position: Floats, resampling: str, scale: float) -> tuple[Integers, Floats]:
    """Return (first source index, weights[tap, ...]) for positions in source pixels.

    Position 0 is the center of the first pixel. `scale` is the source distance between
    neighboring positions: above 1 the kernel widens with it, so that nothing is skipped.
    """
    if resampling == "nearest":
        first = np.floor(position + 0.5).astype(np.int64)
        return first, np.ones((1, *position.shape))
    if resampling == "average":
        return _area(position, scale)
    kernel, half = KERNELS[resampling]
    stretch = scale if scale > WIDENING else 1.0
    first = np.floor(position - half * stretch).astype(np.int64) + 1
    steps = np.arange(math.ceil(2 * half * stretch)).reshape(-1, *[1] * position.ndim)
    return first, _normalized(kernel((first + steps - position) / stretch))


def _area(position: Floats, scale: float) -> tuple[Integers, Floats]:
    """Weights by how much of the target pixel each source pixel covers."""
    half = max(scale, 1e-9) / 2
    first = np.floor(position - half + 0.5).astype(np.int64)
    steps = np.arange(math.ceil(2 * half) + 1).reshape(-1, *[1] * position.ndim)
    low = np.maximum(first + steps - 0.5, position - half)
    high = np.minimum(first + steps + 0.5, position + half)
    return first, _normalized(np.maximum(0.0, high - low))


def _normalized(weights: Floats) -> Floats:
    weights[np.abs(weights) < NEGLIGIBLE] = 0.0
    return np.asarray(weights / weights.sum(0))
