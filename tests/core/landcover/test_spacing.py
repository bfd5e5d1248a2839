# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.samples import blocks
from orthoweave.core.landcover.spacing import (
    box_distances,
    leveling_range,
    near,
    nearest,
)


def test_blocks_are_anchored_at_the_origin():
    found = blocks(np.array([0.5, 9.5, 10.5, -0.5]), np.array([0.5, 0.5, 0.5, 0.5]), 10)
    assert found[0] == found[1]
    assert len(set(found.tolist())) == 3


def test_the_range_is_the_size_of_patches_of_one_label():
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 20000, (2, 2000))
    patches = random.integers(1, 5, (10, 10))
    labels = patches[(y // 2000).astype(int), (x // 2000).astype(int)]
    # patches of 2000: beyond that distance neighbors are independent
    assert 1000 <= leveling_range(x, y, labels, 1.0) <= 3000


def test_labels_without_order_and_single_labels_give_the_shortest():
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 20000, (2, 500))
    assert leveling_range(x, y, np.ones(500), 200.0) == 200.0
    assert leveling_range(x, y, random.integers(0, 4, 500), 200.0) <= 2000


BOXES = np.array([[0, 0, 1, 1], [4, 0, 5, 1], [0, 9, 1, 10]], float)


def test_distances_of_boxes_are_those_of_their_nearest_edges():
    assert box_distances(BOXES[0], BOXES).tolist() == [0, 3, 8]
    assert box_distances(BOXES[1], BOXES[2:]).tolist() == [pytest.approx(np.hypot(3, 8))]


def test_only_polygons_whose_boxes_are_near_are_measured():
    learned, asked = np.array([True, False, False]), np.array([False, True, True])
    measured = []

    def distance(a, b):
        measured.append((a, b))
        return 3.5

    assert near(BOXES, learned, asked, 4.0, distance).tolist() == [False, True, False]
    assert measured == [(1, 0)]
    assert nearest(BOXES, learned, asked).tolist() == [3, 8]
