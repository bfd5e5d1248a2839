# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables of key points."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.keypoints import LOW_SCORE, OUTLIER, USED, KeyPoints


def points(dx: list[float], dy: list[float], status: int = USED) -> KeyPoints:
    count = len(dx)
    ones = np.ones(count)
    return KeyPoints(ones, ones, dx, dy, ones, ones, ones, np.full(count, status))


def test_columns_that_are_not_known_hold_nan() -> None:
    table = points([1.0, 2.0], [0.0, 0.0])
    assert np.isnan(table.east).all()
    assert table.altitude.shape == (2,)


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="dy has shape"):
        points([1.0, 2.0], [0.0])


def test_angles_turn_clockwise_from_the_right_and_never_reach_minus_180() -> None:
    found = points([1.0, 0.0, -1.0, -1.0], [0.0, 1.0, 0.0, -0.0]).angle
    assert found.tolist() == [0.0, 90.0, 180.0, 180.0]


def test_bearings_turn_clockwise_from_north() -> None:
    table = points([1.0] * 3, [0.0] * 3).with_columns(east=[0, 1, -1], north=[1, 0, 0])
    assert table.bearing.tolist() == [0.0, 90.0, 270.0]


def test_points_of_low_score_are_accepted_but_not_used() -> None:
    assert not points([1.0], [1.0], LOW_SCORE).used.any()
    assert points([1.0], [1.0], LOW_SCORE).accepted.all()
    assert not points([1.0], [1.0], OUTLIER).accepted.any()


def test_an_empty_table_has_no_points() -> None:
    assert len(KeyPoints.none()) == 0
    assert len(points([1.0, 2.0], [0.0, 0.0]).chosen([1])) == 1
