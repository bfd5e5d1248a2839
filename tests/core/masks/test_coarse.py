# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Pixels, constant
from orthoweave.core.masks.coarse import CellMeans
from orthoweave.core.masks.usable import usable
from orthoweave.core.masks.validbox import ValidBox
from orthoweave.core.windows import Window, tiling


def image(dtype="uint16", seed=0, shape=(53, 71)):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 60000, (3, *shape)).astype(dtype)
    grid = Grid(shape[1], shape[0], (0, 1, 0, 0, 0, -1))
    return ArrayImage("a", grid, values, rng.random(shape) > 0.3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("factor", [1, 3, 10, 100])
@pytest.mark.parametrize("side", [16, 23, 512])
def test_cells_have_the_mean_of_their_valid_pixels(dtype, factor, side):
    seen = image(dtype)
    cells = CellMeans(seen, factor, (3, 1))
    for window in tiling(seen.grid.window, side, side):
        cells.merge(cells.feed(0, window, seen.read(window)))
    means, valid = cells.means()
    for row, col in np.ndindex(*valid.shape):
        part = np.s_[row * factor : (row + 1) * factor, col * factor : (col + 1) * factor]
        good = seen.valid[part]
        assert valid[row, col] == (good.mean() >= 0.5)
        if good.any():
            expected = [seen.values[band][part][good].astype(float).mean() for band in (2, 0)]
            np.testing.assert_allclose(means[:, row, col], expected, rtol=1e-6)


def test_a_nan_counts_in_its_own_band_only():
    values = np.ones((2, 3, 4), np.float32)
    values[0, 0, 0] = values[1, 1, 1] = np.nan
    valid = ~np.isnan(values).any(0)
    valid[2, 2] = False  # for another reason
    seen = replace(image(), values=values, valid=valid)
    found = Pixels(values, valid)
    assert np.argwhere(~usable(seen, found, (1,))).tolist() == [[0, 0], [2, 2]]
    assert np.argwhere(~usable(seen, found, (2,))).tolist() == [[1, 1], [2, 2]]
    assert usable(seen, found, (1, 2)) is valid
    alpha = np.full((3, 4), 255, np.uint8)
    alpha[1, 1] = 0
    assert not usable(seen, Pixels(values, valid, alpha), (1,))[1, 1]


def test_the_box_of_valid_pixels_does_not_depend_on_windows():
    valid = np.zeros((60, 80), bool)
    valid[13:44, 20], valid[30, 7:66] = True, True
    seen = replace(image(shape=(60, 80)), valid=valid)
    for side in (16, 25, 100):
        box = ValidBox()
        for window in tiling(seen.grid.window, side, side):
            box.merge(box.feed(0, window, seen.read(window)))
        assert box.found == Window(7, 13, 59, 31)
    box = ValidBox()
    box.merge(box.feed(0, Window(3, 4, 5, 6), Pixels(seen.values, constant(True, (6, 5)))))
    box.merge(box.feed(0, Window(0, 0, 5, 6), Pixels(seen.values, constant(False, (6, 5)))))
    assert box.found == Window(3, 4, 5, 6)
