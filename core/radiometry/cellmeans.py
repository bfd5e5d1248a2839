# SPDX-License-Identifier: GPL-2.0-or-later
"""Corrected means of both images of a pair over the cells of their overlap, and where these lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..grid import Grid
from ..image import Array
from .cells import Cells
from .moments import Overlaps
from .positions import frame_positions
from .statistics import canvas_box

HUBER = 1.345
LEAST_SCATTER = 0.002
"""Residuals below this part of the band's spread are never taken for disagreement."""

TINY = 1e-99


@dataclass(frozen=True)
class CellMeans:
    """Means[side, band, cell] of the two images of a pair over the cells they share.

    `images`[side, cell]; `share`[cell] is the part of the cell that both see; x and y [cell] are
    map positions of the middles, `frame`[side, (u, v), cell] their places in the images' frames.
    """

    overlaps: Overlaps
    means: Array
    images: Array
    share: Array
    x: Array
    y: Array
    frame: Array
    blocks: Array
    odd: Array

    @property
    def weight(self) -> Array:
        """Pixels of each cell."""
        return self.overlaps.count

    def times(self, factors: Array) -> CellMeans:
        """Return the same cells with means multiplied by factors[side, band, cell]."""
        return replace(self, means=self.means * factors)

    def residuals(self) -> Array:
        """Return how much the first image's means exceed the second's, [band, cell]."""
        return np.asarray(self.means[0] - self.means[1])

    def part(self, pairs: Array) -> CellMeans:
        """Return the cells of some pairs."""
        cells = np.isin(self.overlaps.pair_of_cell, pairs)
        return CellMeans(
            self.overlaps.part(pairs),
            self.means[..., cells],
            self.images[:, cells],
            self.share[cells],
            self.x[cells],
            self.y[cells],
            self.frame[..., cells],
            self.blocks[:, cells],
            self.odd[cells],
        )


@dataclass(frozen=True)
class Layout:
    """The canvas, the cells on it and the grids of the images in name order."""

    canvas: Grid
    cells: Cells
    grids: Sequence[Grid]


def cell_means(overlaps: Overlaps, layout: Layout, gains: Array, offsets: Array) -> CellMeans:
    """Return the means of all cells, corrected by gains and offsets[image, band] about 0."""
    pair = overlaps.pair_of_cell
    images = np.array([overlaps.pairs[pair, side] for side in (0, 1)])
    raw = overlaps.total / overlaps.count + overlaps.center[:, None]
    means = np.array([gains[i].T * raw[side] + offsets[i].T for side, i in enumerate(images)])
    cells = layout.cells
    rows, cols = (_ends(edges, at) for edges, at in zip((cells.rows, cells.cols), overlaps.places))
    area = (rows[1] - rows[0]) * (cols[1] - cols[0])
    x, y = _middles(layout, images, rows, cols)
    frame = np.empty((2, 2, len(pair)))
    for side, at in np.ndindex(2, len(layout.grids)):
        mine = images[side] == at
        if mine.any():
            frame[side, :, mine] = np.stack(
                frame_positions(layout.grids[at], x[mine], y[mine]), axis=1
            )
    blocks = [
        np.asarray(numbers, int)[at]
        for numbers, at in zip((cells.block_rows, cells.block_cols), overlaps.places)
    ]
    return CellMeans(
        overlaps, means, images, overlaps.count / area, x, y, frame, np.array(blocks),
        overlaps.places.sum(0) % 2 == 1,
    )  # fmt: skip


def huber_weights(cells: CellMeans, residuals: Array, scale: Array) -> Array:
    """Return Huber's weights[band, cell] of residuals; their scatter is that of each pair.

    `scale` is the spread of each band.
    """
    apart = np.abs(residuals)
    floor = LEAST_SCATTER * scale[:, None]
    scatter = np.maximum(1.4826 * cells.overlaps.pair_medians(apart), floor)
    limit = HUBER * scatter[:, cells.overlaps.pair_of_cell]
    return np.asarray(np.minimum(1.0, limit / np.maximum(apart, TINY)))


def _ends(edges: tuple[int, ...], at: Array) -> tuple[Array, Array]:
    numbers = np.asarray(edges)
    return numbers[at], numbers[at + 1]


def _middles(
    layout: Layout, images: Array, rows: tuple[Array, Array], cols: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Map positions of the middles of what both images' boxes cover of the cells."""
    boxes = [canvas_box(layout.canvas, grid) for grid in layout.grids]
    ends = np.array([(box.row, box.bottom, box.col, box.right) for box in boxes]).reshape(-1, 4)
    first, second = ends[images[0]], ends[images[1]]
    top = np.maximum(rows[0], np.maximum(first[:, 0], second[:, 0]))
    bottom = np.minimum(rows[1], np.minimum(first[:, 1], second[:, 1]))
    left = np.maximum(cols[0], np.maximum(first[:, 2], second[:, 2]))
    right = np.minimum(cols[1], np.minimum(first[:, 3], second[:, 3]))
    x, y = layout.canvas.to_map((left + right) / 2, (top + bottom) / 2)
    return np.asarray(x), np.asarray(y)
