# SPDX-License-Identifier: GPL-2.0-or-later
"""Means and spreads of images and of the pixels that pairs of images share, made from the sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..image import Array
from .statistics import ImageSums, JointSums, PairSums


@dataclass(frozen=True)
class Whole:
    """Statistics of images in the order of their names; arrays[image, band], `size`[image]."""

    names: tuple[str, ...]
    size: Array
    mean: Array
    std: Array
    low: Array
    high: Array

    @property
    def pooled_mean(self) -> Array:
        """Mean per band of all images' pixels; 0 when there is none."""
        return np.asarray(self._weights @ self.mean)

    @property
    def pooled_std(self) -> Array:
        """Standard deviation per band of all images' pixels; 1 where all are equal."""
        apart = self.mean - self.pooled_mean
        std = np.sqrt(self._weights @ (self.std**2 + apart**2))
        return np.where(std > 0, std, 1.0)

    @property
    def _weights(self) -> Array:
        return self.size / max(1.0, float(self.size.sum()))

    def part(self, images: Array) -> Whole:
        """Return some of the images."""
        names = tuple(self.names[index] for index in images)
        arrays = (self.size, self.mean, self.std, self.low, self.high)
        return Whole(names, *(array[images] for array in arrays))


@dataclass(frozen=True)
class Overlaps:
    """Sums over the pixels shared by pairs of images, cell by cell, about a center per band.

    `pairs`[pair] = (image, image); the cells of a pair begin at `starts`[pair] and follow one
    another in `count`[cell], `total`[side, band, cell] (Σx) and `square`[side, band, cell] (Σx²).
    `places`[(row, col), cell] say where the cells lie in `JointSums.cells`.
    """

    pairs: Array
    starts: Array
    center: Array
    count: Array
    total: Array
    square: Array
    correlation: Array
    places: Array = field(default_factory=lambda: np.zeros((2, 0), int))

    @property
    def pair_of_cell(self) -> Array:
        """The pair of each cell."""
        ends = np.append(self.starts[1:], len(self.count))
        return np.repeat(np.arange(len(self.starts)), ends - self.starts)

    @property
    def size(self) -> Array:
        """Shared pixels of each pair."""
        return self.over_pairs(self.count)

    def over_pairs(self, values: Array) -> Array:
        """Return the sums of values[..., cell] over the cells of each pair."""
        if not len(self.starts):
            return np.zeros((*values.shape[:-1], 0))
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1))

    def pair_medians(self, values: Array) -> Array:
        """Return the median [band, pair] of values[band, cell] over the cells of each pair."""
        ends = np.append(self.starts[1:], values.shape[1])
        found = [np.median(values[:, a:b], axis=1) for a, b in zip(self.starts, ends)]
        return np.array(found).reshape(-1, len(values)).T

    def weighted_medians(self, values: Array, weights: Array) -> Array:
        """Return the medians[band, pair] of values[band, cell] that count by weights[band, cell].

        0 where all weights of a pair are 0.
        """
        ends = np.append(self.starts[1:], values.shape[1])
        found = np.zeros((len(values), len(self.starts)))
        for pair, (a, b) in enumerate(zip(self.starts, ends)):
            order = np.argsort(values[:, a:b], axis=1, kind="stable")
            ranked = np.take_along_axis(values[:, a:b], order, 1)
            share = np.cumsum(np.take_along_axis(weights[:, a:b], order, 1), axis=1)
            middle = (share < share[:, -1:] / 2).sum(1)
            found[:, pair] = np.where(share[:, -1] > 0, ranked[range(len(ranked)), middle], 0.0)
        return found

    def moments(self, weights: Array | None = None) -> Moments:
        """Return count, mean and std of each pair, cells weighted by weights[band, cell]."""
        shape = (len(self.center), len(self.count))
        factors = np.ones(shape) if weights is None else weights
        count = self.over_pairs(factors * self.count)
        mean = self.over_pairs(factors * self.total) / count
        square = self.over_pairs(factors * self.square) / count
        std = np.sqrt(np.maximum(square - mean * mean, 0.0))
        return Moments(count, mean, std)

    def cell_differences(self, gains: Array, offsets: Array) -> Array:
        """Return corrected mean of the first minus the second image, [band, cell].

        `gains` and `offsets` [image, band] act on values from which the center was subtracted.
        """
        pair = self.pair_of_cell
        sides = [
            gains.T[:, images] * (self.total[side] / self.count) + offsets.T[:, images]
            for side, images in enumerate((self.pairs[pair, 0], self.pairs[pair, 1]))
        ]
        return np.asarray(sides[0] - sides[1])

    def part(self, kept: Array) -> Overlaps:
        """Return some of the pairs."""
        if len(kept) == len(self.pairs):
            return self
        cells = np.isin(self.pair_of_cell, kept)
        ends = np.append(self.starts[1:], len(self.count))
        lengths = (ends - self.starts)[kept]
        return replace(
            self,
            pairs=self.pairs[kept],
            starts=np.cumsum(lengths) - lengths,
            count=self.count[cells],
            total=self.total[..., cells],
            square=self.square[..., cells],
            correlation=self.correlation[kept],
            places=self.places[:, cells] if self.places.shape[1] == len(cells) else self.places,
        )


@dataclass(frozen=True)
class Moments:
    """Pixels count[band, pair] and, about the center, mean and std[side, band, pair]."""

    count: Array
    mean: Array
    std: Array


