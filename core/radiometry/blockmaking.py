# SPDX-License-Identifier: GPL-2.0-or-later
"""From means over blocks to the maps that images are corrected by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..grid import Grid
from ..image import Array, Mask
from .balanced import LEAST_MEAN, Rating, Steps, balanced_steps
from .blockmaps import BlockMaps, LocalMap, mean_reference, spread_out
from .blocksums import BlockMeans
from .cellmeans import CellMeans, huber_weights
from .positions import block_centers, frame_positions
from .shading import Shading, field_at


@dataclass(frozen=True)
class Blocks:
    """The blocks, and the images in name order: grids, means over blocks after the gains."""

    grid: Grid
    names: tuple[str, ...]
    grids: list[Grid]
    means: list[BlockMeans]
    threshold: float

    def nominal(self, image: int) -> float:
        """Return how many pixels of an image a block has room for."""
        area = abs(_area(self.grid))
        return area / abs(_area(self.grids[image]))

    def used(self, image: int) -> Mask:
        """Return which blocks of an image hold enough used pixels."""
        count = self.means[image].count
        return np.asarray((count > 0) & (count >= self.threshold * self.nominal(image)))

    def filled(self) -> int:
        """Return how many blocks some image fills enough."""
        seen = np.zeros((self.grid.height, self.grid.width), bool)
        for image, means in enumerate(self.means):
            seen[means.window.slices] |= self.used(image)
        return int(seen.sum())

    def ratios(self, scale: Array) -> Array:
        """Return the bands whose block means are large enough for ratios."""
        least = np.full(len(scale), np.inf)
        for image, means in enumerate(self.means):
            used = self.used(image)
            if used.any():
                least = np.minimum(least, means.mean[:, used].min(1))
        return np.asarray((least > 0) & (least >= LEAST_MEAN * scale))


@dataclass(frozen=True)
class Limits:
    """How far corrections may go; gamma's limits per band."""

    max_change: float
    low: tuple[float, ...]
    high: tuple[float, ...]


def adjusted_means(means: Sequence[BlockMeans], gains: Array, offsets: Array) -> list[BlockMeans]:
    """Return block means of images corrected by gains and offsets[image, band]."""
    return [
        replace(one, mean=one.mean * gain[:, None, None] + offset[:, None, None])
        for one, gain, offset in zip(means, gains, offsets)
    ]


def mean_maps(blocks: Blocks, methods: tuple[str, ...], limits: Limits) -> BlockMaps:
    """Return spectralmatch's maps: plain means, and the mean of these for a reference."""
    local = plain_maps(blocks)
    shape = (len(methods), blocks.grid.height, blocks.grid.width)
    reference = _stored(mean_reference(local, shape, blocks.grid.window))
    return BlockMaps(blocks.grid, reference, local, methods, limits.low, limits.high, "mean")


def plain_maps(blocks: Blocks) -> tuple[LocalMap, ...]:
    """Return the means of each image over the blocks that it fills enough."""
    return tuple(
        LocalMap(name, one.window, _stored(np.where(blocks.used(image), one.mean, np.nan)))
        for image, (name, one) in enumerate(zip(blocks.names, blocks.means))
    )


def balanced_maps(
    blocks: Blocks,
    cells: CellMeans,
    shading: Shading,
    rating: Rating,
    methods: tuple[str, ...],
    limits: Limits,
) -> BlockMaps:
    """Return maps after which images agree in all blocks, content of half-covered blocks aside.

    Bands of method offset use differences.
    """
    logs = rating.logs
    shaded = cells.times(shading.factors(cells))
    steps = balanced_steps(shaded, rating, blocks.grid, blocks.grids)
    found = [_change(blocks, image, steps, shading, logs) for image in range(len(blocks.names))]
    most = limits.max_change
    with np.errstate(invalid="ignore"):
        cut = sum(int(((one > most) | (one < 1 / most))[logs].sum()) for one in found)
    changes = [np.where(logs[:, None, None], np.clip(one, 1 / most, most), one) for one in found]
    reference = _stored(_reference(blocks, changes, logs))
    local = []
    for name, one, change in zip(blocks.names, blocks.means, changes):
        target = reference[one.window.banded(blocks.grid.window)]
        ratio = np.where(logs[:, None, None], change, 1.0)
        values = np.where(logs[:, None, None], target / ratio, target - change)
        local.append(LocalMap(name, one.window, _stored(values)))
    ends = limits.low, limits.high
    return BlockMaps(
        blocks.grid, reference, tuple(local), methods, *ends, limited=cut, left=steps.left
    )


def cell_beliefs(cells: CellMeans, shading: Shading, scale: Array, robust: bool) -> Array:
    """Return how far cells are believed [band, cell], given how well the fields explain them."""
    if not robust or not len(cells.share):
        return np.ones(cells.means.shape[1:])
    return huber_weights(cells, cells.times(shading.factors(cells)).residuals(), scale)


def _change(blocks: Blocks, image: int, steps: Steps, shading: Shading, logs: Array) -> Array:
    """Factors (bands with logs) or differences [band, row, col] of an image in its blocks."""
    one = blocks.means[image]
    used = blocks.used(image)
    change = np.where(used, 0.0, np.nan) * np.ones((len(logs), 1, 1))
    (rows, cols), step = steps.of(image)
    rows, cols = rows - one.window.row, cols - one.window.col
    inside = used[rows, cols]
    change[:, rows[inside], cols[inside]] = step[:, inside]
    change = spread_out(change * np.where(used, one.shared, np.nan), np.ones(used.shape, bool))
    x, y = block_centers(blocks.grid, one.window)
    field = field_at(shading.fields[image], *frame_positions(blocks.grids[image], x, y))
    with np.errstate(over="ignore"):
        return np.where(logs[:, None, None], (1.0 + field) * np.exp(change), change)


def _reference(blocks: Blocks, changes: Sequence[Array], logs: Array) -> Array:
    """Mean of the corrected means, weighted by pixels, and one ring of blocks round it."""
    shape = (len(logs), blocks.grid.height, blocks.grid.width)
    total, weight = np.zeros(shape), np.zeros(shape[1:])
    for image, (one, change) in enumerate(zip(blocks.means, changes)):
        rows, cols = one.window.slices
        used = blocks.used(image)
        pixels = np.where(used, one.count / blocks.nominal(image), 0.0)
        mean = np.where(used, one.mean, 0.0)
        mean = np.where(logs[:, None, None], mean * change, mean + change)
        total[:, rows, cols] += np.where(used, mean * pixels, 0.0)
        weight[rows, cols] += pixels
    with np.errstate(invalid="ignore", divide="ignore"):
        reference = np.where(weight > 0, total / weight, np.nan)
    return spread_out(reference, np.ones(shape[1:], bool))


def _area(grid: Grid) -> float:
    _, a, b, _, d, e = grid.transform
    return a * e - b * d


def _stored(values: Array) -> Array:
    """Values as files keep them, so that loaded maps give the same pixels."""
    return values.astype(np.float32).astype(np.float64)
