# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.landcover.context import InContext, Surroundings, looked_at
from orthoweave.core.windows import Window, tiling

LABELS = (3, 7, 20)


@pytest.fixture
def made():
    """Superpixels of some shape with gaps, and a map that does not cover everything."""
    random = np.random.default_rng(5)
    row, col = np.mgrid[:23, :31]
    numbers = (row + random.integers(0, 2, row.shape)) // 6 * 6 + (col + row // 5) // 6 + 1
    numbers[random.random(row.shape) < 0.05] = 0
    classes = np.array((0, *LABELS))[random.integers(0, 4, row.shape)]
    return numbers.astype(np.int32), classes.astype(np.uint8)


def slowly(numbers, classes):
    """Return the shares of each superpixel, one after the other."""
    found = np.zeros((numbers.max() + 1, len(LABELS)), int)
    for number in range(1, numbers.max() + 1):
        mine = numbers == number
        wide = mine.copy()
        wide[1:] |= mine[:-1]
        wide[:-1] |= mine[1:]
        wide[:, 1:] |= mine[:, :-1]
        wide[:, :-1] |= mine[:, 1:]
        around = np.isin(numbers, np.setdiff1d(numbers[wide], [0]))
        counts = np.array([(classes[around] == label).sum() for label in LABELS])
        found[number] = np.rint(1000 * counts / max(1, counts.sum()))
    return found


def counted(numbers, classes, side):
    whole = Window(0, 0, numbers.shape[1], numbers.shape[0])
    found = Surroundings(LABELS)
    for window in reversed(list(tiling(whole, side, side))):
        wide = Window(window.col, window.row, window.width + 1, window.height + 1).clipped(whole)
        found.merge(looked_at(numbers[wide.slices], classes[window.slices], LABELS))
    return found.shares()


@pytest.mark.parametrize("side", [1, 7, 64])
def test_shares_are_those_of_a_superpixel_and_of_all_it_touches_whatever_the_windows(made, side):
    shares = counted(*made, side)
    assert tuple(shares[0]) == LABELS
    assert (shares[1:] == slowly(*made)[1:]).all()


def test_nothing_mapped_gives_no_shares(made):
    numbers, classes = made
    assert not counted(numbers, classes * 0, 9)[1:].any()


@pytest.mark.parametrize(
    ("kind", "nodata", "seen"),
    [("int16", 0, "int16"), ("uint8", 255, "int16"), ("float32", None, "float32")],
)
def test_features_come_first_and_shares_have_no_nodata(made, kind, nodata, seen):
    numbers, classes = made
    shares = counted(*made, 64)
    grid = Grid(31, 23, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "")
    valid = np.random.default_rng(0).random(numbers.shape) < 0.9
    features = ArrayImage(
        "features", grid, np.full((2, 23, 31), 9, kind), valid, nodata, ("one", "two")
    )
    segments = ArrayImage("segments", grid, numbers[None], numbers > 0, 0.0, ("",))
    view = InContext(features, segments, shares)
    assert view.band_names == ("one", "two", "context_3", "context_7", "context_20")
    assert view.bands == 5 and view.dtype == np.dtype(seen)
    assert view.nodata_values == (nodata, nodata, None, None, None)
    window = Window(3, 4, 20, 11)
    found = view.read(window)
    assert found.values.dtype == np.dtype(seen)
    assert (found.values[:2] == 9).all()
    assert (found.values[2:, found.valid] == shares[numbers[window.slices]][found.valid].T).all()
    assert (found.valid == (valid & (numbers > 0))[window.slices]).all()
    assert (view.read(window, (4, 1)).values == found.values[[3, 0]]).all()
