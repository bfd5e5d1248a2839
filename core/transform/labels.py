# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether an image holds labels (classes, masks), between which no values may be made up."""

from __future__ import annotations

import numpy as np

from ..image import Array, Image
from ..windows import Window

SAMPLES = 3
"""Windows looked at along each side."""

SIDE = 128

MOST_LABELS = 32
"""Values of a band of classes; measurements nearly always have more."""

ALIKE = 0.6
"""Share of neighbors that are equal where areas are labeled."""

EVIDENCE = 64
"""Valid pixels below which nothing can be told."""


def labels_in(image: Image) -> str:
    """Return why an image seems to hold labels ("a color table", "5 values"), "" if it does not.

    A color table says so; else one band of whole numbers of which a sample has two values, or a
    few in areas of equal ones.
    """
    if image.details.color_table:
        return "a color table"
    if image.bands != 1 or image.dtype.kind not in "iu":
        return ""
    values, equal, pairs = _sampled(image)
    if values.size < EVIDENCE:
        return ""
    count = len(np.unique(values))
    few = count == 2 or (2 < count <= MOST_LABELS and equal >= ALIKE * pairs)
    return f"{count} values only" if few else ""


def _sampled(image: Image) -> tuple[Array, int, int]:
    """Valid values, how many valid neighbors there are, and how many of them are equal."""
    grid, values = image.grid, [np.empty(0, image.dtype)]
    equal = pairs = 0
    for row in _starts(grid.height):
        for col in _starts(grid.width):
            found = image.read(Window(col, row, SIDE, SIDE).clipped(grid.window))
            band, valid = found.values[0], np.asarray(found.valid)
            values.append(band[valid])
            both = valid[:, 1:] & valid[:, :-1]
            pairs += int(np.count_nonzero(both))
            equal += int(np.count_nonzero((band[:, 1:] == band[:, :-1]) & both))
    return np.concatenate(values), equal, pairs


def _starts(size: int) -> list[int]:
    """First pixels of windows that are spread over a side."""
    last = max(0, size - SIDE)
    return sorted({round(last * step / (SAMPLES - 1)) for step in range(SAMPLES)})
