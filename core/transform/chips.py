# SPDX-License-Identifier: GPL-2.0-or-later
"""Small squares of an image round many positions, moved as a whole by fractions of a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..deps import available, require
from ..image import Array
from .kernels import Floats
from .sampling import HALF, STEPS, weights

Index = NDArray[np.int64]

BEFORE = HALF - 1
"""Pixels that are needed before the first one of a chip, and one more behind the last."""


def cut(values: Array, row: Index, col: Index, side: int) -> Array:
    """Return chips[chip, side, side] of values[row, col] whose first pixels lie at (row, col)."""
    views = np.lib.stride_tricks.sliding_window_view(values, (side, side))
    return np.asarray(views[row, col])


def moved_cut(values: Array, row: Floats, col: Floats, side: int) -> Array:
    """Return chips[chip, side, side], float32, whose first pixels lie at fractional positions.

    As `lanczos` samples them (8 x 8 taps, positions rounded to 1/32 px), in two passes, since all
    pixels of a chip lie at one fraction. All pixels that are needed must lie inside and be valid.
    """
    first_row, down = _split(row)
    first_col, across = _split(col)
    wide = side + 2 * HALF - 1
    if not available("cv2"):
        return _two_passes(cut(values, first_row, first_col, wide), down, across, side)
    cv2 = require("cv2", "Sampling images")
    chips = np.empty((len(first_row), side, side), np.float32)
    inner = slice(BEFORE, BEFORE + side)
    anchor = (BEFORE, BEFORE)
    for chip, (top, left, y, x) in enumerate(zip(first_row, first_col, down, across)):
        source = values[top : top + wide, left : left + wide]
        chips[chip] = cv2.sepFilter2D(source, cv2.CV_32F, x, y, anchor=anchor)[inner, inner]
    return chips


def needed(row: Floats, col: Floats, side: int) -> tuple[Index, Index, int]:
    """Return the first row and column of the squares that `moved_cut` reads, and their side."""
    return _split(row)[0], _split(col)[0], side + 2 * HALF - 1


def _split(position: Floats) -> tuple[Index, Array]:
    """Return the first pixel that is needed, and the weights[position, tap]."""
    steps = np.rint(position * STEPS).astype(np.int64)
    return steps // STEPS - BEFORE, weights()[steps % STEPS]


def _two_passes(chips: Array, down: Array, across: Array, side: int) -> Array:
    taps = range(2 * HALF)
    rows = sum(chips[:, tap : tap + side] * down[:, tap, None, None] for tap in taps)
    columns = sum(rows[:, :, tap : tap + side] * across[:, tap, None, None] for tap in taps)
    return np.asarray(columns, np.float32)
