# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

geometry = pytest.importorskip("shapely.geometry")

from orthoweave.core.seams.shapes import chains_of, multi_line  # noqa: E402


def test_chains_are_the_positions_of_lines_and_rings():
    line = geometry.LineString([(0, 0), (1, 2), (3, 4)])
    holed = geometry.box(0, 0, 9, 9).difference(geometry.box(3, 3, 6, 6))
    found = chains_of([line, holed, line])
    assert [len(chains) for chains in found] == [1, 2, 1]
    rings = [line, holed.exterior, holed.interiors[0], line]
    for chain, ring in zip((chain for chains in found for chain in chains), rings):
        np.testing.assert_array_equal(chain, np.asarray(ring.coords))
    assert chains_of([]) == []


def test_pieces_become_one_shape():
    pieces = np.arange(12.0).reshape(3, 2, 2)
    found = multi_line(pieces)
    assert [np.asarray(part.coords).tolist() for part in found.geoms] == pieces.tolist()