def whole_statistics(
    names: Sequence[str], sums: Sequence[ImageSums], center: Array
) -> tuple[Whole, Array]:
    """Return the statistics of images in name order, and the index of each in the given order."""
    order = np.array(sorted(range(len(names)), key=lambda index: names[index]), int)
    found = [sums[index] for index in order]
    mean, std = (np.array(both) for both in zip(*(_mean_and_std(one) for one in found)))
    return (
        Whole(
            names=tuple(names[index] for index in order),
            size=np.array([one.used for one in found], float),
            mean=mean + np.where([[one.used] for one in found], center, 0.0),
            std=std,
            low=np.array([one.low for one in found]),
            high=np.array([one.high for one in found]),
        ),
        order,
    )


def overlap_statistics(sums: JointSums, order: Array, whole: Whole) -> Overlaps:
    """Return the sums of all pairs with images in name order; `order` as whole_statistics gives.

    Whole numbers, which are summed about 0, are brought to the mean of all images here.
    """
    rank = np.argsort(order)
    center = np.rint(whole.pooled_mean) if sums.exact else sums.center
    placed = []
    for (first, second), pair in sums.pairs.items():
        ends = (int(rank[first]), int(rank[second]))
        placed.append((min(ends), max(ends), ends[0] > ends[1], pair))
    placed.sort(key=lambda item: item[:2])
    shift = center if sums.exact else np.zeros_like(center)
    cells = [_cells(pair, swapped, shift) for *_, swapped, pair in placed]
    places = [_places(pair) for *_, pair in placed]
    lengths = np.array([cell.shape[1] for cell in cells], int)
    flat = np.concatenate([np.empty((1 + 4 * len(center), 0)), *cells], axis=1)
    sides = flat[1:].reshape(len(center), 2, 2, -1)
    return Overlaps(
        pairs=np.array([item[:2] for item in placed], int).reshape(-1, 2),
        starts=np.cumsum(lengths) - lengths,
        center=center,
        count=flat[0],
        total=sides[:, :, 0].swapaxes(0, 1),
        square=sides[:, :, 1].swapaxes(0, 1),
        correlation=np.array([_correlation(pair, shift) for *_, pair in placed], float).reshape(
            -1, len(center)
        ),
        places=np.concatenate([np.empty((2, 0), int), *places], axis=1),
    )


def _mean_and_std(sums: ImageSums) -> tuple[list[float], list[float]]:
    """Mean about the center and std; whole numbers are computed without any rounding."""
    n = max(1, sums.used)
    mean = [total / n for total in sums.total]
    spread = [n * square - total * total for total, square in zip(sums.total, sums.square)]
    return mean, [max(0, value) ** 0.5 / n for value in spread]


def _cells(pair: PairSums, swapped: bool, shift: Array) -> Array:
    """The sums[1 + 4 · bands, cell] of the cells that hold pixels, moved to a center."""
    filled = pair.fine[0] > 0
    sums = _moved(pair.fine[:, filled], shift)
    if pair.coarse is not None:
        sums = _with_coarse_spread(sums, pair.coarse[:, filled])
    if swapped:
        sides = sums[1:].reshape(-1, 2, 2, sums.shape[1])
        sums[1:] = sides[:, ::-1].reshape(sums[1:].shape).copy()
    return sums


def _places(pair: PairSums) -> Array:
    """The rows and columns of the cells that hold pixels."""
    inside = np.array(np.nonzero(pair.fine[0] > 0))
    return np.asarray(inside + np.array([[pair.cells.row], [pair.cells.col]]))


def _moved(sums: Array, shift: Array) -> Array:
    """Sums about 0 brought to another center, exactly for whole numbers; then float64."""
    out = sums.astype(np.float64)
    if not shift.any():
        return out
    by = shift.astype(sums.dtype)
    for row in range(1, len(sums), 2):
        one = by[(row - 1) // 4]
        out[row] = sums[row] - one * sums[0]
        out[row + 1] = sums[row + 1] - 2 * one * sums[row] + one * one * sums[0]
    return out


def _with_coarse_spread(sums: Array, coarse: Array) -> Array:
    """Replace the spread inside each cell by that of means of 4 × 4 pixels.

    Resampling smooths an image's pixels, but hardly such means.
    """
    count, number = sums[0], np.maximum(coarse[0], 1.0)
    for row in range(1, len(sums), 2):
        inside = coarse[row + 1] / number - (coarse[row] / number) ** 2
        sums[row + 1] = count * np.maximum(inside, 0.0) + sums[row] ** 2 / count
    return sums


def _correlation(pair: PairSums, shift: Array) -> list[float]:
    """Correlation of the shared pixels, per band; NaN without texture."""
    sums = _moved(pair.fine.reshape(len(pair.fine), -1).sum(1, keepdims=True), shift)[:, 0]
    raw = pair.fine.reshape(len(pair.fine), -1).sum(1)
    found = []
    for band, one in enumerate(shift.astype(raw.dtype)):
        x, xx, y, yy = sums[1 + 4 * band : 5 + 4 * band]
        x0, y0 = raw[1 + 4 * band], raw[3 + 4 * band]
        xy = pair.product[band] - one * x0 - one * y0 + one * one * raw[0]
        n = sums[0]
        spread = max(0.0, n * xx - x * x) * max(0.0, n * yy - y * y)
        found.append(float((n * xy - x * y) / np.sqrt(spread)) if spread > 0 else float("nan"))
    return found
