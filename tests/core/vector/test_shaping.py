# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.vector import shaping
from orthoweave.core.vector.rings import area_of
from orthoweave.core.vector.shaping import buffered
from osgeo import ogr


def comb(teeth):
    """Return a polygon like those along pixels, with a hole of the same kind."""
    steps = np.repeat(np.arange(teeth + 1.0), 2)
    lower = np.column_stack([steps[1:-1], np.tile([0, 0, 1, 1], teeth)[: 2 * teeth]])
    upper = np.column_stack([[teeth, 0, 0], [30, 30, lower[0, 1]]])
    outer = np.concatenate([lower, upper])
    hole = np.array([[10, 10], [10, 20], [teeth - 10, 20], [teeth - 10, 10], [10, 10]], float)
    return (outer, hole)


@pytest.mark.parametrize("distance", [0.4, 3.0, 7.0, -0.3, -4.0, -20.0])
def test_long_outlines_are_buffered_as_short_ones(monkeypatch, distance):
    polygon = comb(120)
    pieces = []
    for longest in (10, 10_000):
        monkeypatch.setattr(shaping, "_LONG", longest)
        pieces.append(buffered([polygon], distance))
    # corners are arcs of 8 edges for each quarter, placed anew in each piece
    assert area_of(pieces[0]) == pytest.approx(area_of(pieces[1]), rel=1e-3)
    assert len(pieces[0]) == len(pieces[1])
    for rings in pieces[0]:
        text = ", ".join(f"{x} {y}" for x, y in rings[0])
        assert ogr.CreateGeometryFromWkt(f"POLYGON(({text}))").IsValid()
