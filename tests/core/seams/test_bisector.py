# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy.spatial")

from orthoweave.core.seams.bisector import Facing, center_lines  # noqa: E402
from orthoweave.core.seams.boundary import Boundary, edges_of, seeds  # noqa: E402

NONE = np.empty((0, 2))


def ring(*corners):
    return edges_of(np.array([*corners, corners[0]], float))


def lines(a, b, rim, spacing=1.0):
    facing = Facing(Boundary(a, spacing), Boundary(b, spacing), rim, NONE, spacing)
    return center_lines(facing, seeds(a, spacing, facing.b), seeds(b, spacing, facing.a)), facing


def test_every_point_of_the_line_is_as_far_from_both_boundaries():
    a = edges_of(np.array([(0, 0), (300, 0), (300, 80), (500, 80)], float))
    b = edges_of(np.array([(0, 200), (120, 150), (260, 260), (500, 220)], float))
    found, facing = lines(a, b, ring((10, 1), (490, 1), (490, 219), (10, 219)))
    parts = np.linspace(0, 1, 9)[:, None, None]
    points = (found[:, 0] + (found[:, 1] - found[:, 0]) * parts).reshape(-1, 2)
    # a difference of 1e-3 at vertices, and twice .003 where a point between them is off the line
    assert np.abs(facing.difference(points)).max() < 7e-3
    lengths = np.hypot(*(found[:, 1] - found[:, 0]).T)
    assert lengths.sum() > 480


def test_a_region_narrower_than_the_pieces_of_the_line_is_crossed():
    a, b = np.array([[0, 0, 400, 0]], float), np.array([[0, 90, 400, 90]], float)
    found, _ = lines(a, b, ring((200.1, 10), (200.3, 10), (200.3, 80), (200.1, 80)))
    across = (found[:, :, 0].min(1) <= 200.1) & (found[:, :, 0].max(1) >= 200.3)
    assert across.any()
    np.testing.assert_allclose(found[:, :, 1], 45, atol=1e-3)


def test_without_a_second_boundary_there_is_no_line():
    a = np.array([[0, 0, 400, 0]], float)
    found, _ = lines(a, np.empty((0, 4)), ring((0, 0), (9, 0), (9, 9)))
    assert found.shape == (0, 2, 2)
