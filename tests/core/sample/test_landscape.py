# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
from orthoweave.core.sample.landscape import BAND_NAMES, Landscape


def test_a_window_is_the_same_as_that_part_of_a_larger_one():
    ground = Landscape(400, 1)
    whole = ground.painted(-20, 30, 90, 70)
    part = ground.painted(10, 50, 40, 30)
    assert whole.dtype == np.float32 and whole.shape == (len(BAND_NAMES), 70, 90)
    assert np.array_equal(whole[:, 20:50, 30:70], part)


def test_reflectance_is_positive_and_differs_between_seeds():
    one, two = (Landscape(400, seed).painted(0, 0, 120, 120) for seed in (1, 2))
    assert one.min() > 0 and one.max() < 10_000
    assert np.abs(one - two).mean() > 50


def test_plants_are_bright_in_near_infrared_and_water_is_dark():
    blue, green, red, nir = Landscape(400, 1).painted(0, 0, 400, 400)
    water = nir < 400
    assert 0.02 < water.mean() < 0.2
    assert (nir > 2 * red).mean() > 0.5
