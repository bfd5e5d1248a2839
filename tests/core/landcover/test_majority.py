# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.majority import Majority, most_frequent
from orthoweave.core.raster import open_image
from orthoweave.core.windows import tiling


def test_the_most_frequent_label_wins_and_a_class_wins_ties():
    cells = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    labels = np.array([5, 5, 3, 7, 4, 0, 0, 9, 9])
    assert most_frequent(cells, labels, 4).tolist() == [5, 4, 9, 0]


def brute(labels, factor):
    """Return the majority of the pixels whose centers lie in each coarse one."""
    height, width = (int(np.ceil(n / factor)) for n in labels.shape)
    found = np.zeros((height, width), int)
    centers = [np.floor((np.arange(n) + 0.5) / factor).astype(int) for n in labels.shape]
    for row, col in np.ndindex(height, width):
        part = labels[np.ix_(centers[0] == row, centers[1] == col)].ravel()
        if part.size:
            values, counts = np.unique(part, return_counts=True)
            best = values[counts == counts.max()]
            found[row, col] = min(best, key=lambda value: (value == 0, value))
    return found


@pytest.mark.parametrize("factor", [2.0, 3.0, 1.5, 2.6])
def test_coarser_pixels_hold_the_majority(write, factor):
    labels = np.random.default_rng(0).integers(0, 4, (31, 44)).astype(np.uint8)
    image = Majority(open_image(write("l.tif", labels, nodata=0)), (factor, factor))
    expected = brute(labels, factor)
    assert (image.grid.height, image.grid.width) == expected.shape
    np.testing.assert_array_equal(image.read(image.grid.window).values[0], expected)
    for window in tiling(image.grid.window, 5, 7):
        part = window.clipped(image.grid.window)
        np.testing.assert_array_equal(
            image.read(part).values[0], expected[part.within(image.grid.window)]
        )
    assert image.grid.transform[1] == 10 * factor
