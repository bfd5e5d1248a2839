# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.transform.warped import Moved, Warped, lattice_step
from orthoweave.core.windows import Window, tiling

METHODS = ("nearest", "bilinear", "cubic", "lanczos", "average")


def grid(width=60, height=50, x=1000.0, y=2000.0, pixel=10.0):
    return Grid(width, height, (x, pixel, 0.0, y, 0.0, -pixel))


def turned(width, height, x, y, degrees, pixel=10.0):
    c, s = pixel * math.cos(math.radians(degrees)), pixel * math.sin(math.radians(degrees))
    return Grid(width, height, (x, c, s, y, s, -c))


SOUTH_UP = Grid(60, 50, (1000.0, 10.0, 0.0, 1500.0, 0.0, 10.0))


def plane(at, slope=(0.3, -0.2), dtype=np.float64):
    """Return an image whose values are a plane of map x, y (times 1 and 2 in two bands)."""
    cols, rows = np.meshgrid(np.arange(at.width) + 0.5, np.arange(at.height) + 0.5)
    values = truth(at, cols, rows, slope)
    valid = np.ones((at.height, at.width), bool)
    return ArrayImage("a", at, np.stack([values, 2 * values]).astype(dtype), valid)


def truth(at, cols, rows, slope=(0.3, -0.2)):
    x, y = at.to_map(cols, rows)
    return slope[0] * (x - 1000) + slope[1] * (y - 2000) + 7


def everything(view, **how):
    return view.read(view.grid.window, **how)


def expected(view):
    window = view.grid
    cols, rows = np.meshgrid(np.arange(window.width) + 0.5, np.arange(window.height) + 0.5)
    return truth(view.grid, cols, rows), cols, rows


