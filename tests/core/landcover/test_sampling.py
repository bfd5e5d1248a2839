# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.sampling import (
    Candidates,
    Sampling,
    depths_in,
    inner,
    required,
    taken_rows,
)

TOTALS = {1: 1000, 2: 37, 3: 500}


def candidates(counts, regions=None):
    """Return pixels of classes in polygons of 10."""
    labels = np.concatenate([np.full(count, label) for label, count in counts.items()])
    rows = np.arange(len(labels))
    zeros = np.zeros_like(rows)
    return Candidates(labels, rows // 10, zeros if regions is None else regions, zeros)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Sampling("all"), TOTALS),
        (Sampling("smallest"), {1: 37, 2: 37, 3: 37}),
        (Sampling("constant", 100), {1: 100, 2: 37, 3: 100}),
        (Sampling("percent", 10), {1: 100, 2: 4, 3: 50}),
        (Sampling("percent", 7.1), {1: 71, 2: 3, 3: 36}),
        (Sampling("total", 300), {1: 195, 2: 7, 3: 98}),
        (Sampling("byclass", counts={(-1, 1): 20, (0, 3): 600}), {1: 20, 2: 0, 3: 500}),
    ],
)
def test_every_strategy_takes_what_it_says(how, expected):
    assert required(TOTALS, 0, how) == expected
    some = candidates(TOTALS)
    rows, rates = taken_rows(some, np.arange(len(some.labels)), how)
    assert {rate.label: rate.taken for rate in rates} == expected
    assert len(np.unique(rows)) == len(rows) == sum(expected.values())


def test_draws_repeat_with_the_seed_and_do_not_depend_on_other_classes():
    some = candidates(TOTALS)
    every = np.arange(len(some.labels))
    first, _ = taken_rows(some, every, Sampling("constant", 30))
    again, _ = taken_rows(some, every, Sampling("constant", 30))
    np.testing.assert_array_equal(first, again)
    alone, _ = taken_rows(some, every[some.labels == 1], Sampling("constant", 30))
    np.testing.assert_array_equal(alone, first[some.labels[first] == 1])
    other, _ = taken_rows(some, every, Sampling("constant", 30, seed=1))
    assert not np.array_equal(first, other)


def test_regions_are_drawn_from_on_their_own():
    some = candidates({1: 100}, np.repeat([0, 1], 50))
    rows, rates = taken_rows(some, np.arange(100), Sampling("constant", 20))
    assert [rate.taken for rate in rates] == [20, 20]
    assert (rows < 50).sum() == 20


def test_periodic_samples_are_evenly_spaced_and_never_taken_twice():
    some = candidates({1: 1000})
    rows, _ = taken_rows(some, np.arange(1000), Sampling("constant", 100, sampler="periodic"))
    assert set(np.diff(rows).tolist()) == {10}
    moved, _ = taken_rows(
        some, np.arange(1000), Sampling("constant", 100, sampler="periodic", jitter=50)
    )
    assert len(np.unique(moved)) == 100
    assert not np.array_equal(rows, moved)


def test_no_polygon_gives_more_than_its_limit():
    some = candidates({1: 95, 2: 10})
    rows, _ = taken_rows(some, np.arange(105), Sampling(per_polygon=4))
    counts = np.unique(some.polygons[rows], return_counts=True)[1]
    assert counts.max() == 4
    # nine polygons of ten and one of five pixels, and two halves of the second class
    assert len(rows) == 4 * 11


def test_depths_count_pixels_to_the_edge():
    polygons = np.zeros((9, 9), int)
    polygons[2:7, 2:7] = 1
    depths = depths_in(polygons, 5)
    assert depths[4, 4] == 2
    assert depths[3, 3] == 1
    assert depths[2, 2] == 0
    # another polygon beside it is an edge too
    polygons[2:7, 7] = 2
    assert depths_in(polygons, 5)[4, 6] == 0


def test_polygons_that_vanish_keep_their_innermost_pixels():
    some = Candidates(
        np.ones(8, int),
        np.array([1] * 5 + [2] * 3),
        np.zeros(8, int),
        np.array([0, 1, 2, 3, 1, 0, 1, 0]),
    )
    rows, vanished = inner(some, 2)
    assert rows.tolist() == [2, 3, 6]
    assert vanished == 1
    assert inner(some, 0)[0].tolist() == list(range(8))
