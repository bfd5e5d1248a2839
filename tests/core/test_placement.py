# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details
from orthoweave.core.placement import (
    agree_on_crs,
    bounds_in,
    common_canvas,
    onto,
    output_grid,
)
from orthoweave.core.raster import crs_title, parse_crs
from osgeo import gdal, osr

UTM = parse_crs("EPSG:32618")
DEGREES = parse_crs("EPSG:4326")


def image(grid, name="a", **details):
    values = np.zeros((1, grid.height, grid.width), np.uint8)
    valid = np.ones((grid.height, grid.width), bool)
    return ArrayImage(name, grid, values, valid, details=Details(**details))


def upright(width=40, height=30, x=500000.0, y=5000000.0, pixel=10.0, crs=UTM):
    return Grid(width, height, (x, pixel, 0.0, y, 0.0, -pixel), crs)


def turned(width, height, x, y, degrees, pixel=10.0, crs=UTM):
    c, s = pixel * math.cos(math.radians(degrees)), pixel * math.sin(math.radians(degrees))
    return Grid(width, height, (x, c, s, y, s, -c), crs)


def slope(x, y):
    """The truth on the ground, in EPSG:32618: 3 for each pixel in x, -2 in y."""
    return 0.3 * (x - 499000) - 0.2 * (y - 5001000) + 50


def ground(write, name, grid, **how):
    """Write a float raster whose pixel centers show the slope, whatever its grid and CRS."""
    cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    x, y = (np.asarray(v, float) for v in grid.to_map(cols, rows))
    if "4326" in crs_title(grid.crs):
        x, y = transformed(x, y, 4326, 32618)
    values = slope(x, y).astype(np.float32)
    return write(name, values, transform=grid.transform, crs=grid.crs, nodata=-9999, **how)


def transformed(x, y, source, target):
    ends = []
    for code in (source, target):
        ends.append(osr.SpatialReference())
        ends[-1].ImportFromEPSG(code)
        ends[-1].SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    points = np.column_stack([x.ravel(), y.ravel()])
    found = np.array(osr.CoordinateTransformation(*ends).TransformPoints(points))
    return found[:, 0].reshape(x.shape), found[:, 1].reshape(x.shape)


def wrong(found):
    """Return |value - slope| at each pixel of a mosaic in EPSG:32618."""
    grid = Grid(found.valid.shape[1], found.valid.shape[0], tuple(found.transform), UTM)
    cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    return np.abs(found.values[0] - slope(*grid.to_map(cols, rows)))


LAYOUTS = {
    "half a pixel off": [upright(), upright(x=500205.0, y=4999895.0)],
    "all turned alike": [
        turned(50, 40, 500000.0, 5e6, 20),
        turned(50, 40, *turned(50, 40, 500000.0, 5e6, 20).to_map(30, 11), 20),
    ],
    "one turned": [upright(60, 60), turned(50, 40, 500300.0, 4999500.0, 33)],
    "south-up": [
        Grid(40, 30, (500000.0, 10.0, 0.0, 4999700.0, 0.0, 10.0), UTM),
        Grid(40, 30, (500250.0, 10.0, 0.0, 4999600.0, 0.0, 10.0), UTM),
    ],
    "one south-up": [
        upright(),
        Grid(40, 30, (500250.0, 10.0, 0.0, 4999600.0, 0.0, 10.0), UTM),
    ],
    "finer and coarser": [
        upright(),
        upright(90, 80, 500300.0, 4999900.0, 4.0),
        upright(20, 20, 499900.0, 4999800.0, 25.0),
    ],
}