TARGETS = {
    "half a pixel off": grid(x=1005.0, y=1995.0),
    "a third off": grid(x=996.7, y=2003.3),
    "finer": grid(200, 180, 990.0, 2010.0, 3.1),
    "coarser": grid(30, 28, 990.0, 2010.0, 23.0),
    "turned": turned(60, 50, 1040.0, 1990.0, 20),
    "south-up": Grid(62, 52, (993.0, 10.0, 0.0, 1487.0, 0.0, 10.0)),
}
SOURCES = {"north-up": grid(), "south-up": SOUTH_UP, "turned": turned(60, 50, 1010, 1900.0, -12)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_plane_comes_back_without_shift(source, target, method):
    image = plane(SOURCES[source])
    view = Warped(image, TARGETS[target], method)
    found = everything(view)
    value, cols, rows = expected(view)
    # the plane is compared where the whole kernel lies inside the source
    scale = max(1.0, view.grid.pixel_size[0] / 10)
    x, y = image.grid.to_pixel(*view.grid.to_map(cols, rows))
    margin = 3.5 * scale
    inside = (x > margin) & (x < 60 - margin) & (y > margin) & (y < 50 - margin)
    assert inside.any() and found.valid[inside].all()
    wrong = np.abs(found.values[0] - value)[inside]
    # half a pixel times the slopes for nearest and areas; Lanczos and wide kernels are not exact,
    # but their error has no sign, which a half-pixel shift of 1.5 would have
    limit = {"nearest": 2.51, "average": 2.51, "lanczos": 0.15}.get(method, 0.11 * scale)
    assert wrong.max() <= limit
    if method != "nearest":
        assert abs((found.values[0] - value)[inside].mean()) < 0.12
    if method in ("bilinear", "cubic") and view.grid.pixel_size[0] <= 10:
        assert wrong.max() < 1e-4  # weights below 1e-6 are left out
    np.testing.assert_allclose(found.values[1], 2 * found.values[0], atol=1e-9)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_pixel_is_valid_where_its_center_lies_in_a_valid_pixel(source, target):
    image = plane(SOURCES[source])
    image.valid[np.random.default_rng(2).random(image.valid.shape) < 0.2] = False
    image.values[:, ~image.valid] = np.nan
    view = Warped(image, TARGETS[target], "bilinear")
    found = everything(view)
    _, cols, rows = expected(view)
    x, y = image.grid.to_pixel(*view.grid.to_map(cols, rows))
    col, row = np.floor(x).astype(int), np.floor(y).astype(int)
    inside = (col >= 0) & (col < 60) & (row >= 0) & (row < 50)
    want = inside & image.valid[np.clip(row, 0, 49), np.clip(col, 0, 59)]
    # centers on a pixel edge may fall to either side
    edge = np.minimum(np.abs(x - np.round(x)), np.abs(y - np.round(y))) < 1e-6
    np.testing.assert_array_equal(found.valid[~edge], want[~edge])
    assert np.isfinite(found.values[:, found.valid]).all()


@pytest.mark.parametrize("method", METHODS)
def test_values_of_invalid_pixels_never_leak(method):
    at = grid()
    image = ArrayImage("a", at, np.full((1, 50, 60), 100.0), np.ones((50, 60), bool))
    image.valid[np.random.default_rng(4).random((50, 60)) < 0.5] = False
    image.values[:, ~image.valid] = -9999
    for target in TARGETS.values():
        found = everything(Warped(image, target, method))
        # float32 sums of few weights with both signs
        np.testing.assert_allclose(found.values[:, found.valid], 100, rtol=2e-5)


@pytest.mark.parametrize("method", ["bilinear", "cubic", "lanczos", "average"])
def test_strict_pixels_have_their_whole_kernel_valid(method):
    image = plane(grid())
    image.valid[20:23, 30:33] = False
    image.values[:, ~image.valid] = 1e6
    loose = everything(Warped(image, TARGETS["a third off"], method))
    strict = everything(Warped(image, TARGETS["a third off"], method, strict=True))
    reach = {"bilinear": 1, "cubic": 2, "lanczos": 3, "average": 1}[method]
    assert not (strict.valid & ~loose.valid).any()
    value, cols, rows = expected(Warped(image, TARGETS["a third off"]))
    tolerance = {"lanczos": 0.1, "average": 2.0}.get(method, 1e-9)
    np.testing.assert_allclose(strict.values[0][strict.valid], value[strict.valid], atol=tolerance)
    # every pixel whose kernel touches the hole or the border is left out, no other one
    x, y = image.grid.to_pixel(*TARGETS["a third off"].to_map(cols, rows))
    x, y = x - 0.5, y - 0.5
    if method != "average":
        inside = (np.floor(x) - reach + 1 >= 0) & (np.floor(x) + reach <= 59)
        inside &= (np.floor(y) - reach + 1 >= 0) & (np.floor(y) + reach <= 49)
        near = (x > 30 - reach) & (x < 32 + reach) & (y > 20 - reach) & (y < 22 + reach)
        np.testing.assert_array_equal(strict.valid, inside & ~near)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", TARGETS)
def test_any_window_gives_the_same_bits(target, method, strict):
    image = plane(grid(), dtype=np.float32)
    image.valid[5:9, 11:40] = image.valid[30:, 50] = False
    image.values[0, 17, 23] = np.inf
    view = Warped(image, TARGETS[target], method, strict=strict)
    whole = everything(view)
    for width, height in ((1, 1000), (1000, 1), (7, 13), (17, 64)):
        for window in tiling(view.grid.window, width, height):
            part = view.read(window)
            np.testing.assert_array_equal(part.valid, whole.valid[window.slices])
            mine = whole.values[:, window.slices[0], window.slices[1]]
            np.testing.assert_array_equal(part.values, mine)


def test_single_pixels_of_a_turned_view_have_the_same_bits():
    image = plane(grid(), dtype=np.float32)
    view = Warped(image, TARGETS["turned"], "cubic")
    whole = everything(view)
    for row in range(0, 50, 7):
        for col in range(0, 60, 9):
            one = view.read(Window(col, row, 1, 1))
            np.testing.assert_array_equal(one.values[:, 0, 0], whole.values[:, row, col])


def test_a_window_with_a_large_source_is_read_in_parts(monkeypatch):
    from orthoweave.core.transform import warped

    view = Warped(plane(grid(), dtype=np.float32), TARGETS["coarser"], "average")
    whole = everything(view)
    monkeypatch.setattr(warped, "PIECE", 300)
    parts = everything(view)
    np.testing.assert_array_equal(whole.values, parts.values)
    np.testing.assert_array_equal(whole.valid, parts.valid)


def test_whole_number_images_are_rounded_once_and_keep_clear_of_nodata():
    values = np.array([[[1, 3, 7, 9]]], np.uint8)
    image = ArrayImage("a", grid(4, 1), values, np.ones((1, 4), bool), 5.0)
    view = Warped(image, grid(3, 1, x=1005.0), "bilinear")
    assert view.read(view.grid.window).values[0, 0].tolist() == [2, 6, 8]  # 2, 5 is nodata, 8
    loose = view.read(view.grid.window, rounded=False)
    assert loose.values.dtype == np.float32 and loose.values[0, 0].tolist() == [2, 5, 8]


def test_bands_are_chosen_before_anything_is_computed():
    view = Warped(plane(grid()), TARGETS["half a pixel off"], "bilinear")
    np.testing.assert_array_equal(everything(view, bands=[2]).values[0], everything(view).values[1])


def test_nothing_of_the_source_is_a_window_without_valid_pixels():
    view = Warped(plane(grid()), grid(x=90000.0), "bilinear")
    found = everything(view, bands=[1])
    assert not found.valid.any() and found.values.shape == (1, 50, 60)


@pytest.mark.parametrize("method", ["bilinear", "cubic", "lanczos", "average"])
def test_an_infinite_pixel_does_not_spread(method):
    image = plane(grid(), dtype=np.float32)
    image.values[:, 20, 30] = np.inf
    found = everything(Warped(image, TARGETS["half a pixel off"], method))
    assert not np.isnan(found.values[:, found.valid]).any()
    assert np.isinf(found.values[0]).sum() == 1


def wave(x, y):
    """A mapping with a wave of 40 m length and 3 m height, lost beyond x = 1500."""
    bent = x + 3 * np.sin(y / 40)
    return np.where(x > 1500, np.inf, bent), y


def test_a_mapping_is_followed_exactly_with_step_one():
    image = plane(grid(), dtype=np.float64)
    target = grid(30, 30, 1100.0, 1900.0)
    found = everything(Warped(image, target, "bilinear", wave))
    cols, rows = np.meshgrid(np.arange(30) + 0.5, np.arange(30) + 0.5)
    x, y = wave(*target.to_map(cols, rows))
    np.testing.assert_allclose(found.values[0], 0.3 * (x - 1000) - 0.2 * (y - 2000) + 7, atol=1e-9)


def test_positions_without_a_place_in_the_source_are_not_valid():
    image = plane(grid())
    found = everything(Warped(image, grid(), "bilinear", wave))
    assert found.valid[:, :45].any() and not found.valid[:, 51:].any()
    assert np.isfinite(found.values[:, found.valid]).all()


def straight(x, y):
    return 1.0001 * x, y - 3


def gentle(x, y):
    """A mapping whose bilinear error is (step / 200)² / 2 px."""
    return x + 5e-6 * (x - 1000) ** 2, y


def test_the_lattice_is_as_wide_as_its_error_allows():
    assert lattice_step(Warped(plane(grid(200, 200)), grid(200, 200), "bilinear", gentle)) == 8
    assert lattice_step(Warped(plane(grid(200, 200)), grid(200, 200), "bilinear", straight)) == 32
    assert lattice_step(Warped(plane(grid(200, 200)), grid(200, 200), "bilinear", wave)) < 8


@pytest.mark.parametrize("step", [2, 8, 32])
def test_any_window_of_a_lattice_gives_the_same_bits(step):
    image = plane(grid(100, 90), dtype=np.float32)
    view = Warped(image, grid(100, 90, 1003.0, 1996.0), "bilinear", gentle, step)
    whole = everything(view)
    for window in tiling(view.grid.window, 13, 29):
        part = view.read(window)
        mine = whole.values[:, window.slices[0], window.slices[1]]
        np.testing.assert_array_equal(part.values, mine)
        np.testing.assert_array_equal(part.valid, whole.valid[window.slices])
    cols, rows = np.meshgrid(np.arange(5, 80) + 0.5, np.arange(5, 80) + 0.5)
    x, y = gentle(*view.grid.to_map(cols, rows))
    # 3 per pixel in x
    np.testing.assert_allclose(
        whole.values[0, 5:80, 5:80],
        0.3 * (x - 1000) - 0.2 * (y - 2000) + 7,
        atol=1.5 * (step / 200) ** 2 + 1e-3,
    )


def test_a_moved_view_has_the_pixels_of_the_image_below():
    image = plane(grid(), dtype=np.float32)
    view = Moved(image, grid(x=1004.0))
    assert view.grid == grid(x=1004.0)
    np.testing.assert_array_equal(everything(view).values, image.values)


def test_views_can_be_sent_to_another_process():
    view = Warped(plane(grid()), TARGETS["turned"], "cubic", wave, 8)
    copy = pickle.loads(pickle.dumps(view))
    np.testing.assert_array_equal(everything(copy).values, everything(view).values)


def test_a_view_of_a_fully_valid_image_says_that_it_needs_a_mask():
    from orthoweave.core.image import Details

    at = grid(2, 2)
    image = ArrayImage(
        "a", at, np.zeros((1, 2, 2)), np.ones((2, 2), bool), details=Details(validity="all")
    )
    assert Warped(image, grid()).details.validity == "mask"
    assert Moved(image, grid(2, 2, 1003.0)).details.validity == "all"
