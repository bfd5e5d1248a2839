# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocks drawn again: exact medians, honest errors, the same numbers each time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.matching.bootstrap import (
    ROUNDS,
    Blocks,
    blocks_of,
    mean_interval,
    median_interval,
)
from orthoweave.core.windows import Window

AREA = Window(0, 0, 800, 800)


def spread(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 799, n), rng.uniform(0, 799, n), rng.normal(0.3, 1, n)


def drawn(values, blocks):
    """Each round's sample, built by repeating the values of the drawn blocks."""
    for draw in blocks.draws:
        yield np.repeat(values, draw[blocks.owners])


@pytest.mark.parametrize("n", [2, 3, 7, 64, 1000])
def test_intervals_are_those_of_the_samples_written_out(n):
    x, y, values = spread(n)
    values = np.round(values, 1)  # ties
    blocks = blocks_of(x, y, AREA)
    for found, statistic in (
        (mean_interval(values, blocks), np.mean),
        (median_interval(values, blocks), np.median),
    ):
        expected = [statistic(sample) for sample in drawn(values, blocks)]
        assert len(expected) == ROUNDS
        assert found.error == pytest.approx(np.std(expected), abs=1e-12)
        ends = np.percentile(expected, (2.5, 97.5))
        assert (found.low, found.high) == pytest.approx(tuple(ends), abs=1e-12)


def test_the_error_of_independent_values_is_the_textbook_one():
    x, y, values = spread(5000)
    found = mean_interval(values, blocks_of(x, y, AREA))
    assert found.error == pytest.approx(1 / math.sqrt(5000), rel=0.25)  # 64 blocks know it to 9 %
    assert found.low < 0.3 < found.high


def test_values_that_err_by_block_are_less_sure():
    x, y, _ = spread(5000)
    common = np.random.default_rng(1).normal(0, 1, 64)
    values = common[(y // 100).astype(int) * 8 + (x // 100).astype(int)]
    found = mean_interval(values, blocks_of(x, y, AREA))
    assert found.error == pytest.approx(1 / 8, rel=0.3)  # as many as there are blocks


def test_the_draw_is_always_the_same():
    x, y, values = spread(300)
    runs = [median_interval(values, blocks_of(x, y, AREA)) for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("n", [0, 1])
def test_one_block_tells_nothing(n):
    x, y, values = spread(n)
    blocks = blocks_of(x, y, AREA)
    assert isinstance(blocks, Blocks)
    assert math.isnan(mean_interval(values, blocks).error)
    assert math.isnan(median_interval(values, blocks).low)
