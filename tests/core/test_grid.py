# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from orthoweave.core.grid import Grid, hull, joint_bounds, north_up, union
from orthoweave.core.windows import Window

UP = Grid(100, 80, (500.0, 10.0, 0.0, 9000.0, 0.0, -10.0), "crs")
SOUTH = Grid(100, 80, (500.0, 10.0, 0.0, 9000.0, 0.0, 10.0), "crs")
# turned by the angle whose cosine is 0.8 and sine 0.6; pixels of 10 m
TURNED = Grid(100, 80, (500.0, 8.0, 6.0, 9000.0, 6.0, -8.0), "crs")
OBLONG = Grid(7, 5, (0.0, 2.0, 0.0, 0.0, 0.0, -3.0), "crs")
POINT = Grid(1, 1, (500.0, 10.0, 0.0, 9000.0, 0.0, -10.0), "crs")
GRIDS = [UP, SOUTH, TURNED, OBLONG, POINT]
NAMES = ["north-up", "south-up", "rotated", "oblong pixels", "1 x 1"]

every_grid = pytest.mark.parametrize("grid", GRIDS, ids=NAMES)


@every_grid
def test_pixel_positions_come_back_from_the_map(grid):
    cols, rows = np.meshgrid(np.linspace(-3, 120, 7), np.linspace(-9, 99, 5))
    back = grid.to_pixel(*grid.to_map(cols, rows))
    # both directions are a few additions and products of numbers below 1e4
    np.testing.assert_allclose(back, (cols, rows), atol=1e-9)


@every_grid
def test_the_corners_run_round_the_image(grid):
    assert len(grid.corners) == 4
    assert grid.corners[0] == (grid.transform[0], grid.transform[3])
    assert grid.corners[2] == grid.to_map(grid.width, grid.height)
    left, low, right, high = grid.bounds
    assert left < right
    assert low < high
    assert all(left <= x <= right and low <= y <= high for x, y in grid.corners)


def test_bounds_are_in_map_units():
    assert UP.bounds == (500.0, 8200.0, 1500.0, 9000.0)
    assert SOUTH.bounds == (500.0, 9000.0, 1500.0, 9800.0)
    assert TURNED.bounds == (500.0, 9000.0 - 640.0, 500.0 + 800.0 + 480.0, 9000.0 + 600.0)


@pytest.mark.parametrize(
    ("grid", "size", "rotated"),
    [
        (UP, (10.0, 10.0), False),
        (SOUTH, (10.0, 10.0), False),
        (TURNED, (10.0, 10.0), True),
        (OBLONG, (2.0, 3.0), False),
    ],
)
def test_pixel_size_is_a_length_and_rotation_is_known(grid, size, rotated):
    assert grid.pixel_size == pytest.approx(size)
    assert grid.rotated is rotated


