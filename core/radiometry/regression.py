# SPDX-License-Identifier: GPL-2.0-or-later
"""One gain and one offset per image and band that make all overlaps agree, solved all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..image import Array
from ..progress import SILENT, Progress
from .moments import Moments, Overlaps, Whole
from .projected import Rows, solve

RIDGE = 1e-9
LOW_GAIN, HIGH_GAIN = 0.1, 10.0
TEXTURELESS = 1e-6
"""Spread below this part of the band's is no evidence for a gain."""

ROUNDS = 10
SETTLED = 1e-5
HUBER = 1.345
LEAST_SCATTER = 0.002
TINY = 1e-99
MOSTLY_CHANGED = 0.2
EXACT = 1e-9
"""Changes smaller than this are rounding: the image keeps gain 1 and offset 0 exactly."""


@dataclass(frozen=True)
class Rules:
    """How overlaps are weighed."""

    mean_factor: float = 1.0
    std_factor: float = 1.0
    equal_pairs: bool = False
    robust: bool = True
    min_overlap: int = 100


@dataclass(frozen=True)
class FixedGain:
    """A gain that was set to 1: the one found is out of range, or NaN without texture."""

    image: int
    band: int
    found: float


@dataclass(frozen=True)
class Solution:
    """Gains and offsets[image, band] (y = gain · x + offset) and how they came about.

    `groups`[image] counts from 1; images of one group are connected by overlaps. `unanchored` are
    the groups in which none of the model images lies. `weights`[band, cell] are the shares with
    which cells were believed, `used`[pair] says which pairs were large enough.
    """

    gains: Array
    offsets: Array
    groups: Array
    unanchored: tuple[int, ...]
    used: Array
    weights: Array
    fixed: tuple[FixedGain, ...]

    @property
    def group_count(self) -> int:
        """Number of groups, images without overlap included."""
        return int(self.groups.max(initial=0))


def solve_gains(
    whole: Whole, overlaps: Overlaps, model: Array, rules: Rules, progress: Progress = SILENT
) -> Solution:
    """Solve gains and offsets of all images, each group of connected images on its own.

    `model`[image] marks the images whose common mean and spread are kept. An image that shares
    too little with any other keeps gain 1 and offset 0.
    """
    count, bands = whole.mean.shape
    gains, offsets = np.ones((count, bands)), np.zeros((count, bands))
    weights = np.ones((bands, len(overlaps.count)))
    used = overlaps.size >= rules.min_overlap
    groups = connected(count, overlaps.pairs[used])
    fixed: list[FixedGain] = []
    unanchored = []
    scale = whole.pooled_std
    for group in np.unique(groups[overlaps.pairs[used].ravel()]):
        members = np.flatnonzero(groups == group)
        pairs = np.flatnonzero(used & (groups[overlaps.pairs[:, 0]] == group))
        anchors = model[members] & (whole.size[members] > 0)
        if not anchors.any():
            unanchored.append(int(group))
            anchors = whole.size[members] > 0
        part = _Group(whole.part(members), _renumbered(overlaps.part(pairs), members), anchors)
        found = _solve_group(part, scale, rules, progress)
        gains[members], offsets[members] = found.gains, found.offsets
        weights[:, np.isin(overlaps.pair_of_cell, pairs)] = found.weights
        fixed += [FixedGain(int(members[f.image]), f.band, f.found) for f in found.fixed]
    return Solution(gains, offsets, groups, tuple(unanchored), used, weights, tuple(fixed))


def connected(count: int, pairs: Array) -> Array:
    """Return the group of each of `count` images, numbered from 1 in the order of first images."""
    label = np.arange(count)
    while True:
        low = label.copy()
        np.minimum.at(low, pairs[:, 0], label[pairs[:, 1]])
        np.minimum.at(low, pairs[:, 1], label[pairs[:, 0]])
        low = low[low]
        if (low == label).all():
            break
        label = low
    return np.asarray(np.unique(label, return_inverse=True)[1].reshape(-1) + 1)


@dataclass(frozen=True)
class _Group:
    """The statistics of connected images; `anchors`[image] fix their level."""

    whole: Whole
    overlaps: Overlaps
    anchors: Array


@dataclass(frozen=True)
class _Found:
    """Gains and offsets about the center (offsets about 0 after `_about_zero`)."""

    gains: Array
    offsets: Array
    weights: Array
    fixed: tuple[FixedGain, ...] = ()


def _solve_group(group: _Group, scale: Array, rules: Rules, progress: Progress) -> _Found:
    """Solve a group; gains out of range are fixed at 1 and the rest is solved again."""
    free = group.whole.std >= TEXTURELESS * scale
    free &= rules.std_factor > 0
    fixed = list(_without_texture(group, scale, rules, free))
    while True:
        found = _settle(group, scale, free, rules, progress)
        wild = free & ~((found.gains >= LOW_GAIN) & (found.gains <= HIGH_GAIN))
        if not wild.any():
            return _about_zero(found, group.overlaps.center, scale, tuple(fixed))
        fixed += [
            FixedGain(int(image), int(band), float(found.gains[image, band]))
            for image, band in np.argwhere(wild)
        ]
        free = free & ~wild


def _without_texture(group: _Group, scale: Array, rules: Rules, free: Array) -> Iterator[FixedGain]:
    """Take the freedom from gains that no overlap with texture determines, and yield these."""
    if rules.std_factor == 0:
        return
    std = group.overlaps.moments().std
    textured = (std >= TEXTURELESS * scale[None, :, None]).all(0)
    for band in range(len(scale)):
        seen = np.unique(group.overlaps.pairs[textured[band]])
        blind = np.setdiff1d(np.arange(len(free)), seen)
        free[blind, band] = False
    for image, band in np.argwhere(~free):
        yield FixedGain(int(image), int(band), float("nan"))


