# SPDX-License-Identifier: GPL-2.0-or-later
"""One gain and one offset per image and band that make all overlaps agree, solved all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..image import Array
from ..progress import SILENT, Progress
from .belief import TEXTURELESS, cell_weights, first_weights
from .moments import Moments, Overlaps, Whole
from .projected import Rows, solve

RIDGE = 1e-9
LOW_GAIN, HIGH_GAIN = 0.1, 10.0
ROUNDS = 10
SETTLED = 1e-5
MOSTLY_CHANGED = 0.2
EXACT = 1e-9
"""Changes smaller than this are rounding: the image keeps gain 1 and offset 0 exactly."""


@dataclass(frozen=True)
class Rules:
    """How overlaps are weighed, and what fixes the common level.

    The equations of a pair are multiplied by its share of the common pixels to the `pair_power`: 0
    makes all pairs equal. With `soft_datum` every model image is pulled to its own level, instead
    of keeping their common one exactly. With `align` all groups get one level.
    """

    mean_factor: float = 1.0
    std_factor: float = 1.0
    pair_power: float = 0.5
    robust: bool = True
    min_overlap: int = 100
    soft_datum: bool = False
    align: bool = False


@dataclass(frozen=True)
class Kept:
    """Images that keep what they have: `images`[image], gains and offsets[image, band]."""

    images: Array
    gains: Array
    offsets: Array

    @classmethod
    def nothing(cls, like: Array) -> Kept:
        """Return that no image keeps anything; `like` is any array[image, band]."""
        return cls(np.zeros(len(like), bool), np.ones(like.shape), np.zeros(like.shape))

    def part(self, images: Array) -> Kept:
        """Return some of the images."""
        return Kept(self.images[images], self.gains[images], self.offsets[images])


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
    which cells were believed, `used`[pair] says which pairs were large enough. `aligned` says that
    groups were brought to one level.
    """

    gains: Array
    offsets: Array
    groups: Array
    unanchored: tuple[int, ...]
    used: Array
    weights: Array
    fixed: tuple[FixedGain, ...]
    aligned: bool = False


def solve_gains(
    whole: Whole,
    overlaps: Overlaps,
    model: Array,
    rules: Rules,
    progress: Progress = SILENT,
    kept: Kept | None = None,
) -> Solution:
    """Solve gains and offsets of all images, each group of connected images on its own.

    `model`[image] marks the images whose common mean and spread are kept. An image that shares
    too little with any other keeps gain 1 and offset 0. `kept` images set the level of theirs.
    """
    kept = kept or Kept.nothing(whole.mean)
    gains, offsets = kept.gains.copy(), kept.offsets.copy()
    weights = np.ones((whole.mean.shape[1], len(overlaps.count)))
    used = overlaps.size >= rules.min_overlap
    groups = connected(len(whole.names), overlaps.pairs[used])
    levels, unanchored = _anchors(whole, groups, model, kept)
    fixed: list[FixedGain] = []
    for group in np.unique(groups[overlaps.pairs[used].ravel()]):
        members = np.flatnonzero(groups == group)
        pairs = np.flatnonzero(used & (groups[overlaps.pairs[:, 0]] == group))
        shared = _renumbered(overlaps.part(pairs), members)
        part = _Group(whole.part(members), shared, levels[members], kept.part(members))
        found = _solve_group(part, whole.pooled_std, rules, progress)
        gains[members], offsets[members] = found.gains, found.offsets
        weights[:, np.isin(overlaps.pair_of_cell, pairs)] = found.weights
        fixed += [FixedGain(int(members[f.image]), f.band, f.found) for f in found.fixed]
    solution = Solution(gains, offsets, groups, unanchored, used, weights, tuple(fixed))
    return aligned(whole, solution, model, kept) if rules.align else solution


