# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, ImageIOError, InvalidOption
from orthoweave.core.exchange.layer import write_key_points
from orthoweave.core.exchange.table import write_table
from orthoweave.core.matching.keypoints import OUTLIER, USED, KeyPoints
from orthoweave.core.operations.shiftfield import Request, run
from orthoweave.core.raster import open_image

SIZE = (180, 220)
"""Rows and columns of the reference."""


def plane(x, y):
    return 1.5 + 0.004 * x - 0.002 * y, -0.75 + 0.001 * x + 0.003 * y


@pytest.fixture
def points():
    """Key points of a plane, and one that is wrong by 50 px and rejected."""
    rng = np.random.default_rng(5)
    x0, y0 = (np.floor(rng.uniform(5, side - 5, 90)) for side in SIZE[::-1])
    dx, dy = plane(x0, y0)
    dx[10] += 50
    status = np.full(90, USED, np.uint8)
    status[10] = OUTLIER
    sigma = np.full(90, 0.02)
    return KeyPoints(x0, y0, dx, dy, np.full(90, 0.9), sigma, sigma, status)


@pytest.fixture
def reference(write):
    return write("reference.tif", np.ones(SIZE, "uint8"))


def field(path):
    image = open_image(path)
    return image.read(image.grid.window)


@pytest.mark.parametrize("kind", ["layer", "table"])
def test_a_plane_comes_back(kind, points, reference, tmp_path):
    grid = open_image(reference).grid
    if kind == "layer":
        source = write_key_points(str(tmp_path / "key points é.gpkg"), points, grid)
    else:
        source = write_table(str(tmp_path / "k; p.csv"), points)
    output = str(tmp_path / "out" / "field.tif")
    result = run(Request(key_points=source, reference=reference, output=output))
    assert (result.output, result.points) == (output, 89)
    found, made = field(output), open_image(output)
    assert made.grid == grid and made.bands == 4 and made.dtype == np.float32
    assert made.band_names == ("dx", "dy", "sigma", "distance") and np.isnan(made.nodata)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    for values, truth in zip(found.values, plane(x, y)):
        # slopes are damped a little, which shows outside the outermost points
        assert np.abs(values - truth)[10:-10, 10:-10].max() < 0.01
    assert 0 < np.median(found.values[2]) < 0.02
    nearest = np.hypot(points.x0[0] - 100, points.y0[0] - 100)
    assert found.values[3][100, 100] <= nearest + 1


def test_map_units_are_east_and_north(points, reference, tmp_path):
    source = write_table(str(tmp_path / "k.csv"), points)
    output = str(tmp_path / "field.tif")
    run(Request(key_points=source, reference=reference, output=output, units="map"))
    dx, dy = plane(110, 90)
    found = field(output).values[:, 90, 110]
    assert found[:2] == pytest.approx((10 * dx, -10 * dy), abs=0.1)  # 0.01 px of 10 m
    assert open_image(output).band_names[:2] == ("east", "north")


def test_what_is_far_from_every_point_is_nodata(points, reference, tmp_path):
    source = write_table(str(tmp_path / "k.csv"), points.chosen(points.x0 < 100))
    output = str(tmp_path / "field.tif")
    run(Request(key_points=source, reference=reference, output=output, max_distance=30))
    found = field(output)
    assert not found.valid[:, 140:].any() and found.valid[20:-20, 20:80].all()
    assert np.isnan(found.values[:, ~found.valid]).all()


def test_windows_and_threads_change_nothing(points, reference, tmp_path):
    source = write_table(str(tmp_path / "k.csv"), points)
    found = []
    for number, how in enumerate(({"threads": 1}, {"threads": 4, "window_size": 64})):
        output = str(tmp_path / f"{number}.tif")
        run(Request(key_points=source, reference=reference, output=output, **how))
        found.append(field(output).values)
    assert np.array_equal(*found)


@pytest.mark.noisy
def test_bad_input_gives_its_sentence(points, reference, write, tmp_path):
    source = write_table(str(tmp_path / "k.csv"), points)
    without = write("nowhere.tif", np.ones(SIZE, "uint8"), crs=None)
    none = write_table(str(tmp_path / "none.csv"), points.chosen(slice(0, 0)))
    for given, kind, sentence in (
        ({"key_points": None}, InvalidOption, r"Key points \(KEY_POINTS\) is missing\."),
        ({"key_points": "gone.csv"}, ImageIOError, r"gone\.csv cannot be read"),
        ({"key_points": reference}, ImageIOError, r"reference\.tif cannot be opened"),
        ({"neighbors": 3}, InvalidOption, r"Key points of a plane: 3 is below 6\."),
        ({"reference": without, "units": "map"}, InvalidOption, r"nowhere\.tif has no CRS"),
        ({"key_points": none}, InvalidOption, r"None of the key points is used"),
        ({"output": reference}, InvalidOption, r"overwrite the input reference\.tif"),
    ):
        values = {"key_points": source, "reference": reference, "output": str(tmp_path / "f.tif")}
        with pytest.raises(kind, match=sentence):
            run(Request(**{**values, **given}))
    assert not Path(tmp_path / "f.tif").exists()


def test_a_cancelled_run_leaves_nothing(points, reference, tmp_path, listen):
    source = write_table(str(tmp_path / "k.csv"), points)
    output = tmp_path / "out" / "field.tif"
    with pytest.raises(Cancelled):
        run(Request(key_points=source, reference=reference, output=str(output)), listen(1))
    assert not [path for path in output.parent.rglob("*") if path.is_file()]
