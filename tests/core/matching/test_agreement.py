# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of the evidence that go their own way are not believed."""

from __future__ import annotations

import numpy as np
from orthoweave.core.matching.agreement import agreement
from orthoweave.core.matching.evidence import Products

BLOCKS = (40, 60)


def asking(dx, dy, strength=500.0):
    """Evidence for a displacement of each block."""
    one, none = np.full(BLOCKS, strength), np.zeros(BLOCKS)
    return Products((one, none, one, one * dx, one * dy), np.ones(BLOCKS))


def moved(dx, dy):
    return np.full(BLOCKS, dx), np.full(BLOCKS, dy)


def test_evidence_that_was_followed_is_believed():
    assert agreement(asking(0.4, -0.2), moved(0.4, -0.2), 0.1)[8:-8, 8:-8].min() > 0.99


def test_a_part_that_moves_on_its_own_is_not_believed():
    dx = np.full(BLOCKS, 0.1)
    dx[10:25, 10:30] = 1.5
    weights = agreement(asking(dx, 0.0), moved(0.1, 0.0), 0.1)
    assert weights[14:21, 15:25].max() == 0
    assert weights[:, 45:].min() > 0.99


def test_where_nothing_is_seen_nothing_is_held_against_it():
    silent = agreement(asking(3.0, 3.0, strength=0.0), moved(0.0, 0.0), 0.1)
    assert silent.min() == 1


def test_a_usual_difference_is_no_reason_to_doubt():
    rng = np.random.default_rng(0)
    dx = np.repeat(np.repeat(rng.normal(0, 0.3, (5, 6)), 8, 0), 10, 1)
    weights = agreement(asking(dx, 0.0), moved(0.0, 0.0), 0.1)
    assert weights.mean() > 0.5