def _anchors(
    whole: Whole, groups: Array, model: Array, kept: Kept
) -> tuple[Array, tuple[int, ...]]:
    """Which images fix the level of their group, and the groups that have no model image.

    Groups of one image and those with an image that is kept need none.
    """
    seen = whole.size > 0
    anchors = model & seen
    unanchored = []
    for group in np.unique(groups):
        members = (groups == group) & seen
        if not anchors[members].any():
            anchors = anchors | members
            if members.sum() > 1 and not kept.images[members].any():
                unanchored.append(int(group))
    return anchors, tuple(unanchored)


def aligned(whole: Whole, solution: Solution, model: Array, kept: Kept) -> Solution:
    """Give each group one gain and offset more, so that all have the level of the model images.

    A level is what the datum keeps: means and spreads of images, weighted by their pixels. A group
    measures it on its model images if it has some. Lone images, and groups with images that are
    kept, stay as they are.
    """
    if not (whole.size * model).any():
        return solution
    gains, offsets = solution.gains.copy(), solution.offsets.copy()
    anchors, _ = _anchors(whole, solution.groups, model, kept)
    aim = _level(whole, kept.gains, kept.offsets, model)
    for group in np.unique(solution.groups):
        members = solution.groups == group
        if (members & (whole.size > 0)).sum() < 2 or kept.images[members].any():
            continue
        now = _level(whole, gains, offsets, members & anchors)
        ratio = np.where(now[1] > 0, aim[1] / np.where(now[1] > 0, now[1], 1.0), 1.0)
        ratio = np.where((ratio >= LOW_GAIN) & (ratio <= HIGH_GAIN), ratio, 1.0)
        shift: Array = aim[0] - ratio * now[0]
        if (np.abs(ratio - 1) < EXACT).all() and (np.abs(shift) < EXACT * whole.pooled_std).all():
            continue
        gains[members] *= ratio
        offsets[members] = offsets[members] * ratio + shift
    return replace(solution, gains=gains, offsets=offsets, aligned=True)


def _level(whole: Whole, gains: Array, offsets: Array, images: Array) -> tuple[Array, Array]:
    share = (whole.size * images / max(1.0, float((whole.size * images).sum())))[:, None]
    return (share * (gains * whole.mean + offsets)).sum(0), (share * gains * whole.std).sum(0)


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
    """The statistics of connected images; `anchors`[image] fix their level, or `kept` ones do."""

    whole: Whole
    overlaps: Overlaps
    anchors: Array
    kept: Kept

    @property
    def center(self) -> Array:
        """The value about which offsets are solved."""
        return self.overlaps.center

    @property
    def start(self) -> tuple[Array, Array]:
        """Gains and offsets about the center before anything is solved."""
        return self.kept.gains, self.kept.offsets + (self.kept.gains - 1.0) * self.center


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
    free &= ~group.kept.images[:, None]
    while True:
        found = _settle(group, scale, free, rules, progress)
        wild = free & ~((found.gains >= LOW_GAIN) & (found.gains <= HIGH_GAIN))
        if not wild.any():
            return _about_zero(found, group, scale, tuple(fixed))
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
    for image, band in np.argwhere(~free & ~group.kept.images[:, None]):
        yield FixedGain(int(image), int(band), float("nan"))


def _settle(group: _Group, scale: Array, free: Array, rules: Rules, progress: Progress) -> _Found:
    """Solve, weigh the cells by how well they agree, and solve again until gains stand still."""
    overlaps = group.overlaps
    weights = np.ones((len(scale), len(overlaps.count)))
    if rules.robust:
        weights = first_weights(overlaps, scale)
    # behind the images stands one that never changes: what is kept, and soft anchors, tie to it
    unknowns = np.zeros((len(free) + 1, 2, len(scale)))
    start = group.start
    gains = start[0]
    conditions = _conditions(group, scale, free, rules)
    for attempt in range(1 + ROUNDS):
        rows, targets = _rows(group, overlaps.moments(weights), scale, free, rules)
        unknowns = solve(rows, targets, conditions, unknowns, progress)
        before, gains = gains, start[0] + unknowns[:-1, 0]
        offsets = start[1] + unknowns[:-1, 1] * scale
        moved = float(np.abs(gains - before).max(initial=0.0))
        if not rules.robust or attempt == ROUNDS or (attempt > 0 and moved < SETTLED):
            break
        weights = cell_weights(overlaps, gains, offsets, scale)
    return _Found(gains, offsets, weights)


