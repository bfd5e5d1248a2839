# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, IncompatibleImages, InvalidOption
from orthoweave.core.exchange.georeferencer import (
    control_points,
    key_points_of,
    read_control_points,
    write_control_points,
)
from orthoweave.core.grid import Grid
from orthoweave.core.matching.keypoints import LOW_SCORE, USED
from orthoweave.core.raster import CrsMapping, parse_crs

HEADER = "mapX,mapY,sourceX,sourceY,enable,dX,dY,residual"


def lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def test_a_file_begins_with_the_crs_and_the_header_of_qgis(tmp_path, key_points, grids):
    grid = grids["north up"]
    points = key_points(2, dx=[1, 0], dy=[0, -2], status=[0, 1], x0=[3, 4], y0=[5, 6])
    path = write_control_points(str(tmp_path / "k.points"), control_points(points, grid, grid))
    crs, header, first, second = lines(path)
    assert crs.startswith('#CRS: PROJCS["WGS 84 / UTM zone 33N"') and header == HEADER
    # pixel (3, 5) of 10 m has its center at (35, 55) m from the corner
    assert first == "500035,4999945,500045,4999945,1,1,0,1"
    assert second == "500045,4999935,500045,4999955,0,0,-2,2"


def test_without_crs_and_transform_places_are_columns_and_negative_rows(
    tmp_path, key_points, grids
):
    points = key_points(1, dx=[1], dy=[2], x0=[3], y0=[5])
    control = control_points(points, grids["nowhere"], grids["nowhere"])
    path = write_control_points(str(tmp_path / "k.points"), control)
    assert lines(path) == [HEADER, "3.5,-5.5,4.5,-7.5,1,1,2,2.23607"]


def test_rejected_points_are_left_out(key_points, grids):
    points = key_points(4, status=[0, 1, 2, 3])
    assert len(control_points(points, grids["rotated"], grids["rotated"])) == 2


@pytest.mark.parametrize("kind", ["north up", "rotated", "south up", "geographic", "nowhere"])
def test_key_points_come_back_from_a_file(tmp_path, key_points, grids, kind):
    grid = grids[kind]
    moving = grid.cropped(grid.window.shifted(7, -3))
    points = key_points(30, status=np.arange(30) % 2)
    control = control_points(points, grid, grid if kind == "nowhere" else moving)
    read = read_control_points(write_control_points(str(tmp_path / "k.points"), control))
    assert bool(read.crs) == bool(grid.crs)
    found = key_points_of(read, grid, grid if kind == "nowhere" else moving)
    # 15 digits of 5 000 000 m are 1e-8 m
    for name in ("x0", "y0", "dx", "dy"):
        np.testing.assert_allclose(getattr(found, name), getattr(points, name), atol=1e-7)
    np.testing.assert_array_equal(found.status, np.where(points.used, USED, LOW_SCORE))


def test_sources_are_in_the_crs_of_the_moving_image(key_points, grids):
    grid, other = grids["north up"], parse_crs("EPSG:32632")
    x, y = CrsMapping(grid.crs, other)(np.array([500000.0]), np.array([5000000.0]))
    moving = Grid(400, 300, (x[0], 10.0, 0.0, y[0], 0.0, -10.0), other)
    points = key_points(10)
    control = control_points(points, grid, moving)
    at = grid.to_map(points.x0 + points.dx + 0.5, points.y0 + points.dy + 0.5)
    np.testing.assert_allclose(
        (control.source_x, control.source_y), CrsMapping(grid.crs, other)(*at)
    )
    back = key_points_of(control, grid, moving)
    # PROJ's way there and back again
    np.testing.assert_allclose(back.dx, points.dx, atol=1e-5)


def test_points_that_the_other_crs_does_not_know_are_refused(key_points, grids):
    world = Grid(4, 4, (-180.0, 90.0, 0.0, 90.0, 0.0, -45.0), parse_crs("EPSG:4326"))
    # on the equator, a quarter of the globe from the zone's meridian
    points = key_points(1, x0=[285 / 90 - 0.5], y0=[1.5], dx=[0.0], dy=[0.0])
    with pytest.raises(IncompatibleImages, match="where the CRS of an image ends"):
        control_points(points, world, grids["north up"])


@pytest.mark.parametrize(
    "text",
    [
        "mapX,mapY,pixelX,pixelY,enable,dX,dY,residual\n1,2,3,-4,1,0.5,0.25,0.56\n",
        "mapX,mapY,pixelX,pixelY,enable\r\n1,2,3,-4,1\r\n",
        "#CRS: EPSG:4326\nmapX,mapY,sourceX,sourceY\n1, 2, 3, -4\n",
        "1,2,3,-4\n\n",
    ],
)
def test_files_of_other_versions_are_read(tmp_path, text):
    path = tmp_path / "k.points"
    path.write_bytes(text.encode())
    found = read_control_points(str(path))
    assert len(found) == 1 and found.enabled.all()
    places = (found.map_x[0], found.map_y[0], found.source_x[0], found.source_y[0])
    assert places == (1, 2, 3, -4)
    assert found.dx[0] == (0.5 if "0.25" in text else 0)
    assert found.crs == ("EPSG:4326" if "#" in text else "")


def test_a_file_without_points_is_read(tmp_path):
    path = tmp_path / "k.points"
    path.write_text(HEADER + "\n")
    assert len(read_control_points(str(path))) == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{HEADER}\n1,2,3\n", r"k.points: line 2 does not hold mapX,mapY,sourceX,sourceY"),
        (f"{HEADER}\n1,2,a,4,1,0,0,0\n", r"line 2 holds something that is no number"),
        (f"{HEADER}\n1,2,,4,1,0,0,0\n", r"line 2 does not hold"),
    ],
)
def test_lines_that_are_not_understood_are_refused(tmp_path, text, sentence):
    path = tmp_path / "k.points"
    path.write_text(text)
    with pytest.raises(InvalidOption, match=sentence):
        read_control_points(str(path))


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(ImageIOError, match=r"k.points cannot be read"):
        read_control_points(str(tmp_path / "k.points"))
