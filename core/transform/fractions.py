# SPDX-License-Identifier: GPL-2.0-or-later
"""Weights of the pixels round a position, from its fraction of a pixel; straight lines are kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..image import Array

STEPS = 8192
"""Fractions for which Lanczos's weights are tabulated: positions are right to .0001 px."""

Weights = Callable[[Array], tuple[Array, ...]]


def linear(t: Array) -> tuple[Array, ...]:
    """Return the weights of the two nearest pixels; t in 0..1 from the first."""
    return 1 - t, t


def keys(t: Array) -> tuple[Array, ...]:
    """Return Keys' four weights with a = -1/2 (doi:10.1109/TASSP.1981.1163711)."""
    square = t * t
    before = ((-0.5 * t + 1) * t - 0.5) * t
    here = (1.5 * t - 2.5) * square + 1
    behind = (0.5 * t - 0.5) * square
    return before, here, 1 - here - before - behind, behind


def cubic_spline(t: Array) -> tuple[Array, ...]:
    """Return the weights of four coefficients of a cubic B-spline."""
    s = 1 - t
    before, behind = s * s * s / 6, t * t * t / 6
    here = (4 - 3 * t * t * (1 + s)) / 6
    return before, here, 1 - here - before - behind, behind


def lanczos(t: Array) -> tuple[Array, ...]:
    """Return six weights of Lanczos's kernel, tabulated."""
    table = _lanczos_table(t.dtype.char)
    index = np.rint(t * t.dtype.type(STEPS)).astype(np.intp)
    return tuple(np.take(column, index, mode="clip") for column in table)


WEIGHTS: dict[str, tuple[int, Weights]] = {
    "bilinear": (2, linear),
    "cubic": (4, keys),
    "lanczos": (6, lanczos),
    "bspline": (4, cubic_spline),
}
"""Number of pixels that count along an axis, and their weights."""


@lru_cache(maxsize=2)
def _lanczos_table(kind: str) -> Array:
    """Weights[tap, fraction] whose sum is 1 and whose middle is where it should be.

    The plain kernel would move a straight line by up to .02 px; the two middle taps make up.
    """
    t = np.arange(STEPS + 1) / STEPS
    at = np.arange(-2.0, 4.0)[:, None] - t
    found: Any = np.sinc(at) * np.sinc(at / 3)
    found /= found.sum(0)
    off = (found * at).sum(0)
    found[2] += off
    found[3] -= off
    return np.ascontiguousarray(found.astype(kind))
