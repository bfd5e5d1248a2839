# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core import tally
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.tally import Tally
from orthoweave.core.windows import Window

GRID = Grid(100, 100, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))


def image(bands):
    values = np.broadcast_to(np.arange(10_000.0).reshape(100, 100), (bands, 100, 100))
    return ArrayImage("a", GRID, values, np.ones((100, 100), bool))


@pytest.mark.parametrize(
    ("bands", "stride"), [(1, 4), (4, 4), (8, 5), (100, 16)], ids=["1", "4", "8", "100"]
)
def test_many_bands_keep_no_more_samples_than_few(bands, stride, monkeypatch):
    monkeypatch.setattr(tally, "SAMPLES", 1000)
    one = image(bands)
    count = Tally.of(one)
    # the root of 10 000 pixels / (1 000 / (bands / 4)), rounded up
    assert count.stride == stride
    for window in (Window(0, 0, 100, 37), Window(0, 37, 100, 63)):
        count.merge(count.feed(0, window, one.read(window)))
    assert count.counts[0] == 10_000
    np.testing.assert_array_equal(
        count.sampled(bands)[-1], one.values[-1, ::stride, ::stride].ravel()
    )
