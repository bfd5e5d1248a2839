# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.report.shift_profiles import color_limits, profile


def test_a_profile_holds_mean_deviation_and_count_of_each_bin_that_is_not_empty():
    at = np.array([0.0, 19.0, 20.0, 65.0])
    found = profile(at, np.array([1.0, 3.0, 5.0, -2.0]), 20.0)
    assert found.center.tolist() == [10.0, 30.0, 70.0]
    assert found.mean.tolist() == [2.0, 5.0, -2.0]
    # the deviation of the points, divided by their number: not the error of the mean
    assert found.std.tolist() == [1.0, 0.0, 0.0]
    assert found.count.tolist() == [2, 1, 1]


def test_a_profile_of_no_points_is_empty():
    assert len(profile(np.empty(0), np.empty(0), 20.0).center) == 0


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ([], (-1.0, 1.0)),
        ([0.0, 0.0], (-0.01, 0.01)),
        ([-1.0, 1.0], (-3.0, 3.0)),
        # mean 1, three deviations 3: 0 lies inside and becomes the middle
        ([0.0, 2.0], (-4.0, 4.0)),
        # all far on one side: the scale follows the points
        ([9.0, 11.0], (7.0, 13.0)),
        ([5.0, 5.0], (-5.0, 5.0)),
    ],
)
def test_limits_of_colors_are_three_deviations_around_0_or_around_the_mean(values, limits):
    assert color_limits(np.array(values)) == pytest.approx(limits)
