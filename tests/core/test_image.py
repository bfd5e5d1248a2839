# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import (
    ArrayImage,
    Image,
    Pixels,
    View,
    beside,
    calculation_type,
    constant,
    read_padded,
    representable,
    settled,
    uniform,
)
from orthoweave.core.windows import Window

GRID = Grid(6, 4, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
WHOLE = ("uint8", "int16", "uint16", "int32", "uint32")
DECIMAL = ("float32", "float64")


def image(dtype: str = "uint8") -> ArrayImage:
    values = np.arange(48, dtype=dtype).reshape(2, 4, 6)
    return ArrayImage("a", GRID, values, values[0] % 5 != 0, nodata=0)


def place(values, dtype, nodata=None):
    """Settle numbers in the calculation type of a pixel type."""
    kind = np.dtype(dtype)
    return settled(np.array(values, calculation_type(kind)), kind, nodata).tolist()


def test_pixels_know_when_all_are_valid():
    values = np.zeros((1, 2, 2))
    assert Pixels(values, constant(True, (2, 2))).all_valid
    assert not Pixels(values, constant(False, (2, 2))).all_valid
    assert Pixels(values, np.ones((2, 2), bool)).all_valid
    mixed = Pixels(values, np.eye(2, dtype=bool))
    assert not mixed.all_valid


def test_a_constant_mask_takes_no_memory_and_is_recognized():
    mask = constant(True, (1000, 2000))
    assert mask.shape == (1000, 2000)
    assert mask.base is not None
    assert mask.base.nbytes == 1
    assert uniform(mask) is True
    assert uniform(constant(False, (3, 3))) is False
    assert uniform(np.ones((3, 3), bool)) is None
    assert uniform(constant(True, (0, 3))) is None


def test_a_part_of_pixels_takes_values_valid_and_alpha():
    alpha = np.arange(24).reshape(4, 6)
    whole = Pixels(image().values, image().valid, alpha)
    part = whole.cropped(slice(1, 3), slice(2, 5))
    assert part.values.shape == (2, 2, 3)
    assert part.valid.tolist() == image().valid[1:3, 2:5].tolist()
    assert part.alpha.tolist() == alpha[1:3, 2:5].tolist()
    assert part.with_values(part.values * 2).alpha is part.alpha


def test_an_array_image_is_an_image_and_pickles():
    assert isinstance(image(), Image)
    back = pickle.loads(pickle.dumps(image()))
    assert (back.values == image().values).all()
    assert back.bands == 2
    assert back.dtype == np.uint8


def test_bands_are_read_by_number_from_one_on_and_in_the_order_asked():
    found = image().read(Window(1, 2, 3, 1), bands=(2, 1))
    assert found.values.tolist() == [[[37, 38, 39]], [[13, 14, 15]]]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        *((kind, "float32") for kind in ("uint8", "int8", "int16", "uint16", "float32")),
        *((kind, "float64") for kind in ("int32", "uint32", "int64", "uint64", "float64")),
    ],
)
def test_the_calculation_type_holds_every_value(dtype, expected):
    assert calculation_type(np.dtype(dtype)) == expected
    assert image(dtype).read(GRID.window, rounded=False).values.dtype == expected
    assert image(dtype).read(GRID.window).values.dtype == dtype


def test_a_view_is_like_the_image_below_it():
    source = image()
    view = View(source)
    for name in ("name", "grid", "bands", "dtype", "nodata", "band_names", "details"):
        assert getattr(view, name) == getattr(source, name)


@pytest.mark.parametrize(
    "window",
    [
        pytest.param(Window(0, 0, 6, 4), id="all"),
        pytest.param(Window(2, 1, 2, 2), id="inside"),
        pytest.param(Window(-2, -3, 5, 5), id="beyond the first corner"),
        pytest.param(Window(4, 3, 5, 5), id="beyond the last corner"),
        pytest.param(Window(-4, -4, 20, 20), id="beyond every side"),
        pytest.param(Window(6, 0, 3, 3), id="touching"),
        pytest.param(Window(50, 50, 3, 3), id="outside"),
    ],
)
@pytest.mark.parametrize("rounded", [True, False])
def test_a_padded_read_is_the_image_with_invalid_zeros_round_it(window, rounded):
    source, margin = image(), 60
    values = np.pad(source.values, ((0, 0), (margin, margin), (margin, margin)))
    valid = np.pad(source.valid, margin)
    rows, cols = window.shifted(margin, margin).slices
    found = read_padded(source, window, rounded=rounded)
    assert found.values.tolist() == values[:, rows, cols].tolist()
    assert found.valid.tolist() == valid[rows, cols].tolist()
    assert found.values.dtype == ("uint8" if rounded else "float32")


def test_a_padded_read_takes_bands_and_alpha_along():
    class Opaque(View):
        def read(self, window, bands=None, rounded=True):
            found = self.source.read(window, bands, rounded)
            return Pixels(found.values, found.valid, np.full(window.shape, 9, np.uint8))

    found = read_padded(Opaque(image()), Window(-1, 0, 3, 1), bands=(2,))
    assert found.values.tolist() == [[[0, 24, 25]]]
    assert found.alpha.tolist() == [[0, 9, 9]]


