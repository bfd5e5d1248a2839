# SPDX-License-Identifier: GPL-2.0-or-later
"""Give cells to images so that seams cost least: moves, sweeps, and finer levels in bands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..image import Array
from ..progress import SILENT, Progress
from .costs import Costs
from .cuts import UNIT, best, choice
from .levels import NOBODY, SIDES, Labels, Level, located

SWEEPS = 4
_SMALLEST, _LARGEST = 1, 10**6


def refine(
    labels: Labels,
    costs: Costs,
    order: Sequence[int],
    finest: int,
    progress: Progress = SILENT,
) -> Labels:
    """Return labels at the finest cell size: solved at each size, free only near seams below it.

    `order` is that in which images try to take cells over. The `costs` look at the finest level
    afterwards.
    """
    sizes = labels.level.side // finest
    steps = progress.split(max(1, sizes.bit_length()))
    while True:
        costs.cover(labels.level, labels.ids, labels.free)
        settle(labels, costs, order, next(steps))
        if labels.level.side <= finest:
            return labels
        labels = labels.finer()


def settle(labels: Labels, costs: Costs, order: Sequence[int], progress: Progress = SILENT) -> None:
    """Let images take over cells in turn until no move lowers the cost."""
    waiting = set(order)
    for sweep in range(SWEEPS):
        for done, image in enumerate(order):
            progress.check()
            if image in waiting:
                waiting.discard(image)
                waiting.update(costs.reached(image, _move(labels, costs, image)))
            progress.advance((sweep + (done + 1) / len(order)) / SWEEPS)
        if not waiting:
            break
    progress.advance(1.0)


def _move(labels: Labels, costs: Costs, image: int) -> Array:
    """Let an image take over the cells where that lowers the cost; return those cells."""
    layer, label = costs.layer(image), image + 1
    cells: Array = layer.ids[layer.takes]
    owners = labels.at(cells)
    cells = cells[(owners != label) & (owners != NOBODY)]
    if not len(cells):
        return cells
    owners = labels.at(cells)
    taken = _rounded(costs.shown(image, cells))
    for owner in np.unique(owners).tolist():
        mine = owners == owner
        taken[mine] -= _rounded(costs.shown(owner - 1, cells[mine]))
    first, second, rim, there = _adjacent(labels.level, cells)
    inner, outer = (cells[first], cells[second]), (cells[rim], there)
    sides, theirs = (owners[first], owners[second]), labels.at(there)
    same = np.full(len(first), label)
    taking, leaving, none, only_second, only_first = _together(
        costs,
        (np.full(len(rim), label), theirs, *outer),
        (owners[rim], theirs, *outer),
        (*sides, *inner),
        (sides[0], same, *inner),
        (same, sides[1], *inner),
    )
    np.add.at(taken, rim, taking - leaving)
    options = choice(taken, first, second, (none, only_second, only_first))
    chosen = best(options)
    if not chosen.any() or options.gain(chosen) >= 0:
        return np.zeros(0, np.int64)
    moved: Array = cells[chosen]
    labels.give(moved, label)
    return moved


def _adjacent(level: Level, cells: Array) -> tuple[Array, Array, Array, Array]:
    """Return neighbors among sorted cells (twice indices), and indices and neighbors elsewhere."""
    firsts, seconds, rims, beyond = [], [], [], []
    for number, side in enumerate(SIDES):
        there = level.beside(cells, side)
        place, open_too = located(cells, there)
        if number < 2:
            firsts.append(np.flatnonzero(open_too))
            seconds.append(place[open_too])
        fixed = np.flatnonzero(~open_too & (there >= 0))
        rims.append(fixed)
        beyond.append(there[fixed])
    first, second, rim, there = map(np.concatenate, (firsts, seconds, rims, beyond))
    return first, second, rim, there


def _together(costs: Costs, *parts: tuple[Array, Array, Array, Array]) -> list[Array]:
    """Return the `seam_costs` of several parts, each pair of images looked at once."""
    ends = np.cumsum([len(part[0]) for part in parts])[:-1]
    return np.split(seam_costs(costs, *map(np.concatenate, zip(*parts))), ends)


def seam_costs(costs: Costs, one: Array, other: Array, p: Array, q: Array) -> Array:
    """Return what seams between labels cost that run between cells p and their neighbors q."""
    found = np.zeros(len(p), np.int64)
    low, high = np.minimum(one, other), np.maximum(one, other)
    real = np.flatnonzero((low != high) & (low != NOBODY))
    if not len(real):
        return found
    keys = low[real].astype(np.int64) << 32 | high[real]
    order = np.argsort(keys, kind="stable")
    real, keys = real[order], keys[order]
    ends, met = np.stack([p[real], q[real]]), list[Array]()
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    for key, mine in zip(keys[starts].tolist(), np.split(ends, starts[1:], axis=1)):
        pair = costs.pair((key >> 32) - 1, (key & 0xFFFFFFFF) - 1)
        met.append(pair.at(mine.ravel()).reshape(2, -1))
    at_p, at_q = np.concatenate(met, axis=1)
    # beyond an image, a seam costs what it does at its border
    known_p, known_q = (np.where(np.isnan(a), b, a) for a, b in ((at_p, at_q), (at_q, at_p)))
    middle = (known_p + known_q) / 2
    cost = np.where(np.isnan(middle), costs.beyond, middle) + costs.weights.length
    found[real] = np.clip(_rounded(cost), _SMALLEST, _LARGEST)
    return found


def _rounded(cost: Array) -> Array:
    return np.asarray(np.rint(np.asarray(cost, np.float64) * UNIT), np.int64)
