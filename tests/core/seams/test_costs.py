# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from orthoweave.core.grid import Grid
from orthoweave.core.seams.costs import Costs, Weights
from orthoweave.core.seams.hints import Ground
from orthoweave.core.seams.levels import Level
from orthoweave.core.windows import Window

CANVAS = Grid(40, 40, (0.0, 1.0, 0.0, 40.0, 0.0, -1.0))
WINDOWS = (Window(0, 0, 12, 12), Window(8, 0, 12, 12), Window(20, 0, 12, 12), Window(30, 30, 0, 0))


def costs():
    cells = SimpleNamespace(
        store=SimpleNamespace(canvas=CANVAS, side=1),
        views=WINDOWS,
        window=lambda level, image: WINDOWS[image],
    )
    return Costs(cells, Ground(), Weights())


def test_images_touch_when_their_windows_do_and_empty_ones_touch_nothing():
    assert [costs().neighbors(image) for image in range(4)] == [[1], [0, 2], [1], []]


def test_a_move_concerns_only_images_that_reach_the_cells_or_their_neighbors():
    found, level = costs(), Level(CANVAS, 1)
    for col, reached in ((10, [0]), (12, [0]), (13, []), (18, []), (19, [2])):
        assert found.reached(1, level.numbers(np.array([5]), np.array([col]))) == reached
    assert found.reached(1, np.zeros(0, np.int64)) == []
