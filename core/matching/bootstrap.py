# SPDX-License-Identifier: GPL-2.0-or-later
"""How sure means and medians of displacements are: whole blocks of points are drawn again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..windows import Window
from .keypoints import Column
from .zones import cell_numbers

SIDE = 8
"""Blocks along each side of the overlap."""

ROUNDS = 500
SEED = 8500
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """Standard error of a number and its 95 % interval; NaN when there is one block only."""

    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Blocks:
    """The block of each point, and how often each block is drawn in each round[round, block]."""

    owners: Counts
    draws: Counts


def blocks_of(x: Column, y: Column, area: Window) -> Blocks:
    """Draw blocks of the area that hold points, with replacement and a fixed seed.

    Neighbors share what they were measured from, so that single points would seem too sure
    (block bootstrap, Kuensch 1989, doi:10.1214/aos/1176347265).
    """
    found, owners = np.unique(cell_numbers(x, y, area, SIDE), return_inverse=True)
    count = max(1, len(found))
    draws = np.random.default_rng(SEED).multinomial(count, [1.0 / count] * count, ROUNDS)
    return Blocks(owners.astype(np.int64), draws.astype(np.int64))


def mean_interval(values: Column, blocks: Blocks) -> Interval:
    """Return how sure the mean is."""
    count = blocks.draws.shape[1]
    sums = np.bincount(blocks.owners, values, count)
    sizes = np.bincount(blocks.owners, minlength=count)
    totals = (blocks.draws * sums).sum(1)
    return _interval(totals / np.maximum(1, (blocks.draws * sizes).sum(1)), blocks)


def median_interval(values: Column, blocks: Blocks) -> Interval:
    """Return how sure the median is."""
    if not len(values):
        return _interval(np.empty(0), blocks)
    order = np.argsort(values, kind="stable")
    owners = blocks.owners[order]
    sizes = np.bincount(owners, minlength=blocks.draws.shape[1])
    total = (blocks.draws * sizes).sum(1)
    ends = [_ranked(owners, blocks.draws, rank) for rank in ((total - 1) // 2, total // 2)]
    values = values[order]
    return _interval((values[ends[0]] + values[ends[1]]) / 2, blocks)


def _ranked(owners: Counts, draws: Counts, rank: Counts) -> Counts:
    """Index of the sorted value that has a rank in each round, each counted as often as drawn.

    Runs of values are counted first, then the values of the run that holds the rank.
    """
    n, count = len(owners), draws.shape[1]
    size = int(np.ceil(np.sqrt(n)))
    runs = -(-n // size)
    held = np.bincount(owners * runs + np.arange(n) // size, minlength=count * runs)
    below = np.cumsum(np.einsum("rb,bk->rk", draws, held.reshape(count, runs)), 1)
    run = (below <= rank[:, None]).sum(1)
    before = np.where(run > 0, below[np.arange(len(run)), run - 1], 0)
    index = run[:, None] * size + np.arange(size)
    inside = np.minimum(index, n - 1)
    often = np.take_along_axis(draws, owners[inside], 1) * (index < n)
    place = (np.cumsum(often, 1) + before[:, None] <= rank[:, None]).sum(1)
    return np.asarray(inside[np.arange(len(run)), np.minimum(place, size - 1)])


def _interval(found: Column, blocks: Blocks) -> Interval:
    if blocks.draws.shape[1] < 2 or not len(found):
        return Interval(*[float("nan")] * 3)
    low, high = np.percentile(found, (2.5, 97.5))
    return Interval(float(found.std()), float(low), float(high))
