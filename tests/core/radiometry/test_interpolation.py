# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.radiometry.interpolation import Surface, at_points, outside_share
from orthoweave.core.windows import Window

BLOCKS = Grid(6, 5, (100.0, 40.0, 0.0, 900.0, 0.0, -40.0))
FLOAT = np.dtype(np.float64)


def surface(values, pixels, window=None):
    return Surface.of(np.asarray(values, float), window or BLOCKS.window, (pixels, BLOCKS), FLOAT)


def test_block_values_come_out_exactly_at_the_centers_of_blocks():
    values = np.random.default_rng(1).random((1, 5, 6))
    # pixels of a fifth of a block: every fifth one has its middle on that of a block
    pixels = Grid(30, 25, (100.0, 8.0, 0.0, 900.0, 0.0, -8.0))
    found = surface(values, pixels).at(0, pixels.window, 1.0)
    np.testing.assert_allclose(found[2::5, 2::5], values[0], rtol=1e-14)


@pytest.mark.parametrize(
    "transform",
    [
        (150.0, 3.0, 0.0, 850.0, 0.0, -3.0),
        (150.3, 3.0, 0.0, 760.0, 0.0, 3.0),  # south-up
        (190.0, 1.8, 1.5, 800.0, 1.5, -1.8),  # rotated
        (150.0, 0.0, 3.0, 850.0, -3.0, 0.0),  # columns run south
    ],
)
def test_a_ramp_of_blocks_is_reproduced_on_every_grid(transform):
    cols, rows = np.meshgrid(np.arange(6) + 0.5, np.arange(5) + 0.5)
    x, y = BLOCKS.to_map(cols, rows)
    pixels = Grid(30, 28, transform)
    found = surface((0.01 * x - 0.02 * y)[None], pixels).at(0, pixels.window, 1.0)
    col, row = np.meshgrid(np.arange(30) + 0.5, np.arange(28) + 0.5)
    east, north = pixels.to_map(col, row)
    # half-pixel positions are right: nothing but rounding is left
    np.testing.assert_allclose(found, 0.01 * east - 0.02 * north, atol=1e-6)


def test_a_pixel_is_the_same_in_every_window():
    values = np.random.default_rng(2).random((2, 5, 6))
    values[0, 1:3, 2] = np.nan
    for pixels in (
        Grid(64, 50, (100.0, 3.7, 0.0, 900.0, 0.0, -3.9)),
        Grid(64, 50, (180.0, 1.8, 1.5, 850.0, 1.5, -1.8)),
    ):
        whole = surface(values, pixels).at(0, pixels.window, 1.0)
        for window in (Window(0, 0, 1, 1), Window(13, 7, 20, 31), Window(63, 49, 1, 1)):
            part = surface(values, pixels).at(0, window, 1.0)
            np.testing.assert_array_equal(part, whole[window.slices])


def test_unknown_blocks_take_no_part_and_where_all_are_unknown_nothing_changes():
    values = np.full((1, 5, 6), np.nan)
    values[0, 2, 3] = 5.0
    pixels = Grid(60, 50, (100.0, 4.0, 0.0, 900.0, 0.0, -4.0))
    found = np.round(surface(values, pixels).at(0, pixels.window, 1.0), 9)
    # the only known block reaches to the centers of its neighbors
    assert set(np.unique(found)) == {1.0, 5.0}
    assert (found[15:35, 25:45] == 5).all() and (found == 5).sum() == 400


def test_maps_of_a_part_of_the_blocks_are_as_good_as_whole_ones():
    values = np.full((1, 5, 6), np.nan)
    values[0, 1:4, 2:5] = np.random.default_rng(3).random((3, 3))
    pixels = Grid(60, 50, (100.0, 4.0, 0.0, 900.0, 0.0, -4.0))
    window = Window(2, 1, 3, 3)
    inner = Window(25, 15, 20, 20)  # between the centers of known blocks
    whole = surface(values, pixels).at(0, inner, 1.0)
    part = surface(values[:, 1:4, 2:5], pixels, window).at(0, inner, 1.0)
    np.testing.assert_allclose(part, whole, rtol=1e-14)


def test_beyond_the_map_nothing_changes():
    pixels = Grid(10, 10, (80.0, 4.0, 0.0, 900.0, 0.0, -4.0))
    assert outside_share(pixels, BLOCKS) == pytest.approx(0.5)
    assert outside_share(Grid(10, 10, (100.0, 4.0, 0.0, 900.0, 0.0, -4.0)), BLOCKS) == 0
    found = surface(np.full((1, 5, 6), 3.0), pixels).at(0, pixels.window, 1.0)
    assert (found[:, :5] == 1).all() and (found[:, 5:] == 3).all()
    at = (np.array([-0.1, 0.2]), np.array([1.0, 1.0]))
    assert at_points(np.full((5, 6), 3.0), BLOCKS.window, at, BLOCKS.window, 1.0).tolist() == [1, 3]


def test_a_map_of_one_block_is_a_constant():
    one = Grid(1, 1, (0.0, 100.0, 0.0, 0.0, 0.0, -100.0))
    pixels = Grid(10, 10, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
    found = Surface.of(np.full((1, 1, 1), 2.5), one.window, (pixels, one), FLOAT)
    assert (found.at(0, pixels.window, 1.0) == 2.5).all()
