# SPDX-License-Identifier: GPL-2.0-or-later
"""Where labels change, and what lies near."""

from __future__ import annotations

import numpy as np

from ..image import Array, Mask
from .feather import column_distance


def borders(labels: Array) -> Mask:
    """Return the pixels of labels[row, col] with a neighbor of another label; 0 is none."""
    found = np.zeros(labels.shape, bool)
    for turned, marks in ((labels, found), (labels.T, found.T)):
        apart = (turned[1:] != turned[:-1]) & (turned[1:] > 0) & (turned[:-1] > 0)
        marks[1:] |= apart
        marks[:-1] |= apart
    return found


def within(marks: Mask, radius: int, part: slice = slice(None)) -> Mask:
    """Return the pixels whose center is at most radius pixels from a marked one's, exactly.

    Each pixel of a column that is d rows from a mark marks the pixels beside it that the circle
    still covers. Only the rows of the part are returned.
    """
    if not marks.any():
        return np.zeros(marks.shape, bool)[part]
    away = column_distance(~marks, radius + 1)[part]
    rows, cols = away.shape
    row, col = np.nonzero(away <= radius)
    half = np.floor(np.sqrt(radius**2 - np.arange(radius + 1.0) ** 2)).astype(np.intp)
    reach = half[away[row, col]]
    line = row * (cols + 1)
    size = rows * (cols + 1)
    covered = np.bincount(line + np.maximum(col - reach, 0), minlength=size)
    covered -= np.bincount(line + np.minimum(col + reach + 1, cols), minlength=size)
    return np.asarray(covered.reshape(rows, cols + 1)[:, :-1].cumsum(1) > 0)
