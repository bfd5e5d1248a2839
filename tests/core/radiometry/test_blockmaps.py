# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.radiometry.blockmaps import (
    BlockMaps,
    LocalMap,
    block_layout,
    gamma_limits,
    mean_reference,
    spread_out,
    variation_blocks,
)
from orthoweave.core.windows import Window

NAN = float("nan")


def test_one_ring_of_neighbors_takes_the_nearest_value():
    values = np.full((1, 5, 5), NAN)
    values[0, 2, 2], values[0, 2, 3] = 1.0, 2.0
    allowed = np.ones((5, 5), bool)
    allowed[1, 3] = False
    found = spread_out(values, allowed)[0]
    expected = [
        [NAN, NAN, NAN, NAN, NAN],
        [NAN, 1, 1, NAN, 2],
        [NAN, 1, 1, 2, 2],
        [NAN, 1, 1, 2, 2],
        [NAN, NAN, NAN, NAN, NAN],
    ]
    np.testing.assert_array_equal(found, expected)


def test_the_reference_of_the_seed_is_the_plain_mean():
    local = (
        LocalMap("a", Window(0, 0, 2, 1), np.array([[[1.0, NAN]]])),
        LocalMap("b", Window(0, 0, 3, 1), np.array([[[3.0, 5.0, NAN]]])),
    )
    found = mean_reference(local, (1, 1, 3), Window(0, 0, 3, 1))
    np.testing.assert_array_equal(found, [[[2, 5, NAN]]])


def test_the_seeds_rule_and_its_limits():
    assert variation_blocks(100.0, 64.8) == (18, 18)
    assert variation_blocks(100.0, 0.1) == (1, 1)
    assert variation_blocks(0.0, 5.0) == (1, 1)
    assert block_layout(2000, 2000) == (2000, 2000)
    with pytest.raises(InvalidOption, match="more than 4,000,000"):
        block_layout(2001, 2000)


def test_gammas_limits_reach_a_little_beyond_the_values():
    low, high = gamma_limits(np.array([0.0, 10.0]), np.array([100.0, 30.0]))
    assert low == pytest.approx((-5, 9)) and high == pytest.approx((105, 31))


def test_an_image_without_map_is_named():
    maps = BlockMaps(Grid(1, 1, (0, 1, 0, 0, 0, -1)), np.ones((1, 1, 1)), (), ("linear",))
    with pytest.raises(InvalidOption, match="no local map for x"):
        maps.of("x")
