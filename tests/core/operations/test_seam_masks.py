# SPDX-License-Identifier: GPL-2.0-or-later
"""Masks of single images take the way that co-registration moves their image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.image import read_padded
from orthoweave.core.operations.seam.masks import masks_of
from orthoweave.core.raster import open_image
from orthoweave.core.requests.shared.costs import Costing
from orthoweave.core.transform.correction import Correction, Frame
from orthoweave.core.transform.models import Linear
from osgeo import ogr, osr

PIXEL, X, Y = 10.0, 500000.0, 5000000.0
SIDE = 60
CLOUD = (slice(20, 30), slice(10, 25))


def crs_of(image):
    return image.grid.crs


def moved(crs, east, north):
    linear = Linear("translation", shift=(east, north), y_up=True)
    return Correction(crs, Frame((X, Y)), linear)


def turned(crs, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    linear = Linear("rigid", matrix=((cos, -sin), (sin, cos)), shift=(0.0, 0.0), y_up=True)
    return Correction(crs, Frame((X + 300, Y - 300)), linear)


@pytest.fixture
def image(write):
    values = np.ones((1, SIDE, SIDE), np.uint8)
    return open_image(write("a.tif", values, transform=(X, PIXEL, 0, Y, 0, -PIXEL)))


def masked(hint, grid):
    place = grid.window.shifted(-hint.place.col, -hint.place.row)
    found = read_padded(hint.image, place, (1,))
    return (found.values[0] > 0) & found.valid


def raster(image, write, tmp_path):
    cloud = np.zeros((1, SIDE, SIDE), np.uint8)
    cloud[0][CLOUD] = 1
    write("a_Mask.tif", cloud, transform=image.grid.transform)
    return str(tmp_path / "$_Mask.tif")


def polygon(image, write, tmp_path):
    path = tmp_path / "clouds.gpkg"
    reference = osr.SpatialReference()
    reference.ImportFromWkt(image.grid.crs)
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = dataset.CreateLayer("clouds", reference, ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("image", ogr.OFTString))
    rows, cols = CLOUD
    left, right = X + PIXEL * cols.start, X + PIXEL * cols.stop
    top, low = Y - PIXEL * rows.start, Y - PIXEL * rows.stop
    feature = ogr.Feature(layer.GetLayerDefn())
    feature["image"] = "a"
    ring = f"{left} {top},{right} {top},{right} {low},{left} {low},{left} {top}"
    feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON(({ring}))"))
    layer.CreateFeature(feature)
    del feature, layer, dataset
    return str(path)


@pytest.mark.parametrize("kind", [raster, polygon])
def test_a_shift_moves_the_mask_by_the_same_pixels(image, write, tmp_path, kind):
    how = Costing(masks=kind(image, write, tmp_path))
    # the image shows at X + 40 what truly is at X: 4 px to the left, 3 px down
    way = moved(crs_of(image), 40.0, 30.0)
    (still,) = masks_of([image], [image.grid], how, "image")
    (there,) = masks_of([image], [image.grid], how, "image", moves=[way])
    expected = np.zeros((SIDE, SIDE), bool)
    expected[CLOUD] = True
    assert np.array_equal(masked(still, image.grid), expected)
    rows, cols = CLOUD
    shifted = np.zeros((SIDE, SIDE), bool)
    shifted[rows.start + 3 : rows.stop + 3, cols.start - 4 : cols.stop - 4] = True
    assert np.array_equal(masked(there, image.grid), shifted)


def test_a_turn_moves_the_mask_as_it_moves_the_image(image, write, tmp_path):
    how = Costing(masks=raster(image, write, tmp_path))
    way = turned(crs_of(image), np.radians(20))
    (there,) = masks_of([image], [image.grid], how, "image", moves=[way])
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    x, y = way(*image.grid.to_map(cols + 0.5, rows + 0.5))
    col, row = (np.floor(one).astype(int) for one in image.grid.to_pixel(x, y))
    inside = (row >= 20) & (row < 30) & (col >= 10) & (col < 25)
    different = masked(there, image.grid) != inside
    # centers within rounding of the mask's edge may fall to either side
    assert different.sum() <= 2


def test_masks_stay_where_they_are_without_a_correction(image, write, tmp_path):
    how = Costing(masks=raster(image, write, tmp_path))
    found = masks_of([image], [image.grid], how, "image", moves=[moved(crs_of(image), 0.0, 0.0)])
    assert masked(found[0], image.grid)[CLOUD].all()
    assert Path(how.masks).name == "$_Mask.tif"
