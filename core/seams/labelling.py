# SPDX-License-Identifier: GPL-2.0-or-later
"""Give cells to images so that seams cost least: moves, sweeps, and finer levels in bands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..image import Array
from ..progress import SILENT, Progress
from .costs import Costs
from .cuts import UNIT, best, choice
from .levels import NOBODY, SIDES, Labels, located

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
    firsts, seconds = [], []
    for number, side in enumerate(SIDES):
        there = labels.level.beside(cells, side)
        place, open_too = located(cells, there)
        if number < 2:
            firsts.append(np.flatnonzero(open_too))
            seconds.append(place[open_too])
        fixed = np.flatnonzero(~open_too & (there >= 0))
        theirs = labels.at(there[fixed])
        ends = (cells[fixed], there[fixed])
        same = np.full(len(fixed), label)
        taken[fixed] += seam_costs(costs, same, theirs, *ends)
        taken[fixed] -= seam_costs(costs, owners[fixed], theirs, *ends)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    ends, sides = (cells[first], cells[second]), (owners[first], owners[second])
    same = np.full(len(first), label)
    prices = (
        seam_costs(costs, *sides, *ends),
        seam_costs(costs, sides[0], same, *ends),
        seam_costs(costs, same, sides[1], *ends),
    )
    options = choice(taken, first, second, prices)
    chosen = best(options)
    if not chosen.any() or options.gain(chosen) >= 0:
        return np.zeros(0, np.int64)
    moved: Array = cells[chosen]
    labels.give(moved, label)
    return moved


def seam_costs(costs: Costs, one: Array, other: Array, p: Array, q: Array) -> Array:
    """Return what seams between labels cost that run between cells p and their neighbors q."""
    found = np.zeros(len(p), np.int64)
    low, high = np.minimum(one, other), np.maximum(one, other)
    keys = np.where((low != high) & (low != NOBODY), low.astype(np.int64) << 32 | high, -1)
    for key in _met(keys):
        mine = np.flatnonzero(keys == key)
        pair = costs.pair((key >> 32) - 1, (key & 0xFFFFFFFF) - 1)
        at_p, at_q = pair.at(p[mine]), pair.at(q[mine])
        # beyond an image, a seam costs what it does at its border
        known_p, known_q = (np.where(np.isnan(a), b, a) for a, b in ((at_p, at_q), (at_q, at_p)))
        middle = (known_p + known_q) / 2
        cost = np.where(np.isnan(middle), costs.beyond, middle) + costs.weights.length
        found[mine] = np.clip(_rounded(cost), _SMALLEST, _LARGEST)
    return found


def _met(keys: Array) -> Iterable[int]:
    met: list[int] = np.unique(keys).tolist()
    return (key for key in met if key >= 0)


def _rounded(cost: Array) -> Array:
    return np.asarray(np.rint(np.asarray(cost, np.float64) * UNIT), np.int64)
