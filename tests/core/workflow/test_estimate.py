# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.workflow.estimate import (
    Amount,
    Estimate,
    compression,
    estimated,
    refuse_small_disk,
)

TILE = Amount(pixels=10**6, bands=10, dates=3, features=39, classes=4, maps=1, runs=1)


def test_space_grows_with_features_probabilities_and_runs():
    plain = estimated([TILE], 0.5, 2, 256)
    assert plain.expected == plain.most // 2
    more = Amount(10**6, 10, 3, 39, 4, 1, 1, probability=True, written=True)
    # four classes of two bytes for the map, the tile and the mosaic; features of two bytes
    assert estimated([more], 1.0, 2, 256).most - plain.most == 10**6 * (3 * 8 + 2 * 39)


def test_memory_is_that_of_the_windows_and_never_more_than_allowed():
    held = 4 * 3 * 10 + 4 * 39 + 6 * 4 + 16
    small = estimated([TILE], 0.5, 1, 4096)
    assert small.memory == pytest.approx(130 + 512 * 512 * held / 2**20)
    assert estimated([TILE], 0.5, 64, 256).memory == 130 + 256


@pytest.mark.parametrize(("values", "low", "high"), [("flat", 0.0, 0.01), ("noise", 0.8, 1.0)])
def test_what_can_be_compressed_takes_less(values, low, high):
    random = np.random.default_rng(0)
    array = np.zeros((1, 100, 100), np.uint8) if values == "flat" else None
    array = random.integers(0, 255, (1, 100, 100), np.uint8) if array is None else array
    grid = Grid(100, 100, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "")
    image = ArrayImage("a", grid, array, np.ones((100, 100), bool))
    assert low <= compression(image) <= high


def test_a_disk_that_is_too_small_is_refused_unless_the_files_are_there(tmp_path):
    huge = Estimate(10**18, 10**18, 130.0)
    with pytest.raises(ImageIOError, match=r"needs about 1.1e\+06 TB on disk; "):
        refuse_small_disk(str(tmp_path / "not" / "there"), huge)
    refuse_small_disk(str(tmp_path), huge, there=10**18)
