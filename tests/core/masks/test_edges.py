# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.masks import edges
from orthoweave.core.masks.edges import Eroded, Rim, Trimmed, detection, eroded, spread
from orthoweave.core.masks.regions import regions
from orthoweave.core.masks.spared import Finding, Sparing
from orthoweave.core.windows import Window, tiling

SHAPE = (47, 61)


def image(invalid, values=None, nodata=None):
    height, width = invalid.shape
    grid = Grid(width, height, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    values = np.ones((1, height, width), np.uint8) if values is None else values
    return ArrayImage("a", grid, values, ~invalid, nodata)


def grown(seeds, depth, outside=False):
    """Set every pixel with a seed at most depth rows and columns away, one by one."""
    padded = np.pad(seeds, depth, constant_values=outside)
    out = np.zeros(seeds.shape, bool)
    for row, col in np.ndindex(*seeds.shape):
        out[row, col] = padded[row : row + 2 * depth + 1, col : col + 2 * depth + 1].any()
    return out


def kept_seeds(invalid, scope, under):
    """Choose the regions of the whole mask."""
    found = regions(invalid)
    framed = np.arange(found.count) < found.open
    large = found.areas >= under
    chosen = {"all": large, "border": large & framed, "frame": large | framed}[scope]
    return found.chosen(chosen)


def view_of(source, rim, sparing=None, width=16, height=11):
    found, spared = detection(source, rim), None
    if sparing is not None:
        finding = Finding(source.grid.window, sparing, found.found)
        for window in tiling(source.grid.window, width, height):
            finding.merge(finding.feed(0, window, source.read(window)))
        spared = finding.spared()
    return Eroded(source, found, spared)


def valid_in_windows(view, side):
    out = np.zeros((view.grid.height, view.grid.width), bool)
    for window in tiling(view.grid.window, side, side):
        out[window.slices] = view.read(window).valid
    return out


@pytest.fixture
def holed():
    """A mask with wedges at the frame, holes and specks."""
    rng = np.random.default_rng(7)
    mask = rng.random(SHAPE) < 0.004
    mask |= np.add.outer(np.arange(SHAPE[0]), np.arange(SHAPE[1])) < 9
    mask[20:26, 30:41] = True
    mask[40:44, 56:] = True
    return mask


@pytest.mark.parametrize("depth", [1, 2, 5, 30])
@pytest.mark.parametrize("scope", ["all", "border", "frame"])
@pytest.mark.parametrize("under", [0, 4])
def test_the_rim_is_that_of_a_dilation_made_pixel_by_pixel(holed, depth, scope, under):
    source = image(holed)
    sparing = Sparing(under, scope == "border", scope == "frame")
    view = view_of(source, Rim(depth, outside=scope == "frame"), sparing)
    truth = ~(holed | grown(kept_seeds(holed, scope, under), depth, scope == "frame"))
    for side in (7, 16, 100):
        np.testing.assert_array_equal(valid_in_windows(view, side), truth)


@pytest.mark.parametrize("windows", [(5, 9), (16, 11), (200, 3), (200, 200)])
def test_spared_regions_do_not_depend_on_the_windows_they_are_found_in(windows):
    mask = np.random.default_rng(2).random(SHAPE) < 0.45
    source, sparing = image(mask), Sparing(5, True)
    view = view_of(source, Rim(1), sparing, *windows)
    truth = mask & ~kept_seeds(mask, "border", 5)
    np.testing.assert_array_equal(view.spared.within(source.grid.window), truth)


def test_windows_on_a_finer_tiling_in_columns_give_the_same_regions(holed):
    # the survey reads columns of windows, each of them in quarters
    source, sparing = image(holed), Sparing(6, False)
    finding = Finding(source.grid.window, sparing, detection(source, Rim()).found)
    for swath in tiling(source.grid.window, 32, 1000):
        for spot in tiling(swath, 16, 16):
            for window in tiling(spot, 8, 8):
                finding.merge(finding.feed(0, window, source.read(window)))
    truth = holed & ~kept_seeds(holed, "all", 6)
    np.testing.assert_array_equal(finding.spared().within(source.grid.window), truth)


def test_surroundings_that_are_large_are_read_in_strips(holed, monkeypatch):
    source = image(holed)
    for outside in (False, True):
        view = view_of(source, Rim(9, outside=outside), Sparing(4, False, outside))
        truth = valid_in_windows(view, 100)
        with monkeypatch.context() as patch:
            patch.setattr(edges, "PIECE", 300)
            np.testing.assert_array_equal(valid_in_windows(view, 13), truth)


def test_a_band_or_any_band_is_looked_at():
    values = np.full((2, 9, 9), 5, np.uint8)
    values[0, 4, 4] = values[1, 1, 1] = 0
    source = image(np.zeros((9, 9), bool), values, nodata=0)
    first, second, any_band = (
        ~eroded(source, Rim(1, band)).read(source.grid.window).valid for band in (1, 2, 0)
    )
    assert first.sum() == 9 and first[3:6, 3:6].all()
    assert second.sum() == 9 and second[:3, :3].all()
    np.testing.assert_array_equal(any_band, first | second)


def test_limits_and_nan_and_numbers_near_nodata_are_invalid():
    values = np.full((1, 1, 9), 50.0, np.float32)
    values[0, 0] = [50, -9999.001, 50, 3, 50, 90, 50, np.nan, -9998]
    source = image(np.zeros((1, 9), bool), values, nodata=-9999)

    def invalid(**how):
        rim = Rim(0, **how)
        return detection(source, rim).found(source.read(source.grid.window))[0].nonzero()[0]

    # a ten-millionth beside nodata is nodata, a thousandth is not
    assert invalid().tolist() == [1, 7]
    assert invalid(below=3, above=90).tolist() == [1, 3, 5, 7, 8]


def test_the_largest_float_as_nodata_is_compared_without_overflow():
    values = np.array([[[-3.4028235e38, 3.4028235e38, 0]]], np.float32)
    source = image(np.zeros((1, 3), bool), values, nodata=-3.4028234663852886e38)
    found = detection(source, Rim()).found(source.read(source.grid.window))
    assert found.tolist() == [[True, False, False]]


def test_nothing_to_cut_gives_the_image_itself(holed):
    source = image(holed)
    assert eroded(source, Rim(0)) is source
    assert eroded(source, Rim(0, outside=True)) is source


def test_a_missing_band_is_named_by_its_option(holed):
    with pytest.raises(InvalidOption, match=r"^EDGE_TRIM_BAND is 2 but a has 1 band\.$"):
        eroded(image(holed), Rim(band=2), name="EDGE_TRIM_BAND")


def test_bands_are_chosen_and_values_stay_and_the_view_is_pickled(holed):
    values = np.random.default_rng(0).integers(1, 200, (3, *SHAPE)).astype(np.uint8)
    source = image(holed, values)
    view = pickle.loads(pickle.dumps(view_of(source, Rim(2), Sparing(3))))
    window = Window(10, 5, 20, 30)
    found = view.read(window, (3, 1))
    np.testing.assert_array_equal(found.values, values[[2, 0]][:, 5:35, 10:30])
    assert view.details.validity == "nodata"


def test_counts_of_the_surroundings_are_not_those_of_a_window(holed):
    class Counting(ArrayImage):
        def read(self, window, bands=None, rounded=True):
            from dataclasses import replace

            return replace(super().read(window, bands, rounded), moved=window.pixels)

    plain = image(holed)
    source = Counting("a", plain.grid, plain.values, plain.valid)
    window = Window(0, 0, 10, 10)
    assert eroded(source, Rim(3)).read(window).moved == window.pixels


def test_newly_invalid_pixels_are_counted(holed):
    source = image(holed)
    view, counted = eroded(source, Rim(2)), Trimmed(source)
    for window in tiling(source.grid.window, 20, 20):
        counted.merge(counted.feed(0, window, view.read(window)))
    assert counted.found == (grown(holed, 2) & ~holed).sum()


@pytest.mark.parametrize("axis", [0, 1])
def test_spreading_shortens_the_axis(axis):
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    found = spread(mask, 2, axis)
    assert found.shape == ((5, 9) if axis == 0 else (9, 5))
    assert found.sum() == 5


def test_the_rim_of_a_resampled_view_does_not_depend_on_windows(holed):
    from orthoweave.core.transform.warped import Warped

    values = np.random.default_rng(0).integers(1, 200, (2, *SHAPE)).astype(np.uint8)
    source = image(holed, values, nodata=0)
    target = Grid(50, 40, (3.3, 1.1, 0.0, -2.2, 0.0, -1.1))
    warped = Warped(source, target, "cubic", valid_weight=0.5)
    view = eroded(warped, Rim(3, 0))
    whole = warped.read(target.window)
    truth = ~grown(~whole.valid, 3)
    for side in (9, 16, 100):
        np.testing.assert_array_equal(valid_in_windows(view, side), truth)
    found = view.read(target.window)
    np.testing.assert_array_equal(found.values, whole.values)
    assert (found.clipped, found.moved) == (whole.clipped, whole.moved)
