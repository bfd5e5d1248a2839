# SPDX-License-Identifier: GPL-2.0-or-later
"""Chips cut at whole and at fractional positions, with OpenCV and without it."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.image import constant
from orthoweave.core.transform import chips
from orthoweave.core.transform.chips import cut, moved_cut, needed
from orthoweave.core.transform.sampling import lanczos

VALUES = np.random.default_rng(0).uniform(0, 60000, (120, 140)).astype(np.float32)


def test_chips_start_at_their_positions():
    found = cut(VALUES, np.array([3, 50]), np.array([7, 60]), 9)
    assert np.array_equal(found, [VALUES[3:12, 7:16], VALUES[50:59, 60:69]])


@pytest.mark.parametrize("cv2", [True, False])
def test_moved_chips_are_those_that_are_sampled_pixel_by_pixel(cv2, monkeypatch):
    if cv2:
        pytest.importorskip("cv2")
    monkeypatch.setattr(chips, "available", lambda _: cv2)
    row, col = np.array([5.0, 40.37, 17.99]), np.array([8.0, 61.62, 30.5])
    found = moved_cut(VALUES, row, col, 15)
    for chip, y, x in zip(found, row, col):
        at = np.meshgrid(*(np.rint(v * 32) / 32 + np.arange(15) for v in (x, y)))
        expected = lanczos(VALUES, constant(True, VALUES.shape), *at).values
        assert chip == pytest.approx(expected, rel=1e-4, abs=1)  # float32 sums of 64 terms
    assert np.allclose(found[0], VALUES[5:20, 8:23], atol=0.02)


def test_needed_pixels_are_all_that_count():
    row, col = np.array([40.37]), np.array([61.62])
    top, left, side = needed(row, col, 15)
    rows, cols = slice(top[0], top[0] + side), slice(left[0], left[0] + side)
    alone = np.full(VALUES.shape, np.nan, np.float32)
    alone[rows, cols] = VALUES[rows, cols]
    assert np.array_equal(moved_cut(alone, row, col, 15), moved_cut(VALUES, row, col, 15))
