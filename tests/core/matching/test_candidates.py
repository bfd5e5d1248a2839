# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts: the true shift comes first, the true rotation among the next."""

from __future__ import annotations

import math

import numpy as np
from orthoweave.core.matching.candidates import PEAKS, candidates, coarse_patch
from orthoweave.core.matching.patches import Seeing, patch_of
from orthoweave.core.transform.models import Linear


def patch_of_pair(ends):
    everywhere = np.ones(ends[0].shape, bool)
    return patch_of(ends[0], everywhere, ends[1], everywhere, lambda x, y: (x, y))


def test_the_true_shift_is_the_first_candidate(pair):
    patch = patch_of_pair(pair(Linear("translation", shift=(14.3, -8.8)), (150, 180)))
    found = list(candidates(patch, Seeing(), reach=25, max_rotation=0))
    assert found[0].shift == (14.0, -9.0) and 1 <= len(found) <= PEAKS


def test_a_large_rotation_is_among_the_later_candidates(pair):
    cos, sin = math.cos(math.radians(7)), math.sin(math.radians(7))
    truth = Linear("rigid", ((cos, -sin), (sin, cos)), (4.0, 3.0), (89.5, 74.5))
    patch = patch_of_pair(pair(truth, (150, 180)))
    found = list(candidates(patch, Seeing(), reach=20, max_rotation=9))
    best = found[PEAKS]
    assert abs(best.rotation - 7) < 0.6
    assert np.hypot(best.shift[0] - 4, best.shift[1] - 3) < 2


def test_coarser_patches_show_the_same_ground(pair):
    ends = pair(Linear("translation", shift=(8.0, 4.0)), (160, 200), sigma=3.0)
    patch = patch_of_pair(ends)
    assert coarse_patch(patch, 1) is patch
    coarse = coarse_patch(patch, 2)
    assert coarse.reference.shape == (80, 100)
    assert next(candidates(coarse, Seeing(), reach=10, max_rotation=0)).shift == (4.0, 2.0)
