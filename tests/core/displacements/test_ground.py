# SPDX-License-Identifier: GPL-2.0-or-later
"""Map positions, displacements in map units and heights on grids of every kind."""

from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.displacements.ground import Ground, with_altitude, with_map
from orthoweave.core.errors import IncompatibleImages
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, constant
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.raster import CrsMapping, parse_crs

UTM, UTM34, WGS84 = (parse_crs(f"EPSG:{code}") for code in (32633, 32634, 4326))
COS, SIN = math.cos(0.5), math.sin(0.5)
GRIDS = {
    "north-up": Grid(900, 700, (5e5, 10.0, 0.0, 5e6, 0.0, -10.0), UTM),
    "south-up": Grid(900, 700, (5e5, 10.0, 0.0, 5e6, 0.0, 10.0), UTM),
    "rotated": Grid(900, 700, (5e5, 10 * COS, 10 * SIN, 5e6, 10 * SIN, -10 * COS), UTM),
    "non-square": Grid(900, 700, (5e5, 5.0, 0.0, 5e6, 0.0, -20.0), UTM),
}


def points(n=300, seed=0, size=(900, 700)):
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, side, n).astype(float) for side in size)
    dx, dy = rng.normal(0, 2, (2, n))
    return KeyPoints(x, y, dx, dy, *np.ones((3, n)), np.zeros(n))


@pytest.mark.parametrize("name", GRIDS)
def test_map_columns_are_differences_of_map_positions(name):
    grid, given = GRIDS[name], points()
    found = with_map(given, grid)
    x, y = grid.to_map(given.x0 + 0.5, given.y0 + 0.5)
    to_x, to_y = grid.to_map(given.x0 + given.dx + 0.5, given.y0 + given.dy + 0.5)
    assert np.allclose((found.x_map, found.y_map), (x, y))
    assert np.allclose((found.east, found.north), (to_x - x, to_y - y), atol=1e-6)
    assert Ground(grid).unit == "m"
    assert Ground(grid).y_up == (name == "south-up")


def test_degrees_become_metres_on_the_ellipsoid():
    # 0.0001 degrees at 48 to 49 degrees north; the truth comes from a UTM projection
    grid = Grid(900, 700, (15.0, 1e-4, 0.0, 48.5, 0.0, -1e-4), WGS84)
    given = points()
    found = with_map(given, grid)
    ends = [(given.x0, given.y0), (given.x0 + given.dx, given.y0 + given.dy)]
    first, second = (CrsMapping(WGS84, UTM)(*grid.to_map(x + 0.5, y + 0.5)) for x, y in ends)
    lengths = np.hypot(second[0] - first[0], second[1] - first[1]) / 0.9996  # scale of UTM at 15 E
    assert np.hypot(found.east, found.north) == pytest.approx(lengths, rel=1e-4)
    assert np.sign(found.north).tolist() == (-np.sign(given.dy)).tolist()
    assert found.x_map[0] == pytest.approx(15 + (given.x0[0] + 0.5) * 1e-4)
    assert Ground(grid).unit == "m"


def test_meridian_lengths_are_those_of_the_textbook():
    for latitude, metres in ((0.0, 110574.3), (45.0, 111132.0), (89.99, 111693.9)):
        grid = Grid(1, 1, (0.0, 1.0, 0.0, latitude + 0.5, 0.0, -1.0), WGS84)
        one = np.zeros(1)
        north = Ground(grid).vectors(one, one, one, one - 1e-3)[1]
        assert north[0] == pytest.approx(metres * 1e-3, rel=2e-6)


def test_feet_stay_feet():
    grid = Grid(9, 9, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), parse_crs("EPSG:2263"))
    assert Ground(grid).unit == "ft"


def test_without_a_crs_the_pixel_size_counts():
    grid = Grid(900, 700, (0.0, 1.0, 0.0, 0.0, 0.0, 1.0), "")
    given = points()
    found = with_map(given, grid, 2.5)
    assert np.array_equal((found.east, found.north), (2.5 * given.dx, -2.5 * given.dy))
    assert np.isnan(found.x_map).all()
    assert Ground(grid, 2.5).unit == "m"
    nothing = with_map(given, grid)
    assert np.isnan(nothing.east).all()
    assert Ground(grid).unit == ""


