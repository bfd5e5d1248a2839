# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
from orthoweave.core.displacements.ground import Ground
from orthoweave.core.exchange.rasters import (
    FieldImage,
    Rasters,
    key_point_delta,
    key_point_mask,
)
from orthoweave.core.image import ArrayImage
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.requests import Memory
from orthoweave.core.transform.field import Field
from orthoweave.core.windows import Window, tiling


def plane(spacing=16.0):
    """A field whose dx and dy are planes, on nodes that cover 400 x 300 px."""
    x, y = np.meshgrid(spacing * np.arange(27), spacing * np.arange(21))
    return Field(
        0.0, 0.0, spacing, 1 + 0.01 * x - 0.02 * y, 0.5 + 0.03 * y, np.full(x.shape, 0.25), x / 4
    )


@pytest.mark.parametrize("kind", ["north up", "rotated", "south up", "nowhere"])
def test_the_mask_holds_one_at_key_points_and_nothing_is_nodata(
    tmp_path, key_points, grids, read_back, kind
):
    points = key_points(40, status=np.arange(40) % 4)
    written = Rasters(str(tmp_path), Memory()).write_mask(points, grids[kind])
    found = read_back(written.path)
    expected = np.zeros((300, 400), np.uint8)
    kept = points.chosen(points.accepted)
    expected[kept.y0.astype(int), kept.x0.astype(int)] = 1
    np.testing.assert_array_equal(found.values[0], expected)
    assert written.path.endswith("kp_mask.tif") and found.nodata is None
    assert found.values.dtype == np.uint8 and found.valid.all()
    assert found.transform == grids[kind].transform
    assert found.dataset.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == "LZW"


def test_displacements_stand_at_key_points_and_nan_elsewhere(
    tmp_path, key_points, grids, read_back
):
    points = key_points(40, status=np.arange(40) % 4)
    path = Rasters(str(tmp_path), Memory()).write_delta(points, grids["rotated"]).path
    found = read_back(path)
    expected = np.full((2, 300, 400), np.nan, np.float32)
    kept = points.chosen(points.accepted)
    expected[:, kept.y0.astype(int), kept.x0.astype(int)] = (kept.dx, kept.dy)
    np.testing.assert_array_equal(found.values, expected)
    assert np.isnan(found.nodata) and found.values.dtype == np.float32
    assert [found.dataset.GetRasterBand(n).GetDescription() for n in (1, 2)] == ["dx", "dy"]
    assert found.dataset.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == "LZW"


def test_no_points_make_empty_rasters(tmp_path, grids, read_back):
    rasters = Rasters(str(tmp_path), Memory())
    mask = rasters.write_mask(KeyPoints.none(), grids["north up"])
    delta = rasters.write_delta(KeyPoints.none(), grids["north up"])
    assert not read_back(mask.path).values.any()
    assert not read_back(delta.path).valid.any()


@pytest.mark.parametrize("make", [key_point_mask, key_point_delta])
def test_any_window_shows_its_part(key_points, grids, make):
    image = pickle.loads(pickle.dumps(make(key_points(200), grids["north up"])))
    whole = image.read(image.grid.window)
    for window in tiling(image.grid.window, 97, 51):
        part = image.read(window, rounded=False)
        rows, cols = window.slices
        np.testing.assert_array_equal(part.values, whole.values[:, rows, cols])
        np.testing.assert_array_equal(part.valid, whole.valid[rows, cols])
    second = image.read(Window(0, 0, 400, 300), bands=(image.bands,))
    np.testing.assert_array_equal(second.values[0], whole.values[-1])


def test_band_pass_images_are_written_under_their_names(tmp_path, grids, read_back):
    values = np.random.default_rng(1).normal(size=(1, 300, 400)).astype(np.float32)
    valid = np.ones((300, 400), bool)
    images = [ArrayImage("a", grids["rotated"], values * k, valid) for k in (1, 2)]
    written = Rasters(str(tmp_path), Memory(threads=1)).write_band_pass(*images)
    names = ["ref_bandpass.tif", "mon_bandpass.tif"]
    assert [one.path.rsplit("/")[-1] for one in written] == names
    np.testing.assert_array_equal(read_back(written[1].path).values, values * 2)
    assert read_back(written[0].path).transform == grids["rotated"].transform


def test_a_plane_is_a_plane_in_every_window(grids):
    image = FieldImage("field", plane(), grids["north up"])
    whole = image.read(image.grid.window)
    x, y = np.meshgrid(np.arange(400), np.arange(300))
    # float32 nodes
    np.testing.assert_allclose(whole.values[0], 1 + 0.01 * x - 0.02 * y, atol=1e-5)
    np.testing.assert_allclose(whole.values[1], 0.5 + 0.03 * y, atol=1e-5)
    np.testing.assert_allclose(whole.values[2], 0.25)
    np.testing.assert_allclose(whole.values[3], x / 4, atol=1e-5)
    assert whole.all_valid and image.band_names == ("dx", "dy", "sigma", "distance")
    part = image.read(Window(33, 77, 100, 50), bands=(2, 4))
    np.testing.assert_array_equal(part.values, whole.values[[1, 3], 77:127, 33:133])


def test_what_is_far_from_points_is_nodata(tmp_path, grids, read_back):
    image = FieldImage("field", plane(), grids["north up"], max_distance=50)
    written = Rasters(str(tmp_path), Memory()).write_field(image)
    found = read_back(written.path)
    # the distance is x / 4
    assert found.valid[:, :201].all() and not found.valid[:, 201:].any()
    assert np.isnan(found.values[:, :, 201:]).all() and np.isnan(found.nodata)
    assert written.path.endswith("kp_field.tif")


@pytest.mark.parametrize("kind", ["north up", "rotated", "south up"])
def test_map_units_are_east_and_north(grids, kind):
    grid = grids[kind]
    image = FieldImage("field", plane(), grid, vectors=Ground(grid).vectors)
    found = image.read(Window(10, 20, 1, 1)).values[:, 0, 0]
    dx, dy = 1 + 0.1 - 0.4, 0.5 + 0.6
    _, a, b, _, d, e = grid.transform
    # sigma .25 px and distance 2.5 px, of 10 m each
    expected = (a * dx + b * dy, d * dx + e * dy, 2.5, 25)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert image.band_names == ("east", "north", "sigma", "distance")


def test_degrees_become_metres(grids):
    grid = grids["geographic"]
    image = FieldImage("field", plane(), grid, vectors=Ground(grid).vectors)
    east, north = image.read(Window(0, 0, 1, 1)).values[:2, 0, 0]
    # 1 and -.5 pixels of .0001 degrees at 45 N, where a degree is 78.85 and 111.13 km
    np.testing.assert_allclose((east, north), (7.885, -5.557), rtol=1e-3)


def test_fields_can_be_pickled(grids):
    grid = grids["north up"]
    image = FieldImage("f", plane(), grid, vectors=partial(Ground.vectors, Ground(grid)))
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(
        again.read(Window(0, 0, 9, 9)).values, image.read(Window(0, 0, 9, 9)).values
    )
