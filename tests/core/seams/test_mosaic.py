# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details, uniform
from orthoweave.core.seams.mosaic import Overlap, Seams, mosaic
from orthoweave.core.windows import Window, tiling

GRID = Grid(100, 80, (0.0, 1.0, 0.0, 80.0, 0.0, -1.0))


def image(name, col, row, width, height, value=None, validity="nodata", dtype=np.uint8):
    values = np.full((2, height, width), value or 0, dtype)
    if value is None:
        values[:] = np.random.default_rng(100 + col + 7 * row).integers(1, 200, values.shape)
    grid = GRID.cropped(Window(col, row, width, height))
    valid = np.ones((height, width), bool)
    return ArrayImage(name, grid, values, valid, None, ("x", "y"), Details(validity=validity))


def labeled(labels):
    """Seam cells as an image."""
    labels = np.asarray(labels, np.int32)
    return ArrayImage("labels", GRID, labels[None], labels > 0, 0.0)


def halves(col=50):
    labels = np.ones((80, 100), int)
    labels[:, col:] = 2
    return labels


def everything(view, **how):
    return view.read(GRID.window, **how)


def test_a_window_of_one_valid_image_is_that_image_without_a_mask():
    a, b = image("a", 0, 0, 60, 80, validity="all"), image("b", 40, 0, 60, 80, validity="all")
    a, b = (
        ArrayImage(**{**vars(i), "valid": np.broadcast_to(np.True_, i.valid.shape)}) for i in (a, b)
    )
    view = mosaic([a, b], GRID, Overlap("last"))
    found = view.read(Window(50, 10, 20, 20))
    assert uniform(found.valid) is True
    np.testing.assert_array_equal(found.values, b.values[:, 10:30, 10:30])
    assert view.details.validity == "all" and view.band_names == ("x", "y") and view.bands == 2


def test_a_window_without_image_is_known_to_be_invalid():
    view = mosaic([image("a", 0, 0, 10, 10)], GRID, Overlap())
    assert uniform(view.read(Window(50, 50, 9, 9)).valid) is False
    assert view.read(Window(50, 50, 9, 9)).values.shape == (2, 9, 9)
    counted = mosaic([image("a", 0, 0, 10, 10)], GRID, Overlap("count"))
    found = counted.read(Window(50, 50, 9, 9))
    assert found.all_valid and not found.values.any()


@pytest.mark.parametrize(
    ("validities", "cover", "expected"),
    [
        (("all", "all"), True, "all"),
        (("all", "all"), False, "mask"),
        (("all", "mask"), True, "mask"),
        (("alpha", "mask"), True, "alpha"),
        (("nodata", "nodata"), True, "mask"),
    ],
)
def test_validity_is_said_as_simply_as_it_can_be(validities, cover, expected):
    width = 60 if cover else 50
    images = [
        image("a", 0, 0, width, 80, validity=validities[0]),
        image("b", 55, 0, 45, 80, validity=validities[1]),
    ]
    assert mosaic(images, GRID, Overlap()).details.validity == expected


def test_images_beyond_the_grid_fill_it():
    images = [image("a", -20, -10, 200, 300, validity="all")]
    view = mosaic(images, GRID, Overlap())
    assert view.details.validity == "all"
    np.testing.assert_array_equal(everything(view).values, images[0].values[:, 10:90, 20:120])


def test_types_and_bands_are_those_asked_for():
    images = [image("a", 0, 0, 60, 80), image("b", 40, 0, 60, 80, dtype=np.uint16)]
    view = mosaic(images, GRID, Overlap())
    assert view.dtype == np.uint16 and everything(view).values.dtype == np.uint16
    assert everything(view, rounded=False).values.dtype == np.float32
    one = everything(view, bands=[2])
    np.testing.assert_array_equal(one.values[0], everything(view).values[1])
    small = mosaic(
        [image("b", 0, 0, 100, 80, 300, dtype=np.uint16)], GRID, Overlap(), dtype="uint8"
    )
    assert everything(small).values.max() == 255


def test_counts_declare_nothing_of_the_images():
    one = image("a", 0, 0, 60, 80)
    one = ArrayImage(
        **{**vars(one), "details": Details(scales=(0.1, 0.1), color_table=((1, 2, 3, 4),))}
    )
    view = mosaic([one], GRID, Overlap("count"), nodata=0)
    assert view.details == Details(validity="all") and view.nodata is None
    assert view.dtype == np.uint16


def test_cells_are_cut_hard_and_gaps_are_filled_or_not():
    a, b = image("a", 0, 0, 100, 80, 1), image("b", 0, 0, 100, 80, 2)
    a.valid[10:20, 10:20] = False
    for fill in (True, False):
        view = mosaic([a, b], GRID, Overlap("first", Seams(labeled(halves())), fill=fill))
        found = everything(view)
        expected = halves()
        expected[10:20, 10:20] = 2
        np.testing.assert_array_equal(found.values[0][found.valid], expected[found.valid])
        assert found.valid.all() == fill


