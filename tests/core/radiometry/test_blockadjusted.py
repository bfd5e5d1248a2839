# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, constant
from orthoweave.core.radiometry.adjusted import Adjusted
from orthoweave.core.radiometry.blockadjusted import BlockAdjusted
from orthoweave.core.radiometry.blockmaps import BlockMaps, LocalMap, correction_of
from orthoweave.core.windows import Window

GRID = Grid(40, 30, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
BLOCKS = Grid(4, 3, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0))


def image(values, dtype="float32", nodata=None, valid=None):
    array = np.broadcast_to(values, (1, 30, 40)).astype(dtype)
    return ArrayImage(
        "a", GRID, array, constant(True, (30, 40)) if valid is None else valid, nodata
    )


def maps(reference, local, method, low=0.0, high=1000.0):
    shape = (1, 3, 4)
    mine = LocalMap("a", BLOCKS.window, np.broadcast_to(local, shape).astype(float))
    return BlockMaps(BLOCKS, np.broadcast_to(reference, shape).astype(float), (mine,), (method,),
                     (low,), (high,))  # fmt: skip


def view(source, reference, local, method="linear", change=4.0, **how):
    made = maps(reference, local, method)
    return BlockAdjusted(source, correction_of(made, made.of("a"), change), **how)


def values(found, window=GRID.window):
    return found.read(window).values[0]


@pytest.mark.parametrize(
    ("method", "expected"),
    [("linear", 330.0), ("offset", 320.0), ("gamma", 1000 * 0.3 ** (np.log(0.22) / np.log(0.2)))],
)
def test_each_method_brings_the_local_value_to_the_reference(method, expected):
    found = view(image(200.0), 220.0, 200.0, method)
    np.testing.assert_allclose(values(found), 220, rtol=1e-6)
    np.testing.assert_allclose(
        values(view(image(300.0), 220.0, 200.0, method)), expected, rtol=1e-6
    )


def test_gamma_leaves_its_limits_and_shifts_what_lies_beyond():
    ramp = np.linspace(-50, 1050, 40)
    found = values(view(image(ramp), 220.0, 200.0, "gamma"))[0]
    inside = (ramp > 1) & (ramp < 999)
    assert (found[inside] > ramp[inside]).all() and found[inside].max() < 1000
    np.testing.assert_allclose(found[ramp < 0], ramp[ramp < 0] + 20, rtol=1e-5)
    np.testing.assert_allclose(found[ramp > 1000], ramp[ramp > 1000] + 20, rtol=1e-5)


def test_the_blend_goes_from_the_input_to_the_whole_correction():
    for method in ("linear", "offset", "gamma"):
        none, half, full = (
            values(view(image(300.0), 220.0, 200.0, method, alpha=alpha)) for alpha in (0, 0.5, 1)
        )
        assert (none == 300).all()
        np.testing.assert_allclose(half, (none + full) / 2, rtol=1e-6)


def test_unknown_blocks_change_nothing():
    reference = np.full((1, 3, 4), 220.0)
    reference[0, :, 2:] = np.nan
    for method in ("linear", "offset", "gamma"):
        found = values(view(image(300.0), reference, 200.0, method))
        # a known block reaches to the center of its neighbor
        assert (found[:, 25:] == 300).all() and (found[:, :25] > 301).all()


def test_ratios_are_limited_and_counted():
    made = maps(np.array([[[100, 900, 200, 220]]] * 1), 200.0, "linear")
    correction = correction_of(made, made.of("a"), 2.0)
    assert correction.factor[0, 0].tolist() == [0.5, 2.0, 1.0, 1.1]
    assert correction.limited == 3  # three rows of one block each
    lost = maps(np.array([[[np.nan, -5.0, 200, 0]]]), 200.0, "linear")
    assert np.isnan(correction_of(lost, lost.of("a"), 2.0).factor[0, 0]).tolist() == [
        True, True, False, True,
    ]  # fmt: skip


def test_rounded_values_stay_in_the_type_and_beside_nodata():
    ramp = np.arange(1, 41) * 6
    valid = np.ones((30, 40), bool)
    valid[3, 5] = False
    source = image(ramp, "uint8", nodata=0, valid=valid)
    low = view(source, 20.0, 220.0, "offset").read(GRID.window)
    assert low.values[0][valid].min() == 1 and (low.valid == valid).all()
    assert low.clipped == int((ramp < 199.5).sum()) * 30 - 1  # one of them is not valid
    assert low.moved > 0
    high = view(source, 100.0, 50.0).read(GRID.window)
    assert high.values.dtype == np.uint8 and high.values[0].max() == 255 and high.clipped > 0


def test_an_identity_returns_the_pixels_themselves():
    source = image(np.arange(40), "uint16")
    for method in ("linear", "offset", "gamma"):
        found = view(source, 200.0, 200.0, method)
        assert found.identity
        np.testing.assert_array_equal(values(found), source.values[0])
    other = view(source, 200.0, 200.0, output_type="float32")
    assert values(other).dtype == np.float32


def test_views_stack_in_decimals_and_travel_between_processes():
    source = image(np.arange(40) * 3.0 + 100, "uint16")
    matched = Adjusted(source, (1.01,), (0.3,))
    both = view(matched, 207.0, 200.0)
    expected = np.rint((source.values[0] * 1.01 + 0.3) * 207 / 200)
    np.testing.assert_array_equal(values(both), expected)
    np.testing.assert_array_equal(values(pickle.loads(pickle.dumps(both))), expected)  # noqa: S301
    window = Window(7, 3, 11, 20)
    part = values(both, window)
    np.testing.assert_array_equal(part, expected[window.slices])