def _settle(group: _Group, scale: Array, free: Array, rules: Rules, progress: Progress) -> _Found:
    """Solve, weigh the cells by how well they agree, and solve again until gains stand still."""
    overlaps = group.overlaps
    weights = np.ones((len(scale), len(overlaps.count)))
    if rules.robust:
        weights = first_weights(overlaps, scale)
    unknowns = np.zeros((*free.shape[:1], 2, len(scale)))
    gains = np.ones(free.shape)
    conditions = _conditions(group, scale, free)
    for attempt in range(1 + ROUNDS):
        moments = overlaps.moments(weights)
        rows, targets = _rows(overlaps, moments, scale, free, rules)
        unknowns = solve(rows, targets, conditions, unknowns, progress)
        before, gains = gains, 1.0 + unknowns[:, 0]
        offsets = unknowns[:, 1] * scale
        moved = float(np.abs(gains - before).max(initial=0.0))
        if not rules.robust or attempt == ROUNDS or (attempt > 0 and moved < SETTLED):
            break
        weights = cell_weights(overlaps, gains, offsets, scale)
    return _Found(gains, offsets, weights)


def cell_weights(overlaps: Overlaps, gains: Array, offsets: Array, scale: Array) -> Array:
    """Return how far each cell is believed, 0-1 [band, cell]: less where it disagrees.

    It is the cube of Huber's weight: with the weight itself, a cell d away would still add d to
    the spread of its pair, and a few clouds would decide the gain. `gains` and `offsets` act about
    the center of the sums.
    """
    return _belief(overlaps, np.abs(overlaps.cell_differences(gains, offsets)), scale)


def first_weights(overlaps: Overlaps, scale: Array) -> Array:
    """Return weights[band, cell] to begin with, from medians within each pair alone.

    The solution of all cells alike may be so far off that clouds look right and ground wrong. So
    the first gain of a pair is the median ratio of the spreads inside its cells, its first offset
    the median difference.
    """
    mean = overlaps.total / overlaps.count
    spread = np.sqrt(np.maximum(overlaps.square / overlaps.count - mean * mean, 0.0))
    known = (spread > TEXTURELESS * scale[:, None]).all(0)
    floor = TEXTURELESS * scale[:, None]
    ratio = np.log(np.maximum(spread[0], floor) / np.maximum(spread[1], floor))
    gain = np.exp(_medians(overlaps, np.where(known, ratio, 0.0)))[:, overlaps.pair_of_cell]
    apart = mean[0] - gain * mean[1]
    return _belief(
        overlaps, np.abs(apart - _medians(overlaps, apart)[:, overlaps.pair_of_cell]), scale
    )


def _belief(overlaps: Overlaps, apart: Array, scale: Array) -> Array:
    scatter = np.maximum(1.4826 * _medians(overlaps, apart), LEAST_SCATTER * scale[:, None])
    limit = HUBER * scatter[:, overlaps.pair_of_cell]
    return np.asarray(np.minimum(1.0, limit / np.maximum(apart, TINY)) ** 3)


def _medians(overlaps: Overlaps, values: Array) -> Array:
    """Medians[band, pair] of values[band, cell] over the cells of each pair."""
    ends = np.append(overlaps.starts[1:], values.shape[1])
    found = [np.median(values[:, a:b], axis=1) for a, b in zip(overlaps.starts, ends)]
    return np.array(found).T


def _rows(
    overlaps: Overlaps, moments: Moments, scale: Array, free: Array, rules: Rules
) -> tuple[Rows, Array]:
    """Equations of all pairs in units of the band's spread, and what they should give."""
    level = (moments.mean / scale[:, None]).swapaxes(1, 2)
    spread = (moments.std / scale[:, None]).swapaxes(1, 2)
    count = moments.count.T
    share = np.ones_like(count) if rules.equal_pairs else count / count.mean(0)
    textured = (spread >= TEXTURELESS).all(0)
    factors = np.stack([np.ones_like(textured) * rules.mean_factor, textured * rules.std_factor])
    weights = np.sqrt(share) * factors
    targets = np.stack([level[1] - level[0], spread[1] - spread[0]])
    moving = np.stack([free[overlaps.pairs[:, side]] for side in (0, 1)])
    rows = Rows(overlaps.pairs, len(free), level * moving, spread * moving, weights, RIDGE)
    return rows, targets


def _conditions(group: _Group, scale: Array, free: Array) -> Array:
    """The mean and the spread of the anchors, taken together, stay what they are."""
    whole = group.whole
    share = (whole.size * group.anchors / (whole.size * group.anchors).sum())[:, None]
    conditions = np.zeros((2, len(free), 2, len(scale)))
    conditions[0, :, 0] = share * (whole.mean - group.overlaps.center) / scale * free
    conditions[0, :, 1] = share
    conditions[1, :, 0] = share * whole.std / scale * free
    return conditions


def _about_zero(found: _Found, center: Array, scale: Array, fixed: tuple[FixedGain, ...]) -> _Found:
    """Bring offsets about the center to offsets about 0; rounding errors become identity."""
    gains = found.gains
    same = (np.abs(gains - 1.0) < EXACT) & (np.abs(found.offsets) < EXACT * scale)
    gains = np.where(same, 1.0, gains)
    offsets = np.where(same, 0.0, found.offsets + center - gains * center)
    return _Found(gains, offsets, found.weights, fixed)


def _renumbered(overlaps: Overlaps, members: Array) -> Overlaps:
    return replace(overlaps, pairs=np.searchsorted(members, overlaps.pairs))