def _rows(
    group: _Group, moments: Moments, scale: Array, free: Array, rules: Rules
) -> tuple[Rows, Array]:
    """Equations of all pairs in units of the band's spread, and what they should give."""
    pairs, (gains, offsets) = group.overlaps.pairs, group.start
    ends = pairs.T
    mean, std = moments.mean.swapaxes(1, 2), moments.std.swapaxes(1, 2)
    level = (gains[ends] * mean + offsets[ends]) / scale
    spread = gains[ends] * std / scale
    count = moments.count.T
    share = count / count.mean(0) if rules.pair_power else np.ones_like(count)
    textured = (spread >= TEXTURELESS).all(0)
    factors = np.stack([np.ones_like(textured) * rules.mean_factor, textured * rules.std_factor])
    weights = share**rules.pair_power * factors
    targets = np.stack([level[1] - level[0], spread[1] - spread[0]])
    moving = free[ends]
    found = [np.where(group.kept.images[pairs], len(free), pairs), level * moving, spread * moving]
    if rules.soft_datum and not group.kept.images.any():
        anchors = _soft_rows(group, scale, free, share.sum(0) / (2 * len(free)))
        found = [np.concatenate([a, b], -2) for a, b in zip(found, anchors)]
        weights = np.concatenate([weights, anchors[3]], 1)
        targets = np.concatenate([targets, np.zeros_like(anchors[3])], 1)
    return Rows(found[0], len(free) + 1, found[1], found[2], weights, RIDGE), targets


def _soft_rows(group: _Group, scale: Array, free: Array, weight: Array) -> tuple[Array, ...]:
    """Pairs, levels, spreads and weights of equations that pull each anchor to its own level."""
    images = np.flatnonzero(group.anchors)
    level = (group.whole.mean[images] - group.center) / scale * free[images]
    spread = group.whole.std[images] / scale * free[images]
    return (
        np.column_stack([images, np.full(len(images), len(free))]),
        np.stack([level, 0 * level]),
        np.stack([spread, 0 * spread]),
        np.broadcast_to(weight, (2, len(images), len(scale))),
    )


def _conditions(group: _Group, scale: Array, free: Array, rules: Rules) -> Array:
    """The mean and the spread of the anchors, taken together, stay what they are.

    Where something else fixes the level, only the image behind all others never changes.
    """
    whole = group.whole
    conditions = np.zeros((2, len(free) + 1, 2, len(scale)))
    if rules.soft_datum or group.kept.images.any():
        conditions[0, -1, 0] = conditions[1, -1, 1] = 1.0
        return conditions
    share = (whole.size * group.anchors / (whole.size * group.anchors).sum())[:, None]
    conditions[0, :-1, 0] = share * (whole.mean - group.center) / scale * free
    conditions[0, :-1, 1] = share
    conditions[1, :-1, 0] = share * whole.std / scale * free
    return conditions


def _about_zero(found: _Found, group: _Group, scale: Array, fixed: tuple[FixedGain, ...]) -> _Found:
    """Bring offsets about the center to offsets about 0; rounding errors become identity."""
    gains, kept = found.gains, group.kept
    same = (np.abs(gains - 1.0) < EXACT) & (np.abs(found.offsets) < EXACT * scale)
    gains = np.where(same, 1.0, gains)
    offsets = np.where(same, 0.0, found.offsets + group.center - gains * group.center)
    held = kept.images[:, None]
    gains, offsets = np.where(held, kept.gains, gains), np.where(held, kept.offsets, offsets)
    return _Found(gains, offsets, found.weights, fixed)


def _renumbered(overlaps: Overlaps, members: Array) -> Overlaps:
    return replace(overlaps, pairs=np.searchsorted(members, overlaps.pairs))
