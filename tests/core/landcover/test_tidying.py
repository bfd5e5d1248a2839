# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover import tidying
from orthoweave.core.landcover.sieving import Sieve, sieved
from orthoweave.core.landcover.tidying import levels, squares, tidied, uprights
from orthoweave.core.windows import Window

AREA = Window(0, 0, 100, 70)


@pytest.fixture
def small(monkeypatch):
    """Squares of 32 px with bands of 8 px."""
    monkeypatch.setattr(tidying, "SQUARE", 32)
    monkeypatch.setattr(tidying, "BAND", 8)


def hits(windows, area=AREA):
    found = np.zeros((area.height, area.width), int)
    for window in windows:
        assert area.contains(window) and not window.empty
        found[window.slices] += 1
    return found


def test_windows_of_a_pass_do_not_overlap_and_squares_miss_nothing(small):
    assert (hits(squares(AREA)) == 1).all()
    assert hits(uprights(AREA)).max() == hits(levels(AREA)).max() == 1


def test_every_line_between_squares_lies_inside_a_band(small):
    upright, level = hits(uprights(AREA)), hits(levels(AREA))
    for col in (32, 64, 96):
        assert (upright[:, col - 8 : min(100, col + 8)] == 1).all()
    for row in (32, 64):
        assert (level[row - 8 : min(70, row + 8)] == 1).all()


def test_a_window_that_is_the_whole_image_is_sieved():
    labels = np.random.default_rng(0).integers(0, 4, (60, 50)).astype(np.uint8)
    window = Window(0, 0, 50, 60)
    found = tidied(labels, 9, window, window)
    assert found.dtype == labels.dtype
    np.testing.assert_array_equal(found, sieved(labels, Sieve(9)))


def test_parts_that_go_on_beyond_a_window_stay_and_take_others():
    labels = np.ones((6, 6), np.uint8)
    labels[2, 5] = labels[0, 1] = 2
    labels[3, 3] = labels[3, 5] = 3
    window = Window(10, 0, 6, 6)
    expected = labels.copy()
    # at the right the image goes on, above it ends
    expected[3, 3] = expected[0, 1] = 1
    found = tidied(labels, 5, window, Window(0, 0, 30, 30))
    np.testing.assert_array_equal(found, expected)