@pytest.mark.parametrize("dtype", WHOLE)
def test_halves_are_rounded_to_even(dtype):
    assert place([0.5, 1.5, 2.5, 3.49, 3.51], dtype) == [0, 2, 2, 3, 4]


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_negative_halves_are_rounded_to_even(dtype):
    assert place([-0.5, -1.5, -2.5, -3.51], dtype) == [0, -2, -2, -4]


@pytest.mark.parametrize("dtype", WHOLE)
def test_values_beyond_the_range_stay_at_its_ends(dtype):
    limits = np.iinfo(dtype)
    far = [limits.min - 1000.0, limits.max + 1000.0, -1e30, 1e30]
    assert place(far, dtype) == [limits.min, limits.max] * 2


@pytest.mark.parametrize("dtype", ["uint32", "int32", "int64"])
def test_single_precision_does_not_wrap_at_the_top_of_wide_types(dtype):
    top = settled(np.array([1e30], np.float32), np.dtype(dtype), None)[0]
    assert 0.999 * np.iinfo(dtype).max < top <= np.iinfo(dtype).max


@pytest.mark.parametrize("dtype", DECIMAL)
def test_decimal_types_are_left_as_they_are(dtype):
    values = [0.5, -1e30, 1e30, 0.1]
    assert place(values, dtype) == np.array(values, dtype).tolist()


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize("end", ["min", "max"])
def test_nodata_at_an_end_of_the_range_is_avoided_inward(dtype, end):
    limits = np.iinfo(dtype)
    marker = getattr(limits, end)
    inward = marker + 1 if end == "min" else marker - 1
    beyond = marker - 9.0 if end == "min" else marker + 9.0
    assert place([marker, beyond], dtype, marker) == [inward, inward]


@pytest.mark.parametrize("dtype", ["int16", "uint8", "uint16", "int32", "uint32"])
def test_nodata_inside_the_range_is_avoided_on_the_side_the_value_came_from(dtype):
    assert place([6.7, 7.0, 7.3, 7.6, 6.4], dtype, 7) == [6, 8, 8, 8, 6]


def test_zero_as_nodata_of_a_signed_type_keeps_the_sign():
    assert place([-0.3, 0.3, -3.0], "int16", 0) == [-1, 1, -3]


@pytest.mark.parametrize("dtype", DECIMAL)
@pytest.mark.parametrize("nodata", [0.0, -9999.0, 7.0])
def test_decimal_nodata_is_avoided_by_the_smallest_step(dtype, nodata):
    found = settled(np.array([nodata, 1.0], dtype), np.dtype(dtype), nodata)
    assert found[0] != nodata
    assert found[0] == pytest.approx(nodata, rel=1e-6, abs=1e-37)
    assert found[1] == 1.0


@pytest.mark.parametrize("nodata", [None, np.nan, 300.0, -1.0, 7.5, np.inf])
def test_nodata_that_the_type_cannot_hold_moves_nothing(nodata):
    assert place([0.0, 7.0, 255.0], "uint8", nodata) == [0, 7, 255]


@pytest.mark.parametrize("dtype", [*WHOLE, *DECIMAL])
def test_the_given_values_are_not_changed(dtype):
    kind = np.dtype(dtype)
    values = np.array([0.0, 7.0, 7.4], calculation_type(kind))
    before = values.copy()
    settled(values, kind, 7.0)
    assert (values == before).all()


@pytest.mark.parametrize("dtype", WHOLE)
def test_whole_numbers_come_through_unchanged(dtype):
    limits = np.iinfo(dtype)
    values = [limits.min, limits.min + 1, 1, limits.max - 1, limits.max]
    assert place(values, dtype) == values


@pytest.mark.parametrize(
    ("nodata", "dtype", "expected"),
    [
        (None, "uint8", None),
        (0, "uint8", 0),
        (255.0, "uint8", 255),
        (256, "uint8", None),
        (-1, "uint8", None),
        (0.5, "int16", None),
        (np.nan, "int16", None),
        (np.inf, "int16", None),
        (-32768, "int16", -32768),
        (0.1, "float32", float(np.float32(0.1))),
        (4294967295.0, "uint32", 4294967295),
    ],
)
def test_nodata_becomes_a_scalar_of_the_type_or_nothing(nodata, dtype, expected):
    found = representable(nodata, np.dtype(dtype))
    assert found == expected
    assert found is None or found.dtype == dtype


def test_nan_stays_nodata_of_a_decimal_type():
    assert np.isnan(representable(np.nan, np.dtype("float32")))


@pytest.mark.parametrize(
    ("marker", "dtype", "expected"),
    [(0, "uint8", 1), (255, "uint8", 254), (-32768, "int16", -32767), (7, "uint16", 8)],
)
def test_the_value_beside_nodata_is_legal(marker, dtype, expected):
    kind = np.dtype(dtype)
    assert beside(kind.type(marker), kind) == expected


@pytest.mark.parametrize("dtype", ["uint16", "int32", "uint32"])
def test_bytes_settle_in_wider_types(dtype):
    assert settled(np.array([1, 255], np.uint8), np.dtype(dtype), None).tolist() == [1, 255]


def test_double_nodata_of_a_single_precision_image_is_no_value_of_it():
    assert representable(-1.7976931348623157e308, np.dtype("float32")) is None
