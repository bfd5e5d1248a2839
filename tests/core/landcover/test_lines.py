# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.faces import between, face_areas, neighbors, rings_between
from orthoweave.core.landcover.lines import chained, edges_of
from orthoweave.core.landcover.regions import Regions
from orthoweave.core.landcover.sieving import regions_of
from orthoweave.core.vector.rings import area_of
from orthoweave.core.vector.shaping import is_valid


def lines_of(labels, rows=1000):
    """Return the lines between the regions of a map, and the label of each region."""
    framed, regions = np.pad(labels, 1), Regions()
    strips = [framed[at : at + rows] for at in range(0, len(framed), rows)]
    for strip in strips:
        regions.feed(strip)
    known = regions.known()
    above, pieces = None, []
    for number, strip in enumerate(strips):
        faces = known.members[regions.numbered(number, strip)]
        pieces.append(edges_of(faces[0] if above is None else above, faces, number * rows))
        above = faces[-1]
    edges = np.concatenate(pieces)
    edges[:, :4] -= 1
    return chained(edges), known.graph


@pytest.fixture(params=range(12))
def labels(request):
    """Random maps: many one-pixel regions that touch at corners, holes, no class."""
    random = np.random.default_rng(request.param)
    return random.integers(0, 2 + request.param % 3, random.integers(1, 30, 2))


def test_regions_are_the_same_in_whatever_strips_they_come(labels):
    whole = np.pad(labels, 1)
    expected = regions_of(whole)
    for rows in (1, 3, 50):
        regions = Regions()
        strips = [whole[at : at + rows] for at in range(0, len(whole), rows)]
        for strip in strips:
            regions.feed(strip)
        known = regions.known()
        found = [known.members[regions.numbered(n, strip)] for n, strip in enumerate(strips)]
        np.testing.assert_array_equal(np.concatenate(found), expected)
        sizes = np.bincount(expected.ravel())
        np.testing.assert_array_equal(known.graph.sizes, sizes)


def test_of_neighbors_those_of_small_regions_are_known(labels):
    whole = np.pad(labels, 1)
    borders = []
    for limit in (np.inf, 4):
        regions = Regions(limit)
        for at in range(0, len(whole), 3):
            regions.feed(whole[at : at + 3])
        graph = regions.known().graph
        small = (graph.sizes[graph.pairs] < 4).any(0)
        found = {}
        for one, other, length in np.vstack([graph.pairs, graph.lengths])[:, small].T.tolist():
            pair = min(one, other), max(one, other)
            found[pair] = found.get(pair, 0) + length
        borders.append(found)
    assert borders[0] == borders[1]


def test_lines_are_the_same_in_whatever_strips_they_come(labels):
    whole, parted = lines_of(labels)[0], lines_of(labels, 2)[0]
    for name in ("points", "starts", "left", "right"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parted, name))


def test_lines_have_no_point_on_a_straight_way(labels):
    lines = lines_of(labels)[0]
    for start, end in zip(lines.starts[:-1], lines.starts[1:]):
        steps = np.diff(lines.points[start:end], axis=0)
        level = steps[:, 1] == 0
        assert (level[1:] != level[:-1]).all()


def test_rings_of_a_face_are_valid_and_hold_its_pixels(labels):
    lines, graph = lines_of(labels)
    areas = face_areas(lines, len(graph.labels))
    found = dict(rings_between(lines).of_faces(lines))
    inner = np.flatnonzero(graph.labels)
    np.testing.assert_array_equal(areas[1:], graph.sizes[1:])
    for face in inner.tolist():
        assert is_valid(found[face])
        # corners are whole numbers, so areas are exact
        assert area_of([found[face]]) == graph.sizes[face]


def test_borders_of_merged_faces_vanish(labels):
    lines, graph = lines_of(labels)
    owners = np.where(graph.labels > 0, np.flatnonzero(graph.labels)[:1].sum(), 0)
    _, left = between(lines, owners)
    assert (np.minimum(left.left, left.right) == 0).all() or not len(left)


def test_lengths_of_borders_count_both_sides():
    lines, graph = lines_of(np.array([[1, 1, 2], [1, 1, 2]]))
    found = neighbors(lines, graph.labels, graph.sizes, (10.0, 20.0))
    pairs = {tuple(pair): length for pair, length in zip(found.pairs.T.tolist(), found.lengths)}
    assert pairs[1, 2] == 40.0 and (2, 1) not in pairs