def test_the_order_of_the_rule_fills():
    images = [image(n, 0, 0, 100, 80, v) for n, v in (("a", 1), ("b", 2), ("c", 3), ("d", 4))]
    images[1].valid[:] = False
    for rule, value in (("first", 1), ("last", 4)):
        view = mosaic(images, GRID, Overlap(rule, Seams(labeled(np.full((80, 100), 2)))))
        assert (everything(view).values == value).all()


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("rule", ["first", "feather"])
def test_any_window_gives_the_same_pixels(rule, complete):
    rng = np.random.default_rng(1)
    images = [image("a", 0, 0, 70, 80), image("b", 30, 5, 70, 60), image("c", 20, 40, 40, 40)]
    for one in images:
        one.valid[rng.random(one.valid.shape) < 0.05] = False
    labels = halves()
    labels[50:, 10:55] = 3
    labels[:5, :] = 0
    overlap = Overlap(rule, Seams(labeled(labels), complete), width=9)
    view = mosaic(images, GRID, overlap)
    whole = everything(view)
    assert (whole.values[:, whole.valid] > 0).all()
    if complete:
        assert not whole.valid[:5].any()
    for size in ((7, 100), (100, 3), (50, 50), (13, 11)):
        for window in tiling(GRID.window, *size):
            found = view.read(window)
            np.testing.assert_array_equal(found.valid, whole.valid[window.slices])
            mine = whole.values[(slice(None), *window.slices)]
            np.testing.assert_array_equal(found.values * found.valid, mine * found.valid)


def test_a_gap_at_the_edge_of_a_window_is_filled_from_the_next_cell():
    a, b = image("a", 0, 0, 50, 80, 1), image("b", 49, 0, 51, 80, 2)
    a.valid[:, 49] = False  # the cell says a, the pixels say b
    view = mosaic([a, b], GRID, Overlap("first", Seams(labeled(halves()), complete=True)))
    assert everything(view).valid.all()
    assert view.read(Window(0, 0, 50, 80)).valid.all()


@pytest.mark.parametrize("width", [4, 9, 32])
def test_feather_changes_only_pixels_near_the_seam(width):
    a, b = image("a", 0, 0, 100, 80), image("b", 0, 0, 100, 80, 77)
    seams = Seams(labeled(halves()))
    hard = everything(mosaic([a, b], GRID, Overlap("first", seams)))
    soft = everything(mosaic([a, b], GRID, Overlap("feather", seams, width)))
    far = np.abs(np.arange(100) + 0.5 - 50) >= width / 2
    np.testing.assert_array_equal(soft.values[:, :, far], hard.values[:, :, far])
    signed = (50 - (np.arange(100) + 0.5)) / width + 0.5
    expected = a.values[0, 40] * signed + 77 * (1 - signed)
    near = ~far
    # rounding; float32 weights
    np.testing.assert_allclose(soft.values[0, 40, near], expected[near], atol=0.51)


def test_identical_images_stay_identical():
    a = image("a", 0, 0, 100, 80, dtype=np.uint16)
    b = ArrayImage(**{**vars(a), "name": "b"})
    for seams in (None, Seams(labeled(halves()))):
        view = mosaic([a, b], GRID, Overlap("feather", seams, 16))
        np.testing.assert_array_equal(everything(view).values, a.values)


def test_a_mixed_value_never_becomes_nodata():
    a, b = image("a", 0, 0, 100, 80, 4), image("b", 0, 0, 100, 80, 6)
    view = mosaic([a, b], GRID, Overlap("feather", Seams(labeled(halves())), 20), nodata=5)
    assert set(np.unique(everything(view).values)) == {4, 6}


def test_wide_blends_use_larger_tiles_with_the_same_result():
    a, b = image("a", 0, 0, 100, 80, 10), image("b", 0, 0, 100, 80, 90)
    view = mosaic([a, b], GRID, Overlap("feather", None, 300))
    row = everything(view).values[0, 40]
    assert (row == 50).all()  # both have the same distances to their edges


def test_mosaics_are_pickled():
    images = [image("a", 0, 0, 60, 80), image("b", 40, 0, 60, 80)]
    view = mosaic(images, GRID, Overlap("feather", Seams(labeled(halves()))))
    copy = pickle.loads(pickle.dumps(view))
    np.testing.assert_array_equal(everything(copy).values, everything(view).values)


class Refusing(ArrayImage):
    """An image that must not be read."""

    def read(self, window, bands=None, rounded=True):
        raise AssertionError(f"{self.name} was read")


@pytest.mark.parametrize("rule", ["first", "last"])
def test_an_image_that_others_hide_is_not_read(rule):
    # together the two others hide it, in one window and in several
    hidden = Refusing(**vars(image("hidden", 20, 10, 60, 50)))
    a, b = image("a", 0, 0, 60, 80), image("b", 40, 0, 60, 80)
    images = [a, b, hidden] if rule == "first" else [hidden, a, b]
    view = mosaic(images, GRID, Overlap(rule))
    whole = everything(view)
    assert whole.all_valid
    for window in tiling(GRID.window, 32, 32):
        rows, cols = window.slices
        np.testing.assert_array_equal(view.read(window).values, whole.values[:, rows, cols])
