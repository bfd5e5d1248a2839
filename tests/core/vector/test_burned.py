# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import Image
from orthoweave.core.vector import Burned
from orthoweave.core.vector.rings import wkb_of
from orthoweave.core.windows import Window, tiling

NORTH_UP = (100.0, 2.0, 0.0, 200.0, 0.0, -2.0)
SOUTH_UP = (100.0, 2.0, 0.0, 100.0, 0.0, 2.0)
ROTATED = (100.0, 1.6, 1.2, 200.0, 1.2, -1.6)


def box(left, low, right, high):
    return np.array([[left, low], [right, low], [right, high], [left, high], [left, low]], float)


def in_pixels(grid, ring):
    """Return a ring given in pixel coordinates as a shape in map units."""
    return wkb_of(((np.column_stack(grid.to_map(*ring.T)),),))


@pytest.mark.parametrize("transform", [NORTH_UP, SOUTH_UP, ROTATED])
def test_the_polygon_that_holds_the_center_of_a_pixel_labels_it(transform):
    grid = Grid(8, 6, transform)
    found = Burned(grid, ((in_pixels(grid, box(1.4, 2.6, 5.6, 4.4)), 7),)).labels(grid.window)
    expected = np.zeros((6, 8), int)
    expected[3:4, 1:5] = 7  # centers from 1.5 to 4.5 and at 3.5; 5.5 lies inside too
    expected[3:4, 5] = 7
    np.testing.assert_array_equal(found, expected)


def test_the_first_of_overlapping_shapes_wins():
    grid = Grid(4, 1, NORTH_UP)
    shapes = ((in_pixels(grid, box(0, 0, 3, 1)), 1), (in_pixels(grid, box(2, 0, 4, 1)), 2))
    assert Burned(grid, shapes).labels(grid.window).tolist() == [[1, 1, 1, 2]]


def test_shapes_that_share_edges_share_no_pixel_and_leave_none():
    grid = Grid(40, 40, NORTH_UP)
    # an edge through many pixel centers, in both directions
    cut = [(20.5, 0), (20.5, 10.5), (10.5, 20.5), (30.5, 30.5), (5, 40)]
    left = np.array([(0, 0), *cut, (0, 40), (0, 0)], float)
    right = np.array([*cut, (40, 40), (40, 0), cut[0]], float)
    both = [
        Burned(grid, ((in_pixels(grid, ring), 1),)).labels(grid.window) for ring in (left, right)
    ]
    np.testing.assert_array_equal(both[0] + both[1], 1)


@pytest.mark.parametrize("size", [300.03824, 0.1, 1e-5])
def test_shapes_that_share_edges_share_no_pixel_on_grids_with_common_pixels(size):
    # origins as files hold them; each grid begins where its image does
    west, north = (517000.3, 5229400.7) if size > 1e-3 else (15.123456, 45.654321)
    whole = Grid(120, 120, (west, size, 0.0, north, 0.0, -size))
    cut = [(60.5, 0), (60.5, 20.5), (20.5, 60.5), (100.5, 87.5), (50.5, 100), (50, 120)]
    left = in_pixels(whole, np.array([(0, 0), *cut, (0, 120), (0, 0)], float))
    right = in_pixels(whole, np.array([*cut, (120, 120), (120, 0), cut[0]], float))
    for col in range(0, 50, 7):
        x, y = west + size * col, north - size * (col + 3)
        part = Grid(120 - col, 117 - col, (x, size, 0.0, y, 0.0, -size))
        seen = Burned(part, ((left, 1),)).labels(part.window)
        rest = Burned(whole, ((right, 1),)).labels(Window(col, col + 3, part.width, part.height))
        np.testing.assert_array_equal(seen + rest, 1)


@pytest.mark.noisy  # GDAL says that neither side has a CRS
def test_labels_equal_gdal_rasterization_of_random_polygons():
    gdal = pytest.importorskip("osgeo.gdal")
    ogr = pytest.importorskip("osgeo.ogr")
    grid, rng = Grid(90, 70, ROTATED), np.random.default_rng(2)
    for _ in range(10):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 12))
        radii = rng.uniform(5, 45, 12)
        ring = np.column_stack([45 + np.cos(angles) * radii, 35 + np.sin(angles) * radii])
        ring = np.vstack([ring, ring[:1]])
        dataset = gdal.GetDriverByName("MEM").Create("", 90, 70, 1)
        dataset.SetGeoTransform((0, 1, 0, 0, 0, 1.0))
        memory = ogr.GetDriverByName("Memory").CreateDataSource("")
        layer = memory.CreateLayer("a")
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(ogr.CreateGeometryFromWkb(wkb_of(((ring,),))))
        layer.CreateFeature(feature)
        gdal.RasterizeLayer(dataset, [1], layer, burn_values=[3])
        found = Burned(grid, ((in_pixels(grid, ring), 3),)).labels(grid.window)
        np.testing.assert_array_equal(found, dataset.ReadAsArray())


def test_windows_give_the_same_labels_as_the_whole():
    grid, rng = Grid(50, 50, NORTH_UP), np.random.default_rng(8)
    rings = [rng.uniform(0, 50, (7, 2)) for _ in range(9)]
    shapes = tuple(
        (in_pixels(grid, np.vstack([ring, ring[:1]])), number)
        for number, ring in enumerate(rings, 1)
    )
    image = Burned(grid, shapes)
    whole = image.labels(grid.window)
    for window in tiling(grid.window, 17, 13):
        np.testing.assert_array_equal(image.labels(window), whole[window.slices])


def test_only_says_the_label_of_a_window_exactly_when_one_fills_it():
    grid = Grid(60, 60, NORTH_UP)
    ring = np.array([[5, 5], [55, 5], [55, 40], [30, 55], [5, 40], [5, 5]], float)
    image = Burned(grid, ((in_pixels(grid, ring), 4),))
    sure = 0
    for window in tiling(grid.window, 7, 9):
        labels, only = np.unique(image.labels(window)), image.only(window)
        if only is not None:
            assert labels.tolist() == [only]
            sure += 1
    assert sure > 20
    # a level edge far from any other one crosses this window
    assert image.only(Window(20, 0, 5, 10)) is None


def test_it_is_an_image_that_can_be_sent_to_a_worker():
    grid = Grid(8, 6, NORTH_UP)
    image = Burned(grid, ((in_pixels(grid, box(0, 0, 4, 6)), 2),))
    assert isinstance(image, Image)
    again = pickle.loads(pickle.dumps(image))
    pixels = again.read(Window(2, 0, 4, 2), rounded=False)
    assert pixels.values.tolist() == [[[2, 2, 0, 0], [2, 2, 0, 0]]]
    np.testing.assert_array_equal(pixels.valid, pixels.values[0] > 0)
    assert (image.bands, image.dtype, image.nodata) == (1, np.int32, 0)


def test_without_shapes_everything_is_zero():
    image = Burned(Grid(8, 6, NORTH_UP), ((wkb_of(()), 3),))
    assert not image.labels(Window(-3, -3, 20, 20)).any()
    assert image.only(Window(0, 0, 8, 6)) == 0
