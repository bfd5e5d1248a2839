# SPDX-License-Identifier: GPL-2.0-or-later
"""Means of each image over blocks of the ground, collected while the images are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..grid import Grid
from ..image import Array, Image, Mask, Pixels
from ..windows import Window
from .kernels import labeled_sums, run_sums
from .positions import Positions, block_numbers, reached, runs_of
from .selection import Selection
from .statistics import Part, used_in

Piece = tuple[int, Window, Array]
"""Number of an image, blocks, and sums[1 + bands, row, col] over these blocks."""


@dataclass(frozen=True)
class BlockMeans:
    """Used pixels of an image in each block, their means[band, row, col] (NaN without pixels), and
    the part of them that another image sees too; for the blocks of a window."""

    window: Window
    count: Array
    mean: Array
    shared: Array


class BlockSums:
    """Collects counts and sums of each image's own pixels per block (an OwnCollector)."""

    def __init__(
        self, images: Sequence[Image], canvas: Grid, blocks: Grid, center: Array,
        selection: Selection | None = None,
    ) -> None:  # fmt: skip
        self.center, self._selection = center, selection
        grids = [image.grid for image in images]
        self._positions = [Positions.of(_on_canvas(grid, canvas), blocks) for grid in grids]
        self.windows = [reached(grid, blocks).padded(1).clipped(blocks.window) for grid in grids]
        self.sums = [np.zeros((1 + len(center), *window.shape)) for window in self.windows]

    def feed(self, index: int, window: Window, pixels: Pixels) -> Piece | None:
        """Return the sums of a window on the image's own grid."""
        mask = used_in(self._selection, index, window, pixels)
        if mask is not None and not mask.any():
            return None
        positions, limits = self._positions[index], self.windows[index]
        if positions.straight:
            return index, *_by_runs(pixels.values, mask, (positions, window, limits), self.center)
        return (
            index,
            limits,
            _by_labels(pixels.values, mask, (positions, window, limits), self.center),
        )

    def merge(self, partial: Piece | None) -> None:
        """Add the sums of a window."""
        if partial is not None:
            index, window, sums = partial
            self.sums[index][window.banded(self.windows[index])] += sums


class SharedCounts:
    """Counts the pixels of each image that another one sees too (a JointCollector)."""

    def __init__(
        self, images: Sequence[Image], canvas: Grid, blocks: Grid,
        selection: Selection | None = None,
    ) -> None:  # fmt: skip
        self._positions = Positions.of(canvas, blocks)
        self._selection = selection
        self.windows = [reached(i.grid, blocks).padded(1).clipped(blocks.window) for i in images]
        self.counts = [np.zeros(window.shape) for window in self.windows]

    def feed(self, window: Window, parts: Mapping[int, Part]) -> tuple[Piece, ...]:
        """Return the counts of a canvas window."""
        masks: dict[int, Mask | None] = {}
        seen = np.zeros(window.shape, np.uint16)
        for index, part in parts.items():
            masks[index] = used_in(self._selection, index, part.window, part.pixels)
            mask = masks[index]
            seen[part.window.within(window)] += 1 if mask is None else mask
        found = []
        for index, part in parts.items():
            others, mask = seen[part.window.within(window)] > 1, masks[index]
            shared = others if mask is None else mask & others
            if shared.any():
                where = (self._positions, part.window, self.windows[index])
                nothing = np.empty((0, *part.window.shape))
                found.append((index, *_by_runs(nothing, shared, where, np.empty(0))))
        return tuple(found)

    def merge(self, partial: tuple[Piece, ...]) -> None:
        """Add the counts of a window."""
        for index, window, sums in partial:
            self.counts[index][window.within(self.windows[index])] += sums[0]


def block_means(sums: BlockSums, shared: SharedCounts | None, pixels: Array) -> list[BlockMeans]:
    """Return the means of all images over blocks; `pixels`[image] is the size of a canvas pixel in
    pixels of the image."""
    found = []
    for index, (window, total) in enumerate(zip(sums.windows, sums.sums)):
        count = total[0]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total[1:] / count + sums.center[:, None, None]
            both = 0.0 * count if shared is None else shared.counts[index] * pixels[index] / count
        found.append(BlockMeans(window, count, mean, np.clip(np.nan_to_num(both), 0.0, 1.0)))
    return found


Where = tuple[Positions, Window, Window]
"""Positions of pixels, the window of pixels, the blocks that are kept."""


def _by_runs(values: Array, mask: Mask | None, where: Where, center: Array) -> tuple[Window, Array]:
    """Sums of a window whose rows are parallel to the blocks, and the blocks they belong to."""
    positions, window, limits = where
    rows, row_starts = runs_of(block_numbers(positions.rows(window)))
    cols, col_starts = runs_of(block_numbers(positions.cols(window)))
    sums = run_sums(values, mask, (row_starts, col_starts), center)
    area = Window(int(cols.min()), int(rows.min()), int(np.ptp(cols)) + 1, int(np.ptp(rows)) + 1)
    out = np.zeros((len(sums), *area.shape))
    # blocks count backwards along the rows of a south-up image
    out[np.ix_(np.arange(len(sums)), rows - area.row, cols - area.col)] = sums
    inside = area.clipped(limits)
    return inside, out[inside.banded(area)]


def _by_labels(values: Array, mask: Mask | None, where: Where, center: Array) -> Array:
    """Sums of a window of a rotated image over all blocks that are kept."""
    positions, window, limits = where
    cols, rows = (block_numbers(axis) for axis in positions.both(window))
    cols, rows = cols - limits.col, rows - limits.row
    inside = (cols >= 0) & (cols < limits.width) & (rows >= 0) & (rows < limits.height)
    labels = np.where(inside, rows * limits.width + cols, -1)
    sums = labeled_sums(values, mask, labels, center)
    out = np.zeros((len(sums), limits.pixels))
    out[:, : sums.shape[1]] = sums
    return out.reshape(-1, *limits.shape)


def _on_canvas(grid: Grid, canvas: Grid) -> Grid:
    """The image's grid, without the tiny differences by which it may miss the canvas' pixels."""
    return canvas.cropped(canvas.placed(grid)) if canvas.matches(grid) else grid
