# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details, Image, Pixels, View, constant
from orthoweave.core.radiometry.adjusted import Adjusted
from orthoweave.core.windows import Window

GRID = Grid(4, 2, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))


def image(values, valid=None, nodata=None, details=None):
    array = np.asarray(values)
    mask = constant(True, array.shape[1:]) if valid is None else np.asarray(valid, bool)
    grid = Grid(array.shape[2], array.shape[1], GRID.transform)
    return ArrayImage("a", grid, array, mask, nodata, ("red", "nir")[: len(array)],
                      details or Details())  # fmt: skip


def read(view, **how):
    return view.read(view.grid.window, **how)


def test_gain_and_offset_of_each_band_are_applied_and_rounded_half_to_even():
    source = image(np.array([[[1, 2, 3, 4]], [[10, 20, 30, 40]]], np.uint16))
    view = Adjusted(source, (1.5, 2.0), (0.0, -5.0))
    assert read(view).values.tolist() == [[[2, 3, 4, 6]], [[15, 35, 55, 75]]]
    assert read(view, rounded=False).values[0].tolist() == [[1.5, 3.0, 4.5, 6.0]]
    assert read(view).values.dtype == np.uint16
    assert read(view, rounded=False).values.dtype == np.float32


def test_bands_are_chosen_with_their_own_gains():
    source = image(np.array([[[1, 2, 3, 4]], [[10, 20, 30, 40]]], np.uint16))
    view = Adjusted(source, (1.5, 2.0), (0.0, -5.0))
    assert read(view, bands=[2]).values.tolist() == [[[15, 35, 55, 75]]]
    assert read(view, bands=[2, 1]).values[1].tolist() == [[2, 3, 4, 6]]


@pytest.mark.parametrize(
    ("dtype", "nodata", "gain", "offset", "before", "after"),
    [
        ("uint16", 0, 1.0, -25.0, 5, 1),  # not 65516, not 0
        ("uint16", None, 1.0, -25.0, 5, 0),
        ("uint8", None, 2.0, 0.0, 200, 255),
        ("uint8", 255, 2.0, 0.0, 200, 254),
        ("int16", -1, 1.0, -6.0, 5, 0),  # -1 moves to the side of the unrounded -1.0
        ("int16", -1, 1.0, -6.4, 5, -2),
        ("int32", None, 1.0, 1.0, 2**24 + 1, 2**24 + 2),  # more digits than float32 has
    ],
)
def test_results_stay_legal_and_never_become_nodata(dtype, nodata, gain, offset, before, after):
    source = image(np.full((1, 2, 2), before, dtype), nodata=nodata)
    assert (read(Adjusted(source, (gain,), (offset,))).values == after).all()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_gain_1_and_offset_0_give_the_same_bits(dtype):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 120, (2, 5, 6)).astype(dtype)  # valid zeros equal to nodata too
    view = Adjusted(image(values, nodata=0), (1.0, 1.0), (0.0, 0.0))
    assert read(view).values.tobytes() == values.tobytes()
    assert view.identity


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("rounded", [True, False])
def test_what_is_not_valid_keeps_its_values_and_validity(dtype, rounded):
    values = np.full((2, 2, 4), 7, dtype)
    valid = np.ones((2, 4), bool)
    valid[0, :3] = False
    values[:, 0, :3] = 3
    if dtype == "float32":
        values[:, 0, 0], values[:, 0, 1] = np.nan, -3.4e38
    source = image(values, valid)
    found = read(Adjusted(source, (2.0, 3.0), (1.0, 1.0)), rounded=rounded)
    assert (found.valid == valid).all()
    np.testing.assert_array_equal(found.values[:, ~valid], values[:, ~valid])
    assert (found.values[0, valid] == 15).all() and (found.values[1, valid] == 22).all()


def test_holes_of_decimal_images_become_0_in_a_whole_number_type():
    values = np.array([[[np.nan, 2.4, 3.6, 4.0]]], np.float32)
    source = image(values, np.isfinite(values[0]))
    view = Adjusted(source, (2.0,), (0.0,), "uint8")
    assert view.dtype == np.uint8 and not view.identity
    assert read(view).values.tolist() == [[[0, 5, 7, 8]]]


def test_another_type_changes_the_type_even_with_gain_1():
    view = Adjusted(image(np.array([[[1.4, 2.6]]], np.float32)), (1.0,), (0.0,), "int16")
    assert not view.identity
    assert read(view).values.tolist() == [[[1, 3]]]


def test_opacity_passes_through():
    class WithAlpha(View):
        def read(self, window, bands=None, rounded=True):
            found = self.source.read(window, bands, rounded)
            return Pixels(found.values, found.valid, np.full(window.shape, 77, np.uint8))

    view = Adjusted(WithAlpha(image(np.ones((1, 2, 4), np.uint8))), (2.0,), (0.0,))
    assert (read(view).alpha == 77).all()


def test_stacked_views_round_once():
    source = image(np.array([[[1, 2, 3, 4]]], np.uint8))
    twice = Adjusted(Adjusted(source, (1.4,), (0.0,)), (1.4,), (0.0,))
    # 1 · 1.96 = 1.96 → 2; rounding twice would give 1 → 1
    assert read(twice).values.tolist() == [[[2, 4, 6, 8]]]


def test_windows_give_the_same_values_as_the_whole():
    rng = np.random.default_rng(1)
    source = image(rng.integers(1, 4000, (2, 33, 47)).astype(np.uint16), nodata=0)
    view = Adjusted(source, (1.234, 0.81), (-7.7, 40.2))
    whole = read(view).values
    for window in (Window(0, 0, 5, 33), Window(11, 7, 30, 9), Window(46, 32, 1, 1)):
        part = view.read(window).values
        rows, cols = window.slices
        assert (part == whole[:, rows, cols]).all()


def test_the_view_is_an_image_like_its_source_and_can_be_pickled():
    source = image(np.ones((2, 2, 4), np.uint8), nodata=0)
    view = Adjusted(source, (2.0, 2.0), (0.0, 0.0))
    assert isinstance(view, Image)
    assert (view.name, view.grid, view.bands, view.nodata) == ("a", source.grid, 2, 0)
    assert view.band_names == ("red", "nir")
    again = pickle.loads(pickle.dumps(view))
    assert (again.gains, again.offsets) == (view.gains, view.offsets)
