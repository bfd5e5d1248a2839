# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.seams.boundary import (
    Boundary,
    Frame,
    along,
    box_of,
    clipped,
    edges_of,
    enclosed,
    seeds,
)

SQUARE = edges_of(np.array([[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]], float))


pytest.importorskip("scipy.spatial")


def stairs(count):
    """A boundary of pixel edges that climbs one pixel at a time."""
    steps = np.repeat(np.arange(count + 1.0), 2)
    return edges_of(np.column_stack([steps[1:], steps[:-1]]))


def brute(points, edges):
    start, way = edges[:, :2], edges[:, 2:] - edges[:, :2]
    part = ((points[:, None] - start) * way).sum(2) / (way**2).sum(1)
    foot = start + way * np.clip(part, 0, 1)[..., None]
    return np.hypot(*(points[:, None] - foot).transpose(2, 0, 1)).min(1)


@pytest.mark.parametrize("edges", [SQUARE, stairs(3000)], ids=["few edges", "many edges"])
def test_distances_are_those_to_the_nearest_edge(edges):
    points = np.random.default_rng(4).uniform(-20, 400, (300, 2))
    boundary = Boundary(edges, 5.0)
    np.testing.assert_allclose(boundary.distances(points), brute(points, edges), atol=1e-9)
    away = np.hypot(*(boundary.nearest(points) - points).T)
    np.testing.assert_allclose(away, boundary.distances(points), atol=1e-9)


def test_nothing_is_infinitely_far():
    boundary = Boundary(np.empty((0, 4)), 1.0)
    points = np.zeros((2, 2))
    assert np.isinf(boundary.distances(points)).all()
    np.testing.assert_array_equal(boundary.nearest(points), points)


def test_points_lie_in_the_middles_of_equal_pieces():
    points, owner = along(np.array([[0, 0, 10, 0], [0, 5, 0, 5.1]], float), 2.5)
    assert points[:, 0].tolist() == [1.25, 3.75, 6.25, 8.75, 0]
    assert owner.tolist() == [0, 0, 0, 0, 1]


def test_steps_of_pixels_get_one_seed_for_each_spacing():
    edges = stairs(1000)
    found = seeds(edges, 5.0, Boundary(edges, 1.0))
    assert 100 < len(found) < 600
    # no stretch of the boundary is without seed for long
    assert Boundary(np.hstack([found, found]), 1.0).distances(edges[:, :2]).max() < 2 * 5.0


def test_seeds_are_rare_where_the_other_boundary_is_far_but_no_edge_is_without():
    other = Boundary(np.array([[0, 0, 1000, 1000]], float), 1.0)
    found = seeds(np.array([[0, 0, 1000, 0]], float), 1.0, other)
    assert 30 < len(found) < 100
    away = found[:, 0] / np.sqrt(2)
    # a quarter of the way to the other boundary, or a step
    assert (np.diff(found[:, 0]) <= np.maximum(1, away[1:] / 4)).all()
    pieces = np.array([[500, 0, 502, 0], [600, 0, 600.5, 0]], float)
    assert len(seeds(pieces, 1.0, other)) == 2
    assert len(seeds(pieces, 1.0, Boundary(np.empty((0, 4)), 1.0))) == 2


@pytest.mark.parametrize(
    ("edge", "expected"),
    [
        ((-5, 5, 15, 5), (0, 5, 10, 5)),
        ((5, -5, 5, 15), (5, 0, 5, 10)),
        ((2, 3, 4, 5), (2, 3, 4, 5)),
        ((-5, -5, 15, 15), (0, 0, 10, 10)),
        ((-5, 11, 15, 11), None),
        ((11, -5, 11, 15), None),
        ((-4, 5, 5, 14), (0, 9, 1, 10)),
        ((-4, 8, 5, 17), None),
    ],
)
def test_edges_are_clipped_to_a_box(edge, expected):
    found = clipped(np.array([edge], float), np.array([0, 0, 10, 10.0]))
    if expected is None:
        assert len(found) == 0
    else:
        np.testing.assert_allclose(found, [expected])


def test_enclosed_counts_crossings_and_knows_holes():
    hole = edges_of(np.array([[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]], float))
    points = np.array([[1, 1], [5, 5], [11, 5], [-1, 5], [5, 3.9]])
    found = enclosed(points, np.vstack([SQUARE, hole]))
    assert found.tolist() == [True, False, False, False, True]


def test_degrees_are_measured_in_a_local_plane():
    frame = Frame.around(np.array([14, 59, 16, 61.0]), geographic=True)
    assert frame.scale == pytest.approx(math.cos(math.radians(60)))
    points = np.array([[15.0, 60], [16, 61]])
    np.testing.assert_allclose(frame.local(points), [[0, 0], [0.5, 1]])
    np.testing.assert_allclose(frame.ground(frame.local(points)), points)
    np.testing.assert_allclose(frame.local(points.reshape(1, 4)), [[0, 0, 0.5, 1]])


def test_the_box_of_edges():
    assert box_of(SQUARE).tolist() == [0, 0, 10, 10]
