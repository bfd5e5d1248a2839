# SPDX-License-Identifier: GPL-2.0-or-later
"""One binary cut: which cells an image takes over so that the cost falls most.

Boykov, Veksler, Zabih: Fast approximate energy minimization via graph cuts (PAMI 2001,
doi:10.1109/34.969114): each move is exact, by a maximum flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array, Mask
from .hints import PURPOSE

UNIT = 1000
"""Whole numbers that stand for a cost of 1."""

_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Choice:
    """Cells (by index) that may be taken: what `taken` adds for each of them.

    `first` and `second` are neighbors; `apart` is what it adds when the second one alone and when
    the first one alone is taken, beyond what `taken` says.
    """

    taken: Array
    first: Array
    second: Array
    apart: Array

    def gain(self, chosen: Mask) -> int:
        """Return what a choice adds; below 0 it is better than taking nothing."""
        first, second = chosen[self.first], chosen[self.second]
        alone = np.stack([second & ~first, first & ~second])
        return int(self.taken[chosen].sum()) + int(self.apart[alone].sum())


def choice(taken: Array, first: Array, second: Array, costs: tuple[Array, Array, Array]) -> Choice:
    """Return a choice out of the costs of neighbors: none taken, only the second, only the first.

    Costs of none that exceed the sum of both others are lowered to it, which makes the cut exact.
    """
    none, only_second, only_first = costs
    none = np.minimum(none, only_second + only_first)
    # shared evenly: neighbors without a seam between them then draw no flow of their own
    share = np.clip(-(none // 2), -only_second, only_first - none)
    # sums of whole numbers far below 2^53, so exact
    count = len(taken)
    added = taken + np.bincount(first, share, count)
    added -= np.bincount(second, none + share, count)
    apart = np.stack([only_second + share, only_first - none - share])
    return Choice(added.astype(np.int64), first, second, apart)


def best(options: Choice) -> Mask:
    """Return which cells to take; of equally good choices the one that takes fewest."""
    count = len(options.taken)
    if not (options.taken < 0).any():
        return np.zeros(count, bool)
    source, sink = count, count + 1
    cells = np.arange(count)
    costly, wanted = options.taken > 0, options.taken < 0
    pair = (options.first, options.second)
    heads = np.concatenate([*pair, np.full(int(costly.sum()), source), cells[wanted]])
    tails = np.concatenate([*pair[::-1], cells[costly], np.full(int(wanted.sum()), sink)])
    sizes = np.concatenate([*options.apart, options.taken[costly], -options.taken[wanted]])
    sizes = np.minimum(sizes, _LARGEST // 2).astype(np.int32)
    # backward: few cells are wanted, and the search for ways starts with fewest there
    graph = require("scipy.sparse", PURPOSE).csr_matrix(
        (sizes, (tails, heads)), shape=(count + 2, count + 2)
    )
    return _reached(graph, sink, source)[:count]


def _reached(graph: Any, start: int, end: int) -> Mask:
    """Return which nodes a start still reaches once the flow to an end is at its maximum."""
    flows = require("scipy.sparse.csgraph", PURPOSE)
    result = flows.maximum_flow(graph, start, end, method="dinic")
    flow = result.flow if hasattr(result, "flow") else result.residual
    left = (graph - flow).tocsr()
    left.eliminate_zeros()
    found = np.zeros(graph.shape[0], bool)
    found[flows.breadth_first_order(left, start, return_predecessors=False)] = True
    return found
