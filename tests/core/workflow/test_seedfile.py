# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.superpixels import (
    COMPONENTS,
    cell_sums,
    gathered,
    seed_sums,
    seeds_of,
)
from orthoweave.core.windows import Window, tiling
from orthoweave.core.workflow.seedfile import SeedFile, cell_window

STEP = 4
AREA = Window(0, 0, 37, 30)


@pytest.fixture
def pixels():
    random = np.random.default_rng(6)
    components = random.integers(-900, 900, (COMPONENTS, *AREA.shape)).astype(np.int16)
    return components, random.random(AREA.shape) < 0.9


@pytest.mark.parametrize("side", [4, 12, 16, 40])
def test_seeds_in_a_file_move_as_those_in_memory(pixels, tmp_path, side):
    components, valid = pixels
    whole = seeds_of(cell_sums(components, valid, STEP), STEP)
    file = SeedFile.created(str(tmp_path / "seeds"), whole.shape, STEP)
    file.put(whole)
    for _ in range(3):
        labels = gathered(components, valid, AREA, whole)
        whole = whole.moved(seed_sums(labels, components, AREA, whole)[1:-1, 1:-1])
        moving = file.moving()
        for window in tiling(AREA, side, side):
            some, near = components[:, window.slices[0], window.slices[1]], file.around(window)
            found = gathered(some, valid[window.slices], window, near)
            np.testing.assert_array_equal(found, labels[window.slices])
            sums = seed_sums(found, some, window, near)
            moving.add(window, sums, last=window.right == AREA.right)
        file = moving.target
        again = file.part(file.area)
        np.testing.assert_array_equal(again.places, whole.places)
        np.testing.assert_array_equal(again.features, whole.features)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seeds", "seeds.moved"]


def test_seeds_around_a_window_are_those_of_its_cells_and_one_more_each_way(tmp_path):
    file = SeedFile.created(str(tmp_path / "seeds"), (8, 10), STEP)
    seeds = file.around(Window(8, 0, 8, 16))
    assert cell_window(Window(8, 0, 8, 16), STEP) == Window(2, 0, 2, 4)
    assert (seeds.corner, seeds.shape, seeds.columns) == ((0, 1), (5, 4), 10)
