# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of ground that several images see."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..image import Array, Image, read_padded
from ..windows import Window


@dataclass(frozen=True)
class Seams:
    """Which image each pixel belongs to.

    `labels` is an image of the number (from 1) of the seam cell's image at each pixel, 0 = no cell.
    `complete` cells hold every valid pixel, so that there is nothing to fill outside of them.
    """

    labels: Image
    complete: bool = False


def labels_in(labels: Image, window: Window) -> Array:
    """Return the labels[row, col] of a window; one label everywhere takes no memory."""
    only = getattr(labels, "only", None)
    if only is not None and labels.grid.window.contains(window):
        label = only(window)
        if label is not None:
            return np.broadcast_to(np.int32(label), window.shape)
    found: Array = read_padded(labels, window).values[0]
    return found


def present(labels: Array) -> list[int]:
    """Return the numbers (from 0) of the images that have a label."""
    if labels.strides == (0, 0):
        return [int(labels[0, 0]) - 1] if labels.size and labels[0, 0] else []
    flat = labels.ravel()
    # labels come in runs, and looking at their ends is cheaper than counting
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), flat.size - 1)
    found: list[int] = np.flatnonzero(np.bincount(flat[ends[ends >= 0]])).tolist()
    return [label - 1 for label in found if label > 0]


@dataclass(frozen=True)
class Overlap:
    """The rule, the seams it follows, and how it mixes images beside them.

    With `fill`, where the cell's image is not valid the next valid one in the order of the rule is
    taken. `width` is the blend width in pixels, `precision` the type of calculations.
    """

    rule: str = "last"
    seams: Seams | None = None
    width: int = 32
    fill: bool = True
    precision: str = "auto"

    @property
    def levels(self) -> int:
        """Levels of the pyramids with which images are mixed."""
        return max(1, round(math.log2(self.width)))
