# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of seams before images are mixed does not depend on the windows of the run."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Pixels
from orthoweave.core.mosaicking.hardcut import HardCut
from orthoweave.core.seams.visibility import visibility
from orthoweave.core.windows import Window, tiling

SIDE, WIDTH = 400, 700
GRID = Grid(WIDTH, SIDE, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "EPSG:32631")


def ground():
    rng = np.random.default_rng(7)
    values = rng.integers(80, 120, (2, SIDE, WIDTH)).astype(np.uint8)
    values[:, :, 300:] += 20
    return Pixels(values, np.ones((SIDE, WIDTH), bool))


def cells():
    labels = np.ones((1, SIDE, WIDTH), np.int32)
    labels[:, :, 300:] = 2
    return ArrayImage("cells", GRID, labels, np.ones((SIDE, WIDTH), bool))


def seen(width, height, shuffled=False):
    """Show a mosaic window by window, mixed where the seam is near, as a run does."""
    before, cut = ground(), HardCut(cells())
    windows = list(tiling(GRID.window, width, height))
    if shuffled:
        random.Random(1).shuffle(windows)
    for window in windows:
        part = before.cropped(*window.slices)
        values = part.values.copy()
        if window.col < 340 and window.right > 260:
            for half in tiling(window, max(1, width // 2), height):
                cut.look(half, before.cropped(*half.slices))
            values[:] = 0  # mixing changes what is written
        partial = cut.feed(0, window, Pixels(values, part.valid))
        # windows may have been worked on in another process
        cut.merge(pickle.loads(pickle.dumps(partial)))
    assert not cut.passed
    assert not cut.open
    return cut.visibility


def test_windows_and_their_order_change_nothing():
    whole = seen(WIDTH, SIDE)
    assert whole > 2
    for width, height in ((512, 512), (1024, 512), (64, 64), (17, 33), (WIDTH, 1)):
        assert seen(width, height) == whole
    assert seen(64, 64, shuffled=True) == pytest.approx(whole, rel=1e-12)


def test_it_is_the_visibility_of_the_mosaic_without_mixing():
    before = ground()
    image = ArrayImage("mosaic", GRID, before.values, before.valid)
    # the tile's border hides nothing here: the seam crosses one row of tiles
    assert seen(512, 512) == pytest.approx(visibility(image, cells()), rel=0.02)


def test_a_tile_without_a_seam_keeps_no_pixels():
    cut, before = HardCut(cells()), ground()
    window = Window(512, 0, 100, 100)
    assert cut.feed(0, window, before.cropped(*window.slices)) == []
