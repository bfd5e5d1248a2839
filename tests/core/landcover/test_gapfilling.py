# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.landcover import interpolation
from orthoweave.core.landcover.carrying import carried, selectors
from orthoweave.core.landcover.dates import day, regular
from orthoweave.core.landcover.gapfilling import GapFilled, Gaps, refuse_long
from orthoweave.core.landcover.interpolation import Filling
from orthoweave.core.landcover.series import mask_dates
from orthoweave.core.windows import Window

NODATA = -10000


def image(values, names, nodata=None):
    values = np.asarray(values)
    valid = np.ones(values.shape[1:], bool)
    if nodata is not None:
        valid = (values != nodata).any(0)
    grid = Grid(values.shape[2], values.shape[1], (0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
    return ArrayImage("s", grid, values, valid, nodata, tuple(names))


def series(values, dates, bands=("b1",), nodata=NODATA):
    return image(values, [f"s2_{band}_{d}" for d in dates for band in bands], nodata)


def masks(values, dates):
    return image(np.asarray(values, np.uint8), [f"mask_{d}" for d in dates])


def column(values):
    """One pixel, its values date by date."""
    return np.asarray(values, np.int16).reshape(-1, 1, 1)


def filled(values, dates, targets, mask=None, **how):
    flags = None if mask is None else masks(column(mask), dates)
    view = GapFilled(series(column(values), dates), flags, Filling(tuple(targets), **how))
    return view.read(Window(0, 0, 1, 1)).values[:, 0, 0].tolist()


def reference(values, clear, days, targets):
    """The rule for one pixel, one output date after the other."""
    known = np.flatnonzero(clear)
    for t in targets:
        before = [d for d in known if days[d] <= t]
        after = [d for d in known if days[d] >= t]
        if not len(known):
            yield NODATA
        elif not before or not after:
            yield values[after[0] if after else before[-1]]
        else:
            a, b = before[-1], after[0]
            v, w = float(values[a]), float(values[b])
            far = days[b] - days[a]
            yield v if far <= 0 else v + (w - v) * (t - days[a]) / far


DATES = ("20180101", "20180107", "20180131", "20180302", "20180401")


def test_a_line_in_time_is_recovered_to_rounding():
    days = np.array([day(d) for d in DATES])
    values = np.rint(3.7 * (days - days[0])).astype(int)
    targets = regular(days[0], days[-1], 5)
    found = filled(values, DATES, targets, [0, 1, 0, 1, 0])
    truth = 3.7 * (np.array([day(t) for t in targets]) - days[0])
    # the values at the clear dates are rounded too
    assert np.abs(np.array(found) - truth).max() <= 1.0


def test_halves_round_to_even():
    assert filled([1, 2], ("20180101", "20180103"), ("20180102",)) == [2]
    assert filled([2, 3], ("20180101", "20180103"), ("20180102",)) == [2]
    assert filled([-1, -2], ("20180101", "20180103"), ("20180102",)) == [-2]


def test_before_the_first_and_after_the_last_clear_date():
    dates = ("20180110", "20180120")
    targets = ("20180101", "20180115", "20180131")
    assert filled([10, 20], dates, targets) == [10, 15, 20]
    assert filled([10, 20], dates, targets, extrapolate="nodata") == [NODATA, 15, NODATA]
    assert filled([10, 20], dates, targets, [1, 0]) == [20, 20, 20]


def test_a_pixel_without_clear_date_is_nodata_everywhere():
    assert filled([10, 20], ("20180110", "20180120"), ("20180115",), [1, 2]) == [NODATA]
    assert filled([NODATA] * 2, ("20180110", "20180120"), ("20180115",)) == [NODATA]


def test_nodata_of_any_band_is_a_gap_without_masks():
    values = np.array([10, 5, NODATA, 7, 30, 9], np.int16).reshape(-1, 1, 1)
    view = GapFilled(
        series(values, ("20180101", "20180106", "20180111"), ("b1", "b2")),
        None,
        Filling(("20180106",)),
    )
    assert view.read(Window(0, 0, 1, 1)).values.ravel().tolist() == [20, 7]
    assert view.band_names == ("s2_b1_20180106", "s2_b2_20180106")


def test_two_images_of_one_day_are_both_used():
    dates = ("20151201", "20151208", "20151208.1", "20151215")
    targets = ("20151201", "20151204", "20151208", "20151211", "20151215")
    found = filled([0, 100, 200, 900], dates, targets)
    # up to the day the first one counts, on it and after it the second one
    assert found == [0, round(100 * 3 / 7), 200, 200 + 300, 900]
    assert filled([0, 100, 200, 900], dates, ("20151208",), [0, 0, 1, 0]) == [100]


def test_long_gaps_stay_open():
    dates = ("20180101", "20180111", "20180301")
    targets = ("20180106", "20180201", "20180301", "20180320")
    found = filled([0, 10, 59], dates, targets, max_gap=15)
    assert found == [5, NODATA, 59, NODATA]
    assert filled([0, 10, 59], dates, ("20180315",), max_gap=15) == [59]


def test_the_nearest_date_wins_and_the_earlier_one_on_a_tie():
    targets = ("20180104", "20180106", "20180107", "20180120")
    assert filled([1, 9], ("20180101", "20180111"), targets, method="nearest") == [1, 1, 9, 9]


def test_a_yearly_curve_is_recovered():
    days = np.arange(day("20180101"), day("20191231"), 17)
    turns = 2 * np.pi * days / 365.25
    curve = 3000 + 1500 * np.cos(turns) - 400 * np.sin(2 * turns)
    dates = regular(days[0], days[-1], 17)
    clouds = np.random.default_rng(1).random(len(days)) < 0.5
    clouds[0] = clouds[-1] = False
    targets = regular(days[0], days[-1], 10)
    found = filled(np.rint(curve), dates, targets, clouds, method="harmonic")
    at = 2 * np.pi * np.array([day(t) for t in targets]) / 365.25
    truth = 3000 + 1500 * np.cos(at) - 400 * np.sin(2 * at)
    assert np.abs(np.array(found) - truth).max() <= 2  # the values are rounded
    few = filled(
        [0, 10, 20], ("20180101", "20180111", "20180121"), ("20180106",), method="harmonic"
    )
    assert few == [5]


@pytest.mark.parametrize("kind", ["int16", "uint16", "uint8", "float32", "int32", "float64"])
def test_every_type_gives_what_the_rule_says_pixel_by_pixel(kind):
    rng = np.random.default_rng(7)
    dates = regular(day("20180103"), day("20180703"), 13)
    values = rng.integers(1, 250, (len(dates), 23, 31)).astype(kind)
    clouds = (rng.random(values.shape) < 0.6).astype(np.uint8)
    clouds[:, 0, 0] = 1
    targets = regular(day("20171220"), day("20180720"), 10)
    view = GapFilled(series(values, dates, nodata=None), masks(clouds, dates), Filling(targets))
    found = view.read(Window(0, 0, 31, 23))
    days, goals = [day(d) for d in dates], [day(t) for t in targets]
    for row, col in np.ndindex(23, 31):
        clear = clouds[:, row, col] == 0
        truth = np.array(list(reference(values[:, row, col], clear, days, goals)))
        assert found.valid[row, col] == clear.any()
        if clear.any() and values.dtype.kind == "f":
            assert np.abs(found.values[:, row, col] - truth).max() <= 1e-5  # of about 100
        elif clear.any():
            assert found.values[:, row, col].tolist() == np.rint(truth).tolist()


def test_windows_and_pickling_change_nothing(monkeypatch):
    from orthoweave.core.landcover import parts

    rng = np.random.default_rng(3)
    dates = regular(day("20180101"), day("20180401"), 10)
    values = rng.integers(-5, 9000, (2 * len(dates), 90, 130)).astype(np.int16)
    values[rng.random(values.shape) < 0.1] = NODATA
    view = GapFilled(series(values, dates, ("b1", "b2")), None, Filling(("20180203", "20180309")))
    whole = view.read(view.grid.window)
    monkeypatch.setattr(parts, "HELD", 1 << 16)
    for window in (view.grid.window, Window(33, 11, 70, 60), Window(5, 5, 1, 1)):
        found = pickle.loads(pickle.dumps(view)).read(window)
        np.testing.assert_array_equal(found.values, whole.values[(slice(None), *window.slices)])
        np.testing.assert_array_equal(found.valid, whole.valid[window.slices])
    picked = view.read(Window(3, 4, 9, 8), (4, 1))
    np.testing.assert_array_equal(picked.values, whole.values[[3, 0], 4:12, 3:12])


def test_gaps_say_how_far_apart_the_dates_are():
    dates = ("20180110", "20180120", "20180301")
    view = Gaps(
        series(column([1, 2, 3]), dates),
        masks(column([0, 1, 0]), dates),
        Filling(("20180101", "20180110", "20180125", "20180305")),
    )
    assert view.read(Window(0, 0, 1, 1)).values[:, 0, 0].tolist() == [9, 0, 50, 4]
    never = Gaps(series(column([1, 2, 3]), dates), masks(column([1] * 3), dates), view.filling)
    assert set(never.read(Window(0, 0, 1, 1)).values.ravel().tolist()) == {65535}
    assert view.band_names[0] == "s2_gap_20180101"


def test_several_sensors_and_bands_without_date_stay_together():
    names = [
        *("s2_b1_20180101", "s2_b1_20180111", "l8_b4_20180101", "l8_b4_20180111"),
        "userfeatures_alt",
    ]
    view = GapFilled(
        image(np.array([0, 10, 20, 40, 7], np.int16).reshape(-1, 1, 1), names, NODATA),
        None,
        Filling(("20180106",)),
    )
    assert view.band_names == ("s2_b1_20180106", "l8_b4_20180106", "userfeatures_alt")
    assert view.read(Window(0, 0, 1, 1)).values.ravel().tolist() == [5, 30, 7]


def test_what_does_not_belong_together_is_refused():
    dates = ("20180101", "20180111")
    with pytest.raises(IncompatibleImages, match="no mask for 20180111 of s"):
        GapFilled(series(column([1, 2]), dates), masks(column([0]), dates[:1]), Filling(dates))
    with pytest.raises(IncompatibleImages, match="different grids"):
        GapFilled(series(column([1, 2]), dates), masks(np.zeros((2, 3, 3)), dates), Filling(dates))
    with pytest.raises(IncompatibleImages, match="no mask series: band 1 is called 's2_b1"):
        mask_dates(series(column([1]), dates[:1]))
    with pytest.raises(IncompatibleImages, match="is no series: band 1 is called 'red'"):
        GapFilled(image(column([1]), ["red"]), None, Filling(dates)).read(Window(0, 0, 1, 1))
    with pytest.raises(IncompatibleImages, match="span 70000 days"):
        refuse_long([0, 70000])


def test_a_value_that_would_look_like_nodata_moves_beside_it():
    values = column([-11000, -9000])
    view = GapFilled(series(values, ("20180101", "20180103")), None, Filling(("20180102",)))
    assert view.read(Window(0, 0, 1, 1)).values.item() == -9999


def test_real_vegetation_index_with_real_clouds(shared):
    from osgeo import gdal

    folder = shared / "s2_timeseries"
    listed = (folder / "dates.txt").read_text().split()
    dates = [d if d not in listed[:n] else f"{d}.1" for n, d in enumerate(listed)]
    assert "20151208.1" in dates
    values = gdal.Open(str(folder / "NDVI_68dates.tif")).ReadAsArray()[:, 20:40, 30:60]
    clouds = gdal.Open(str(folder / "CLOUD_68dates.tif")).ReadAsArray()[:, 20:40, 30:60]
    days = [day(d) for d in dates]
    targets = regular(min(days), max(days), 10)
    view = GapFilled(series(values, dates), masks(clouds, dates), Filling(targets))
    found, exact = (view.read(Window(0, 0, 30, 20), rounded=r).values for r in (True, False))
    goals = [day(t) for t in targets]
    for row, col in np.ndindex(20, 30):
        clear = clouds[:, row, col] == 0
        truth = np.array(list(reference(values[:, row, col], clear, days, goals)))
        assert found[:, row, col].tolist() == np.rint(truth).tolist()
        # in units of the index
        assert np.abs(exact[:, row, col] - truth).max() / 10000 <= 1e-5


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_whole_numbers_are_those_of_double_precision(monkeypatch, method):
    # 6 × 9300 × 300 days stays just below 2^24; every day of the gap, halves among the fractions
    random = np.random.default_rng(4)
    dates, targets = ("20180101", "20181028"), regular(day("20180101"), day("20181028"), 1)
    assert 6 * 9300 * (day(dates[1]) - day(dates[0])) < interpolation.EXACT
    values = random.integers(-9300, 9301, (2, 50, 60)).astype(np.int16)
    values[:, 0] = np.arange(-30, 30), np.arange(30, -30, -1)
    view = GapFilled(series(values, dates), None, Filling(targets, method=method))
    kinds = []
    between = interpolation.Filler._between
    monkeypatch.setattr(
        interpolation.Filler, "_between", lambda *a: kinds.append(a[-1].dtype) or between(*a)
    )
    quick = view.read(view.grid.window).values
    monkeypatch.setattr(interpolation, "EXACT", 0)
    np.testing.assert_array_equal(quick, view.read(view.grid.window).values)
    assert {str(kind) for kind in kinds} == {"float32", "float64"}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 1.0])
def test_carried_values_are_those_of_the_nearest_clear_dates(share):
    random = np.random.default_rng(5)
    values = random.integers(-99, 99, (7, 2, 40)).astype(np.int16)
    clear = random.random((7, 40)) < share
    found = carried(values, selectors(clear, 2)[:, None])
    for pixel in np.flatnonzero(clear.any(0)):
        known = np.flatnonzero(clear[:, pixel])
        for row in range(8):
            before, after = known[known < row], known[known >= row]
            last, following = (before if len(before) else known[:1])[-1], (*after, known[-1])[0]
            assert (found.before[row, :, pixel] == values[last, :, pixel]).all()
            assert (found.after[row, :, pixel] == values[following, :, pixel]).all()
