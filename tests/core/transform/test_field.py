# SPDX-License-Identifier: GPL-2.0-or-later
"""The field of displacements: between points, between nodes, on windows, at other levels."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.transform.field import (
    Field,
    field_of,
    fit_field,
    neighbors_for,
    spacing_for,
)
from orthoweave.core.transform.planes import Scattered
from orthoweave.core.windows import Window

AREA = Window(0, 0, 500, 300)


def tilted(x, y):
    return 3 + 0.02 * x - 0.01 * y, -1 + 0.005 * x + 0.03 * y


def points(count=300, function=tilted, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 500, count), rng.uniform(0, 300, count)
    return Scattered(x, y, *function(x, y), np.full(count, 0.05))


def test_a_plane_comes_back_at_every_pixel():
    field = fit_field(points(), AREA, 32)
    dx, dy = field.on(AREA)
    x, y = np.meshgrid(np.arange(500), np.arange(300))
    expected = tilted(x, y)
    # float32 holds displacements of 10 px to 1e-6
    assert dx == pytest.approx(expected[0], abs=1e-5)
    assert dy == pytest.approx(expected[1], abs=1e-5)


def test_a_smooth_wave_comes_back_between_dense_points():
    def wave(x, y):
        return 1.2 * np.sin(2 * np.pi * x / 400), 0.8 * np.cos(2 * np.pi * y / 400)

    field = fit_field(points(2000, wave), AREA, 16)
    x, y = np.meshgrid(np.arange(40.0, 460), np.arange(40.0, 260))
    found = field.at(x, y)
    # planes of 20 points flatten the crests: half the curvature times their mean square radius
    assert np.abs(found[0] - wave(x, y)[0]).max() < 0.03
    assert np.abs(found[1] - wave(x, y)[1]).max() < 0.03


def test_nodes_begin_at_the_first_pixel_and_reach_the_last():
    field = fit_field(points(), Window(10, 20, 97, 98), 16)
    assert (field.x, field.y, field.spacing) == (10, 20, 16)
    assert field.dx.shape == (8, 7)
    assert field.sigma.shape == field.distance.shape == (8, 7)
    assert (field.sigma > 0).all()
    one = fit_field(points(), Window(5, 5, 1, 1), 16)
    assert one.on(Window(5, 5, 1, 1))[0].item() == pytest.approx(tilted(5, 5)[0], abs=1e-5)


def test_every_window_sees_the_same_field():
    rng = np.random.default_rng(4)
    noisy = points()
    noisy = Scattered(noisy.x, noisy.y, noisy.dx + rng.normal(0, 1, 300), noisy.dy, noisy.sigma)
    field = fit_field(noisy, AREA, 32)
    whole = field.on(AREA)
    for window in (Window(0, 0, 64, 64), Window(37, 41, 100, 77), Window(499, 299, 1, 1)):
        part = field.on(window)
        for one, other in zip(part, whole):
            assert np.array_equal(one, other[window.slices])
            assert one.dtype == np.float32


def test_pixels_and_positions_agree_and_the_border_is_held():
    rng = np.random.default_rng(1)
    tables = rng.normal(0, 5, (4, 6, 9))
    field = Field(3.0, -2.0, 10.0, *tables)
    window = Window(-20, -30, 140, 110)
    x, y = np.meshgrid(np.arange(-20.0, 120), np.arange(-30.0, 80))
    for one, other in zip(field.on(window), field.at(x, y)):
        assert one == pytest.approx(other, abs=1e-5)
    assert field.at(np.array(3.0), np.array(-2.0))[0] == tables[0, 0, 0]
    assert field.at(np.array(1e6), np.array(1e6))[1] == tables[1, -1, -1]
    assert field.at(np.array(8.0), np.array(-2.0))[0] == pytest.approx(tables[0, 0, :2].mean())


def test_the_next_level_has_twice_the_pixels():
    field = field_of(tilted, Window(0, 0, 100, 80), 16)
    finer = field.scaled(2.0)
    x, y = np.array([10.0, 33.5]), np.array([20.0, 7.25])
    # the center of a pixel is the corner of four
    found = finer.at(2 * x + 0.5, 2 * y + 0.5)
    for one, other in zip(found, field.at(x, y)):
        assert one == pytest.approx(2 * other)
    assert finer.spacing == 32


def test_a_shift_is_the_same_everywhere():
    dx, dy = field_of(lambda x, y: (1.5, -2.0), AREA, 64).on(Window(100, 100, 3, 2))
    assert dx.tolist() == [[1.5] * 3] * 2
    assert dy.tolist() == [[-2.0] * 3] * 2


def test_without_points_there_is_no_field():
    with pytest.raises(NoSolution, match="at least one accepted key point"):
        fit_field(points(0), AREA, 32)


@pytest.mark.parametrize(("side", "spacing"), [(960, 16), (1999, 16), (2000, 32), (20000, 32)])
def test_small_images_have_a_finer_field(side, spacing):
    assert spacing_for(side) == spacing


@pytest.mark.parametrize(
    ("count", "side", "support", "neighbors"),
    [(4100, 960, 8, 32), (4100, 960, 16, 100), (20000, 8000, 8, 20), (2240, 960, 12, 39)],
)
def test_planes_are_wider_than_the_measuring_window(count, side, support, neighbors):
    assert neighbors_for(count, side * side, support) == neighbors