@pytest.mark.parametrize("resampling", ["bilinear", "cubic"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_slope_comes_back_on_every_grid_without_shift(write, merge, layout, resampling):
    paths = [ground(write, f"{n}.tif", grid) for n, grid in enumerate(LAYOUTS[layout])]
    found = merge(paths, resampling=resampling)
    # half a pixel is 1.5 in x and 1 in y; at the rim a pixel has the value of the center of the
    # (coarsest) pixel it lies in
    error = wrong(found)[found.valid]
    assert np.percentile(error, 80) < 0.01
    assert error.max() < (6.3 if "coarser" in layout else 3.6)
    assert found.valid.mean() > 0.2


@pytest.mark.parametrize("layout", ["half a pixel off", "south-up", "all turned alike"])
def test_touching_images_leave_no_line_of_holes(write, merge, layout):
    paths = [ground(write, f"{n}.tif", grid) for n, grid in enumerate(LAYOUTS[layout])]
    found = merge(paths)
    grids = LAYOUTS[layout]
    if layout == "half a pixel off":
        left, right = upright(40, 30), upright(40, 30, 500404.0, 5000003.0)
        paths = [ground(write, "l.tif", left), ground(write, "r.tif", right)]
        found = merge(paths)
        assert found.valid[1:29, :79].all()
    area = sum(grid.width * grid.height for grid in grids)
    assert found.valid.sum() <= area * 1.02


def test_unequal_pixels_touch_without_holes(write, merge):
    fine = upright(100, 100, 500000.0, 5e6, 4.0)
    coarse = upright(37, 41, 500400.0, 5000005.0, 11.0)
    found = merge([ground(write, "f.tif", fine), ground(write, "c.tif", coarse)])
    inside = found.valid[3:99, : 100 + 37 * 11 // 4 - 1]
    assert inside.all()


@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "lanczos", "average"])
def test_another_crs_is_brought_to_the_first_ones(write, merge, listen, resampling):
    here = upright(80, 60, 500000.0, 5e6)
    x, y = transformed(np.array([500600.0]), np.array([4999900.0]), 32618, 4326)
    there = Grid(110, 90, (float(x[0]), 1.2e-4, 0.0, float(y[0]), 0.0, -0.9e-4), DEGREES)
    heard = listen()
    paths = [ground(write, "a.tif", here), ground(write, "b.tif", there)]
    found = merge(paths, heard, resampling=resampling)
    assert any("EPSG:4326 are brought to EPSG:32618" in text for text in heard.infos)
    error = wrong(found)[found.valid]
    # an area takes pixels whole: up to half a pixel, without sign
    assert np.percentile(error, 90) < (1.5 if resampling == "average" else 0.12)
    assert error.max() < 3.6
    alone = merge([paths[1]], crs="EPSG:32618", resolution=10, resampling=resampling)
    warped = gdal.Warp(
        "", paths[1], format="MEM", dstSRS="EPSG:32618", resampleAlg=resampling,
        xRes=10, yRes=10, outputBounds=bounds_of(alone), errorThreshold=0,
    ).ReadAsArray()  # fmt: skip
    both = alone.valid & (warped != -9999)
    assert both.sum() > 0.97 * alone.valid.sum()
    # GDAL estimates the ratio of the pixels in its own way; its Lanczos is off the slope by 2.8
    assert (
        resampling == "lanczos" or np.percentile(np.abs(alone.values[0] - warped)[both], 90) < 0.6
    )


def bounds_of(found):
    x, a, _, y, _, e = found.transform
    rows, cols = found.valid.shape
    return (x, y + e * rows, x + a * cols, y)


def test_nearest_snaps_equal_pixels_and_keeps_every_one(write, merge):
    rng = np.random.default_rng(5)
    a = rng.integers(1, 250, (20, 30)).astype(np.uint8)
    for shift in (0.5, -0.5, 0.49, 1.5, 0.2):
        b = rng.integers(1, 250, (20, 30)).astype(np.uint8)
        at = (5e5 + 10 * (30 + shift), 10.0, 0.0, 5e6 - 10 * shift, 0.0, -10.0)
        paths = [write("a.tif", a, nodata=0), write("b.tif", b, nodata=0, transform=at)]
        found = merge(paths, resampling="nearest")
        rows, cols = (size - least for size, least in zip(found.valid.shape, (20, 30)))
        places = [
            (row, col)
            for row, col in np.ndindex(rows + 1, cols + 1)
            if (found.values[0, row : row + 20, col : col + 30] == b).all()
        ]
        # half a pixel may go either way
        assert len(places) == 1
        assert abs(places[0][0] - (found.transform[3] - at[3]) / 10) <= 0.5
        assert abs(places[0][1] - (at[0] - found.transform[0]) / 10) <= 0.5


def test_an_image_on_the_pixels_of_the_grid_is_itself():
    one = image(upright())
    assert onto(one, upright(100, 90, 499900.0, 5000300.0), "cubic") is one


def test_palette_images_take_the_nearest_pixel():
    one = image(upright(), color_table=((0, 0, 0, 255),))
    view = onto(one, upright(100, 100, 499903.0, 5000302.0, 7.0), "cubic")
    assert view.resampling == "nearest"


def test_the_first_crs_is_used_and_others_are_named(listen):
    heard = listen()
    assert agree_on_crs([image(upright()), image(upright(crs=DEGREES))], None, heard) == UTM
    assert heard.infos == ["Images in EPSG:4326 are brought to EPSG:32618 as they are read."]
    assert crs_title(agree_on_crs([image(upright())], "EPSG:3857")) == "EPSG:3857"


def test_images_without_crs_or_position_are_refused_among_others():
    lost = image(upright(crs=""), "lost")
    with pytest.raises(IncompatibleImages, match="lost has no coordinate system and a has EPSG"):
        agree_on_crs([image(upright()), lost], None)
    with pytest.raises(IncompatibleImages, match="cannot be brought to EPSG:32618"):
        agree_on_crs([lost], "EPSG:32618")
    nowhere = image(Grid(5, 5, (0.0, 1.0, 0.0, 0.0, 0.0, 1.0), UTM), "nowhere")
    with pytest.raises(IncompatibleImages, match="nowhere has no position on the ground"):
        agree_on_crs([image(upright()), nowhere], None)
    assert agree_on_crs([lost, lost], None) == ""
    assert agree_on_crs([nowhere, nowhere], None) == UTM


def test_boxes_in_another_crs_hold_the_bulge_of_the_edges():
    wide = Grid(100, 10, (-80.0, 0.1, 0.0, 60.0, 0.0, -0.1), DEGREES)
    left, low, right, high = bounds_in(wide, UTM)
    # the central meridian (-75) is the lowest place of the lower edge
    _, y = transformed(np.array([-75.0]), np.array([59.0]), 4326, 32618)
    assert low == pytest.approx(float(y[0]), abs=50)
    with pytest.raises(IncompatibleImages, match="lies outside the output CRS"):
        bounds_in(Grid(1, 1, (0.0, 1.0, 0.0, 95.0, 0.0, 1.0), DEGREES), UTM)


def test_the_output_takes_over_pixels_that_fit():
    a, b = upright(), upright(x=500203.0, y=4999897.0)
    grid = output_grid([image(a), image(b)], UTM)
    assert grid.transform == a.transform
    assert (grid.width, grid.height) == (61, 41)
    coarse = upright(10, 10, pixel=20.0)
    assert output_grid([image(coarse), image(a)], UTM).pixel_size == (10, 10)
    assert output_grid([image(coarse), image(a)], UTM, resolution="lowest").pixel_size == (20, 20)
    average = output_grid([image(coarse), image(a)], UTM, resolution="average")
    assert average.pixel_size == (15, 15)
    assert output_grid([image(a)], UTM, resolution=7.0).pixel_size == (7, 7)


def test_upright_images_lead_among_equal_pixels():
    grids = [turned(9, 9, 500000.0, 5e6, 10), upright(9, 9)]
    assert not output_grid([image(g) for g in grids], UTM).rotated
    assert output_grid([image(grids[0])], UTM) == grids[0]


def test_extent_and_tap_choose_pixels():
    a = upright(x=500003.0, y=5000003.0)
    cut = output_grid([image(a)], UTM, extent=(500100.0, 500200.0, 4999800.0, 4999900.0))
    assert cut == a.cropped(a.window_of((500100.0, 4999800.0, 500200.0, 4999900.0)))
    snapped = output_grid([image(a)], UTM, tap=True)
    assert snapped.transform[0] == 500000.0 and snapped.transform[3] == 5000010.0
    with pytest.raises(InvalidOption, match="lies outside all images"):
        output_grid([image(a)], UTM, extent=(0, 1, 0, 1))
    with pytest.raises(InvalidOption, match="is empty"):
        output_grid([image(a)], UTM, extent=(1, 0, 0, 1))
    with pytest.raises(InvalidOption, match="Resolution: 0 is not a size above 0"):
        output_grid([image(a)], UTM, resolution=0.0)


def test_the_canvas_has_the_coarsest_pixels_and_does_not_depend_on_the_order():
    images = [
        image(upright(), "b"),
        image(upright(10, 10, 500100.0, 5000100.0, 25.0), "c"),
        image(upright(10, 10, 500110.0, 5000100.0, 25.0), "a"),
    ]
    canvas = common_canvas(images)
    assert canvas.pixel_size == (25, 25) and canvas == common_canvas(images[::-1])
    assert canvas.matches(images[2].grid)
    with pytest.raises(IncompatibleImages, match='Use "Align to grid" first'):
        common_canvas([*images, image(upright(crs=DEGREES), "d")])


def test_a_resolution_that_is_a_slip_is_named_as_such():
    near = [image(upright(), "a"), image(upright(x=500200.0), "b")]
    with pytest.raises(InvalidOption, match=r"Resolution: with pixels of 0.0001 the images span"):
        output_grid(near, UTM, resolution=0.0001)


def test_images_far_apart_are_refused_before_anything_is_read():
    far = [image(upright(), "a"), image(upright(x=9e6, y=9e6), "b"), image(upright(x=5e5), "c")]
    for plan in (lambda: output_grid(far, UTM), lambda: common_canvas(far)):
        with pytest.raises(IncompatibleImages, match=r"too far apart: .* b is the farthest"):
            plan()
    part = output_grid(far, UTM, extent=(500000, 500400, 4999700, 5000000))
    assert (part.width, part.height) == (40, 30)


def test_a_canvas_in_proportion_is_no_mistake():
    near = [image(upright(), "a"), image(upright(x=650000.0), "b")]
    assert output_grid(near, UTM).width == 15040
