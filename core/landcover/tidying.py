# SPDX-License-Identifier: GPL-2.0-or-later
"""Small parts of superpixels given to their neighbors, square by square.

What reaches over the border of a square is left as it is, but takes parts. So squares do not matter
for each other; what lies across the lines between them is looked at in bands along these lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..image import Array
from ..windows import Window, tiling
from .merging import Merging
from .sieving import graph_of, regions_of

SQUARE = 512
"""Side of the squares, which lie at multiples of it, px."""

BAND = 64
"""Pixels on either side of a line between squares that are looked at together."""


def squares(area: Window) -> Iterator[Window]:
    """Yield the squares of an image."""
    return tiling(area, SQUARE, SQUARE)


def uprights(area: Window) -> Iterator[Window]:
    """Yield the bands along the lines between columns of squares, with corners in their middle."""
    for col in range(SQUARE, area.width, SQUARE):
        for row in range(-SQUARE // 2, area.height, SQUARE):
            yield Window(col - BAND, row, 2 * BAND, SQUARE).clipped(area)


def levels(area: Window) -> Iterator[Window]:
    """Yield the bands along the lines between rows of squares."""
    for row in range(SQUARE, area.height, SQUARE):
        for col in range(0, area.width, SQUARE):
            yield Window(col, row - BAND, SQUARE, 2 * BAND).clipped(area)


def tidied(labels: Array, limit: float, window: Window, area: Window) -> Array:
    """Return labels[row, col] of a window without parts that lie inside it and are small.

    A part goes to the neighbor with the longest common border; those that touch the border of the
    window inside the area, the image, may be larger than they look.
    """
    regions = regions_of(labels)
    graph = graph_of(labels, regions)
    sizes = graph.sizes.copy()
    for beyond, line in (
        (window.row > area.row, regions[0]),
        (window.bottom < area.bottom, regions[-1]),
        (window.col > area.col, regions[:, 0]),
        (window.right < area.right, regions[:, -1]),
    ):
        if beyond:
            sizes[line] = np.maximum(sizes[line], int(limit) + 1)
    merging = Merging(replace(graph, sizes=sizes), limit)
    merging.go()
    return np.asarray(merging.labels[merging.owners()].astype(labels.dtype)[regions])
