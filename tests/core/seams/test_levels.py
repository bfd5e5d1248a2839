# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
from orthoweave.core.grid import Grid
from orthoweave.core.seams.levels import REACH, Labels, Level
from orthoweave.core.windows import Window

CANVAS = Grid(100, 60, (0.0, 1.0, 0.0, 60.0, 0.0, -1.0))


def halves(level, known):
    """Labels 1 left of column 6 of cells of 8 px, 2 right of it."""
    owners = np.where(np.arange(level.width)[None] < 6, 1, 2)
    flat = np.broadcast_to(owners, level.window.shape).ravel().astype(np.int32)
    return Labels(level, known, flat[known], lambda ids: flat[ids], np.ones(len(known), bool))


def test_cells_cover_the_canvas_and_know_their_neighbors():
    level = Level(CANVAS, 8)
    assert (level.width, level.height) == (13, 8)
    ids = np.array([0, 12, 103])
    assert level.beside(ids, (0, 1)).tolist() == [1, -1, -1]
    assert level.beside(ids, (1, 0)).tolist() == [13, 25, -1]
    assert level.beside(ids, (0, -1)).tolist() == [-1, 11, 102]
    assert level.beside(ids, (-1, 0)).tolist() == [-1, -1, 90]
    assert level.at(np.array([0.5, 99.9, -0.1]), np.array([59.5, 0.1, 5])).tolist() == [0, 103, -1]
    assert level.pixels(Window(1, 2, 3, 4)) == Window(8, 16, 24, 32)


def test_values_are_gathered_block_by_block():
    level = Level(Grid(5000, 3000, CANVAS.transform), 2)
    ids = np.sort(np.random.default_rng(1).choice(2500 * 1500, 3000, replace=False))
    windows = []

    def read(window):
        windows.append(window)
        rows, cols = np.mgrid[window.row : window.bottom, window.col : window.right]
        return np.stack([rows, cols])

    found = level.gathered(ids, read, 2)
    np.testing.assert_array_equal(found, np.stack(level.places(ids)))
    # blocks of 512 px, each read once
    assert len(windows) == 60 and max(max(w.shape) for w in windows) <= 256


def test_seams_are_met_once_also_at_the_rim_of_what_is_known():
    level = Level(CANVAS, 8)
    column = np.arange(level.height) * level.width
    for known in (np.arange(104), column + 5, column + 6):
        met = list(halves(level, np.sort(known)).seams())
        edges = {
            tuple(sorted(pair)) for _, a, b, _, _ in met for pair in zip(a.tolist(), b.tolist())
        }
        assert edges == {(n + 5, n + 6) for n in column.tolist()}
        assert sum(len(a) for _, a, _, _, _ in met) == level.height


def test_the_next_level_is_free_near_seams_only():
    finer = halves(Level(CANVAS, 8), np.arange(104)).finer()
    assert finer.level.side == 4
    rows, cols = finer.level.places(finer.ids[finer.free])
    assert (cols.min(), cols.max()) == (12 - REACH, 11 + REACH)
    assert set(rows) == set(range(15))
    # one more cell is known, so that costs of edges to fixed cells are too
    assert finer.level.places(finer.ids)[1].min() == 11 - REACH
    everywhere = finer.at(np.arange(finer.level.window.pixels)).reshape(finer.level.window.shape)
    np.testing.assert_array_equal(
        everywhere, np.where(np.arange(25) < 12, 1, 2)[None].repeat(15, 0)
    )
    assert finer.at(np.array([-1])).tolist() == [0]
    finer.give(finer.ids[:1], 7)
    assert finer.at(finer.ids[:2]).tolist() == [7, 1]
