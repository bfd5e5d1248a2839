# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled
from orthoweave.core.grid import Grid
from orthoweave.core.image import Pixels, constant
from orthoweave.core.vector import NO_LABEL, LabelTrace
from orthoweave.core.vector.rings import area_of
from orthoweave.core.vector.shaping import buffered, dissolved
from orthoweave.core.windows import tiling

GRID = Grid(90, 70, (5.0, 2.0, 0.0, 9.0, 0.0, -2.0))


def labels():
    values = np.random.default_rng(0).integers(-2, 3, (7, 9)).repeat(10, 0).repeat(10, 1)
    return np.where(values == 0, NO_LABEL, values).astype(np.int32)


def traced(side, **how):
    values = labels()
    with LabelTrace(GRID, lambda pixels: pixels.values[0]) as trace:
        for window in tiling(GRID.window, side, side):
            rows, cols = window.slices
            part = Pixels(values[None, rows, cols], constant(True, window.shape))
            trace.merge(trace.feed(0, window, part))
        trace.trace(**how)
        return list(trace.polygons()), trace.areas()


@pytest.mark.parametrize("side", [16, 64, 512])
def test_every_labeled_pixel_lies_in_a_polygon_of_its_label(side):
    found, areas = traced(side)
    values = labels()
    for label in (-2, -1, 1, 2):
        pixels = sum(area_of(outline) for value, outline in found if value == label)
        assert pixels == (values == label).sum()
    assert areas.sum() == (values != NO_LABEL).sum()
    assert areas.tolist() == [area_of(outline) for _, outline in found]
    corners = np.concatenate([ring for _, outline in found for p in outline for ring in p])
    assert corners.min() == 0 and corners.max(0).tolist() == [90, 70]


def test_corners_connect_when_asked():
    assert len(traced(512, eight_connected=True)[0]) < len(traced(512)[0])


def test_a_stop_is_heard_and_nothing_stays(listen, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(Cancelled):
        traced(512, progress=listen(cancel_after=0))
    assert not os.listdir(tmp_path)


def square(left, low, side):
    x = [left, left + side, left + side, left, left]
    return ((np.column_stack([x, [low, low, low + side, low + side, low]]).astype(float),),)


def test_polygons_grow_and_join():
    grown = buffered(square(0, 0, 10), 2.0)
    assert area_of(grown) == pytest.approx(100 + 80 + np.pi * 4, rel=0.01)
    assert buffered(square(0, 0, 10), -6.0) == ()
    found = list(dissolved([square(0, 0, 10), square(5, 5, 10), square(50, 50, 3)]))
    assert sorted(area_of(one) for one in found) == [9, 175]
