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


def changes(labels: Array) -> Mask:
    """Return the pixels of labels[row, col] before or above one of another label, or of none."""
    found = np.zeros(labels.shape, bool)
    found[:-1] = labels[1:] != labels[:-1]
    found[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    return found


def within(marks: Mask, radius: int, part: slice = slice(None)) -> Mask:
    """Return the pixels whose center is at most radius pixels from a marked one's, exactly.

    Each pixel of a column that is d rows from a mark reaches as many pixels beside it as the circle
    is wide there, in steps of 1, 2, 4 ... pixels. Only the rows of the part are returned.
    """
    if not marks.any():
        return np.zeros(marks.shape, bool)[part]
    half = np.full(radius + 2, -1, np.int8 if radius < 128 else np.int16)
    half[:-1] = np.sqrt(radius**2 - np.arange(radius + 1.0) ** 2)
    reach = half[column_distance(~marks, radius + 1)[part]]
    step = 1
    while step <= radius:
        before, behind = reach[:, :-step] - step, reach[:, step:] - step
        np.maximum(reach[:, step:], before, out=reach[:, step:])
        np.maximum(reach[:, :-step], behind, out=reach[:, :-step])
        step *= 2
    return np.asarray(reach >= 0)