def slope(crs, transform, size, value):
    """A DEM whose heights are a function of the map position."""
    grid = Grid(*size, transform, crs)
    col, row = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    heights = value(*grid.to_map(col, row))[None]
    return ArrayImage("dem", grid, heights, constant(True, heights.shape[1:]))


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("pixel", [(30.0, -30.0), (7.0, 7.0)])
def test_heights_of_a_plane_are_exact_on_any_grid(threads, pixel):
    grid = GRIDS["north-up"]
    top = 5e6 + 500 if pixel[1] < 0 else 5e6 - 7600
    size = (int(10000 / pixel[0]), int(8100 / abs(pixel[1])))
    transform = (5e5 - 400, pixel[0], 0.0, top, 0.0, pixel[1])
    dem = slope(UTM, transform, size, lambda x, y: (x - 5e5) / 10 + (y - 5e6) / 20)
    given = points()
    found = with_altitude(given, grid, dem, threads=threads)
    x, y = grid.to_map(given.x0 + 0.5, given.y0 + 0.5)
    assert found.altitude == pytest.approx((x - 5e5) / 10 + (y - 5e6) / 20, abs=1e-6)


def test_heights_come_from_another_crs():
    grid = GRIDS["rotated"]
    x, y = CrsMapping(UTM, UTM34)(*grid.to_map(np.array([0, 900]), np.array([700, 0])))
    left, high = x.min() - 9000, y.max() + 9000
    dem = slope(UTM34, (left, 90.0, 0.0, high, 0.0, -90.0), (400, 400), lambda x, y: (x + y) / 9)
    given = points()
    found = with_altitude(given, grid, dem)
    there = CrsMapping(UTM, UTM34)(*grid.to_map(given.x0 + 0.5, given.y0 + 0.5))
    assert found.altitude == pytest.approx((there[0] + there[1]) / 9, abs=1e-5)


def test_holes_of_the_dem_are_told_and_never_mixed_in(listen):
    grid = Grid(100, 100, (5e5, 10.0, 0.0, 5e6, 0.0, -10.0), UTM)
    heights = np.full((1, 50, 50), 100.0)
    valid = np.ones((50, 50), bool)
    valid[:, 20:30] = False
    heights[0][~valid] = -9999
    heights[0, 3, 3] = np.nan
    dem = ArrayImage("dem", Grid(50, 50, (5e5, 20.0, 0.0, 5e6, 0.0, -20.0), UTM), heights, valid)
    given = points(size=(100, 100)).with_columns(x0=np.arange(300) % 100.0)
    heard = listen()
    found = with_altitude(given, grid, dem, progress=heard)
    col, row = given.x0 // 2, given.y0 // 2
    hole = ((col >= 20) & (col < 30)) | ((col == 3) & (row == 3))
    assert np.isnan(found.altitude[hole]).all()
    assert (found.altitude[~hole] == 100).all()
    assert heard.warnings == [
        f"dem has no height for {hole.sum()} of 300 key points; they are left out of the analysis "
        "by altitude."
    ]


def test_points_beyond_the_dem_have_no_height(listen):
    grid = GRIDS["north-up"]
    far = slope(UTM, (9e5, 30.0, 0.0, 5e6, 0.0, -30.0), (10, 10), lambda x, y: x)
    heard = listen()
    assert np.isnan(with_altitude(points(), grid, far, progress=heard).altitude).all()
    assert len(heard.warnings) == 1
    assert len(with_altitude(KeyPoints.none(), grid, far)) == 0


def test_a_dem_without_crs_is_refused():
    dem = slope("", (5e5, 30.0, 0.0, 5e6, 0.0, -30.0), (10, 10), lambda x, y: x)
    with pytest.raises(IncompatibleImages, match="dem has no CRS and the reference EPSG:32633"):
        with_altitude(points(), GRIDS["north-up"], dem)


@pytest.mark.parametrize(
    ("transform", "right_down"),
    [
        ((0.0, 2.0, 0.0, 0.0, 0.0, -2.0), (0.3, -0.5)),
        ((0.0, 2.0, 0.0, 0.0, 0.0, 2.0), (0.3, 0.5)),
        ((0.0, -2.0, 0.0, 0.0, 0.0, -3.0), (-0.3, -0.5)),
        ((0.0, 0.0, 2.0, 0.0, 2.0, 0.0), (-0.5, -0.3)),
    ],
)
def test_directions_are_those_of_the_map(transform, right_down):
    rows = Ground(Grid(10, 10, transform, "EPSG:32631")).seen
    assert [x * 0.3 + y * -0.5 for x, y in rows] == pytest.approx(list(right_down))
    assert Ground(Grid(10, 10, transform, "")).seen == ((1.0, 0.0), (0.0, 1.0))
