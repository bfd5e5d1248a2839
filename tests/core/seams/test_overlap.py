# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.seams.overlap import present


@pytest.mark.parametrize(
    "labels",
    [
        np.random.default_rng(1).integers(0, 9, (20, 30)),
        np.repeat([[0, 7, 7, 2]], 3, 0),
        np.full((4, 1), 5),
        np.zeros((4, 5), int),
        np.zeros((0, 5), int),
    ],
)
def test_labels_that_occur_are_found_whatever_their_order(labels):
    assert present(labels.astype(np.int32)) == [n - 1 for n in np.unique(labels).tolist() if n]


def test_a_part_of_an_array_is_looked_at_as_it_lies():
    labels = np.arange(40, dtype=np.int32).reshape(5, 8)
    assert present(labels[1:3, 2:4]) == [9, 10, 17, 18]
    assert present(np.broadcast_to(np.int32(3), (4, 5))) == [2]
