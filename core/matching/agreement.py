# SPDX-License-Identifier: GPL-2.0-or-later
"""Which parts of the evidence for a field agree with what their surroundings make of it.

Clouds, cars and water have texture that moves on its own, or seems to: what a part asks for by
itself is compared with the motion that all parts together led to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .evidence import Products
from .smoothing import PHASE, box_sum

Column = NDArray[np.float64]

AROUND = 8.0
"""Sigma of the surroundings that ask for one motion, px."""

CUT = 4.0
"""Deviations from which a part is not believed."""

PRIOR = 1.0
"""What a part may ask for without evidence, px."""

SMALLEST = 0.01
"""Deviation that is believed of the best parts, px."""


def agreement(products: Products, motion: tuple[Column, Column], trusted: float) -> Column:
    """Return weights[row, col] of the blocks, 0 to 1: Tukey's, of what each still asks for.

    `motion` [row, col]: what all blocks together led to at their centers, px; blocks with a trust
    above `trusted` tell how large differences usually are.
    """
    xx, xy, yy, xt, yt = (_around(part) for part in products.sums)
    dx, dy = motion
    xt, yt = xt - xx * dx - xy * dy, yt - xy * dx - yy * dy
    xx, yy = xx + PRIOR**-2, yy + PRIOR**-2
    det = xx * yy - xy * xy
    ask_x, ask_y = (yy * xt - xy * yt) / det, (xx * yt - xy * xt) / det
    length = ask_x**2 + ask_y**2
    known = products.trust > trusted
    usual = max(SMALLEST**2, float(np.median(length[known])) if known.any() else 0.0)
    # covariance of what is asked for: of the evidence itself, and of what is usual
    a, b, c = yy / det + usual, -xy / det, xx / det + usual
    square = (c * ask_x**2 - 2 * b * ask_x * ask_y + a * ask_y**2) / (a * c - b * b)
    return np.asarray(np.maximum(0.0, 1.0 - square / CUT**2) ** 2)


def _around(part: Column) -> Column:
    """Return sums over the surroundings of blocks."""
    sigma = AROUND / PHASE
    mean = box_sum(np.ascontiguousarray(part, np.float32), sigma)
    return np.asarray(mean, np.float64) * (4 * np.pi * sigma**2)
