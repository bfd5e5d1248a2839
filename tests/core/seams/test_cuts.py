# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from itertools import product

import numpy as np
import pytest

pytest.importorskip("scipy")

from orthoweave.core.seams.cuts import best, choice  # noqa: E402


def added(taken, first, second, costs, chosen):
    """What a choice adds, straight from the meaning of the costs."""
    none, only_second, only_first = (
        np.where(chosen[first] & chosen[second], 0, cost) for cost in costs
    )
    a, b = chosen[first], chosen[second]
    pairs = np.where(a & ~b, only_first, np.where(b & ~a, only_second, none))
    return int(taken[chosen].sum() + pairs.sum())


@pytest.mark.parametrize("seed", range(8))
def test_the_best_choice_is_the_best_of_all_choices(seed):
    rng = np.random.default_rng(seed)
    count = 9
    first, second = zip(*[(3 * r + c, 3 * r + c + 1) for r, c in product(range(3), range(2))])
    down = [(3 * r + c, 3 * r + c + 3) for r, c in product(range(2), range(3))]
    first = np.array([*first, *(a for a, _ in down)])
    second = np.array([*second, *(b for _, b in down)])
    taken = rng.integers(-900, 900, count)
    alone = rng.integers(1, 500, (2, len(first)))
    none = rng.integers(0, 2, len(first)) * rng.integers(1, alone.sum(0))
    costs = (none, alone[0], alone[1])
    options = choice(taken, first, second, costs)
    everything = [np.array(bits, bool) for bits in product((0, 1), repeat=count)]
    values = [added(taken, first, second, costs, chosen) for chosen in everything]
    start = added(taken, first, second, costs, np.zeros(count, bool))
    found = best(options)
    assert added(taken, first, second, costs, found) == min(values)
    assert options.gain(found) == min(values) - start
    # of equally good choices the one that takes fewest
    assert found.sum() == min(c.sum() for c, v in zip(everything, values) if v == min(values))


def test_nothing_is_taken_when_nothing_is_won():
    options = choice(np.array([5, 0]), np.array([0]), np.array([1]), (np.array([0]),) * 3)
    assert not best(options).any() and options.gain(best(options)) == 0


def test_a_cost_that_two_seams_undercut_is_lowered_to_their_sum():
    one = np.array([0])
    options = choice(np.zeros(2, int), one, one + 1, (one + 900, one + 100, one + 200))
    assert options.apart.tolist() == [[0], [0]]


def test_neighbors_without_a_seam_between_them_draw_no_flow_of_their_own():
    taken = np.array([5, -7, 0])
    costs = (np.zeros(2, int), np.array([400, 90]), np.array([300, 90]))
    options = choice(taken, np.array([0, 1]), np.array([1, 2]), costs)
    assert options.taken.tolist() == taken.tolist()
    assert options.apart.tolist() == [[400, 90], [300, 90]]
