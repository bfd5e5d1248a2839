# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.crossings import meeting
from orthoweave.core.landcover.faces import face_areas
from orthoweave.core.landcover.generalizing import FRACTION, Generalizing, generalized, simplified
from orthoweave.core.landcover.lines import Lines
from orthoweave.core.landcover.untangling import Untangling

from .test_lines import lines_of

ndimage = pytest.importorskip("scipy.ndimage")


def lines(*paths):
    points = np.concatenate([np.array(path, float) for path in paths])
    starts = np.concatenate([[0], np.cumsum([len(path) for path in paths])])
    return Lines(points, starts, np.zeros(len(paths), int), np.ones(len(paths), int))


def split(points, tolerance):
    """Return the points that Douglas and Peucker keep, found by recursion."""
    a, b = points[0], points[-1]
    way = b - a
    share = np.clip(((points - a) @ way) / max((way**2).sum(), 1e-300), 0, 1)
    off = np.hypot(*(points - a - share[:, None] * way).T)
    far = int(off.argmax())
    if len(points) < 3 or off[far] <= tolerance:
        return [a, b]
    return split(points[: far + 1], tolerance)[:-1] + split(points[far:], tolerance)


@pytest.mark.parametrize("tolerance", [0.5, 2.0, 20.0])
def test_points_are_left_out_as_by_recursion(tolerance):
    random = np.random.default_rng(3)
    paths = [np.cumsum(random.normal(size=(n, 2)), 0) for n in (2, 3, 40, 200)]
    found = simplified(lines(*paths), tolerance)
    for number, path in enumerate(paths):
        mine = found.points[found.starts[number] : found.starts[number + 1]]
        np.testing.assert_array_equal(mine, split(path, tolerance))


def test_a_ring_keeps_four_points_whatever_the_tolerance():
    around = np.linspace(0, 2 * np.pi, 41)
    ring = np.round(np.stack([np.cos(around), np.sin(around)], 1), 9)
    ring[-1] = ring[0]
    assert simplified(lines(ring), 100.0).counts.tolist() == [5]


def test_stairs_become_straight_when_corners_are_cut():
    stairs = np.repeat(np.arange(12), 2)[1:]
    path = np.stack([stairs[:-1], stairs[1:]], 1)
    found = generalized(lines(path), Generalizing(0.0, 0.0, True))
    assert len(found.points) <= 4
    np.testing.assert_array_equal(found.points[[0, -1]], path[[0, -1]])


def test_a_curve_runs_through_its_points_and_ends():
    path = [(0, 0), (10, 0), (20, 10), (30, 10)]
    found = generalized(lines(path), Generalizing(0.0, 1.0, False)).points
    assert {tuple(point) for point in path} <= {tuple(point) for point in found.tolist()}
    steps = np.diff(found, axis=0)
    turns = np.abs(np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))))
    assert turns.max() < 0.35  # the corners turned by .79
    assert (np.rint(found * FRACTION) == found * FRACTION).all()


def test_long_straight_edges_stay_where_they_are():
    square = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]
    found = generalized(lines(square), Generalizing(1.0, 1.0, False)).points
    # a step at most: whole tangents would make a circle of it, 18 px outside of its edges
    assert found.min() > -1 and found.max() < 101
    assert np.abs(found - 50).max(1).min() > 49


@pytest.mark.parametrize(
    ("first", "second", "bad"),
    [
        ([(0, 0), (4, 4)], [(0, 4), (4, 0)], True),  # cross
        ([(0, 0), (4, 0)], [(2, 0), (2, 4)], True),  # touch
        ([(0, 0), (4, 0)], [(4, 0), (4, 4)], False),  # share an end
        ([(0, 0), (4, 0)], [(0, 0), (8, 0)], True),  # lie upon each other
        ([(0, 0), (4, 0)], [(4, 0), (8, 0)], False),  # go on straight
        ([(0, 0), (4, 0)], [(5, 0), (8, 0)], False),
        ([(0, 0), (300, 1)], [(290, 0), (290, 9)], True),  # far from their starts
        ([(0, 0), (4, 0), (4, 4), (2, -2)], [(9, 9), (8, 8)], True),  # with itself
    ],
)
def test_lines_that_get_into_each_other_are_found(first, second, bad):
    assert bool(len(meeting(lines(first, second)))) == bad


def test_only_squares_of_changed_lines_are_looked_at():
    crossing = [[(0, 0), (4, 4)], [(0, 4), (4, 0)], [(500, 500), (501, 501)]]
    changed = np.array([False, False, True])
    assert not len(meeting(lines(*crossing), changed))
    assert meeting(lines(*crossing), ~changed).tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(16))
def test_lines_stay_apart_and_faces_cover_what_they_covered(seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, random.integers(5, 60, 2))
    labels = ndimage.median_filter(labels, 3) if seed % 4 else labels
    raw, graph = lines_of(labels)
    fixed = (graph.labels[raw.left] == 0) | (graph.labels[raw.right] == 0)
    how = Generalizing((0.6, 2.0, 6.0)[seed % 3], (0.0, 0.5)[seed % 2], seed % 5 > 0)
    drawn = Untangling(raw, how, fixed, len(graph.labels)).drawn
    assert not len(meeting(drawn))
    areas = face_areas(drawn, len(graph.labels))
    assert (areas[graph.labels > 0] > 0).all()
    # sums of products of multiples of 1/256
    assert areas[graph.labels > 0].sum() == pytest.approx((labels > 0).sum(), abs=1e-6)