@pytest.mark.parametrize(
    ("transform", "crs", "georeferenced"),
    [
        ((0.0, 1.0, 0.0, 0.0, 0.0, 1.0), "", False),
        ((0.0, 1.0, 0.0, 0.0, 0.0, 1.0), "crs", True),
        ((0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "", True),
    ],
)
def test_the_default_transform_without_crs_is_not_georeferenced(transform, crs, georeferenced):
    assert Grid(5, 5, transform, crs).georeferenced is georeferenced


@every_grid
@pytest.mark.parametrize("shift", [(0, 0), (3, -4), (-100, 1000)])
def test_a_grid_shifted_by_whole_pixels_matches(grid, shift):
    other = grid.cropped(Window(*shift, 9, 11))
    assert grid.offset(other) == shift
    assert grid.matches(other)
    assert grid.placed(other) == Window(*shift, 9, 11)


@every_grid
@pytest.mark.parametrize(("part", "matches"), [(0.0, True), (0.009, True), (0.011, False)])
def test_corners_may_differ_by_a_hundredth_of_a_pixel(grid, part, matches):
    x, y = grid.to_map(part, 0)
    other = Grid(grid.width, grid.height, (x, *grid.transform[1:3], y, *grid.transform[4:]))
    assert grid.matches(other) is matches


def test_a_slightly_larger_pixel_matches_until_it_adds_up():
    def grown(width: int) -> Grid:
        return Grid(width, 10, (500.0, 10.001, 0.0, 9000.0, 0.0, -10.0))

    assert UP.matches(grown(50))  # 50 x 0.0001 px
    assert not UP.matches(grown(500))


@pytest.mark.parametrize("other", [SOUTH, TURNED, OBLONG], ids=["south-up", "rotated", "oblong"])
def test_other_orientations_do_not_match(other):
    assert UP.offset(other) is None
    with pytest.raises(ValueError, match="do not match"):
        UP.placed(other)


def test_a_grid_that_lies_nowhere_matches_nothing():
    lost = Grid(5, 5, (math.nan, 10.0, 0.0, 9000.0, 0.0, -10.0))
    assert UP.offset(lost) is None


@every_grid
def test_cropping_moves_the_first_corner(grid):
    part = grid.cropped(Window(2, 3, 4, 5))
    assert (part.width, part.height, part.crs) == (4, 5, grid.crs)
    assert part.to_map(0, 0) == pytest.approx(grid.to_map(2, 3))
    assert part.to_map(4, 5) == pytest.approx(grid.to_map(6, 8))


@every_grid
def test_the_window_of_a_windows_box_is_that_window_unless_rotated(grid):
    window = Window(-2, 3, 4, 5)
    found = grid.window_of(grid.cropped(window).bounds)
    assert found.contains(window)
    assert grid.rotated or found == window


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((500.0, 8990.0, 510.0, 9000.0), Window(0, 0, 1, 1)),
        ((499.95, 8989.95, 510.05, 9000.05), Window(0, 0, 1, 1)),  # 0.005 px are forgiven
        ((499.0, 8989.0, 511.0, 9001.0), Window(-1, -1, 3, 3)),
        ((503.0, 8993.0, 504.0, 8994.0), Window(0, 0, 1, 1)),
        ((503.0, 8993.0, 503.0, 8993.0), Window(0, 0, 1, 1)),
    ],
)
def test_the_window_of_a_box_has_whole_pixels_and_at_least_one(bounds, expected):
    assert UP.window_of(bounds) == expected


def test_the_union_keeps_pixels_and_covers_everything():
    other = UP.cropped(Window(-20, 70, 30, 30))
    joint = union(UP, [other, TURNED])
    assert joint.matches(UP)
    assert joint.window.contains(joint.placed(UP))
    assert joint.window.contains(joint.placed(other))
    left, low, right, high = joint.bounds
    assert left <= TURNED.bounds[0]
    assert low <= TURNED.bounds[1]
    assert right >= TURNED.bounds[2]
    assert high >= TURNED.bounds[3]


def test_the_union_with_itself_is_the_grid():
    assert union(UP, [UP, UP]) == UP
    assert union(UP, []) == UP


def test_the_hull_of_two_windows_covers_both_and_what_is_between():
    assert hull(Window(0, 0, 2, 2), Window(8, 5, 1, 1)) == Window(0, 0, 9, 6)
    assert hull(Window(0, 0, 9, 9), Window(2, 2, 1, 1)) == Window(0, 0, 9, 9)


@pytest.mark.parametrize(
    ("bounds", "snap", "expected"),
    [
        ((0.0, 0.0, 100.0, 50.0), False, (10, 5, 0.0, 50.0)),
        ((3.0, 4.0, 101.0, 54.0), False, (10, 5, 3.0, 54.0)),
        ((3.0, 4.0, 101.0, 54.0), True, (11, 6, 0.0, 60.0)),
        ((0.0, 0.0, 100.0000001, 50.0), True, (10, 5, 0.0, 50.0)),
        ((1.0, 1.0, 2.0, 2.0), False, (1, 1, 1.0, 2.0)),
        ((-15.0, -15.0, 5.0, 5.0), True, (3, 3, -20.0, 10.0)),
    ],
)
def test_a_north_up_grid_covers_its_box(bounds, snap, expected):
    grid = north_up(bounds, (10.0, 10.0), "crs", snap=snap)
    width, height, left, top = expected
    assert (grid.width, grid.height) == (width, height)
    assert grid.transform == (left, 10.0, 0.0, top, 0.0, -10.0)


def test_joint_bounds_go_round_every_box():
    assert joint_bounds([UP.bounds, SOUTH.bounds]) == (500.0, 8200.0, 1500.0, 9800.0)
    assert joint_bounds([POINT.bounds]) == POINT.bounds


@every_grid
def test_a_grid_pickles_and_takes_another_crs(grid):
    assert pickle.loads(pickle.dumps(grid)) == grid
    assert grid.with_crs("other").crs == "other"
    assert grid.with_crs("other").transform == grid.transform
    assert grid.window == Window(0, 0, grid.width, grid.height)
