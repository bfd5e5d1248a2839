# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.landcover.objects import joined_moments, moments_of
from orthoweave.core.landcover.superpixels import (
    COMPONENTS,
    cell_sums,
    gathered,
    reduced,
    reduction,
    seed_sums,
    seeds_of,
    spread_of,
    weight_of,
)
from orthoweave.core.windows import Window

STEP = 5


@pytest.fixture
def pixels():
    random = np.random.default_rng(2)
    components = random.integers(-900, 900, (COMPONENTS, 23, 31)).astype(np.int16)
    return components, random.random((23, 31)) < 0.9


def started(components, valid):
    sums = cell_sums(components, valid, STEP)
    return replace(seeds_of(sums, STEP), weight=weight_of(*spread_of(sums), STEP, 1.0))


def slowly(components, valid, seeds):
    """Return the nearest of the nine seeds round each pixel, one pixel after the other."""
    found = np.zeros(valid.shape, int)
    rows, cols = seeds.shape
    for row, col in np.argwhere(valid).tolist():
        best = np.inf
        for r in range(row // STEP - 1, row // STEP + 2):
            for c in range(col // STEP - 1, col // STEP + 2):
                if not (0 <= r < rows and 0 <= c < cols):
                    continue
                off = components[:, row, col] - seeds.features[r, c]
                x, y = seeds.places[r, c]
                distance = (off**2).sum() + seeds.weight * ((col - x) ** 2 + (row - y) ** 2)
                # a hair nearer is as near: the product counts in single precision
                if distance < best * (1 - 1e-6):
                    best, found[row, col] = distance, r * cols + c + 1
    return found


def test_pixels_go_to_the_nearest_of_nine_seeds(pixels):
    components, valid = pixels
    seeds = started(components, valid)
    window = Window(0, 0, 31, 23)
    found = gathered(components, valid, window, seeds)
    np.testing.assert_array_equal(found, slowly(components.astype(float), valid, seeds))
    part = Window(10, 5, 21, 15)
    rows, cols = part.slices
    again = gathered(components[:, rows, cols], valid[rows, cols], part, seeds)
    np.testing.assert_array_equal(again, found[rows, cols])


def test_seeds_move_to_the_middle_of_their_pixels(pixels):
    components, valid = pixels
    seeds = started(components, valid)
    window = Window(0, 0, 31, 23)
    labels = gathered(components, valid, window, seeds)
    moved = seeds.moved(seed_sums(labels, components, window, seeds)[1:-1, 1:-1])
    row, col = np.nonzero(labels == 9)
    assert tuple(moved.places[1, 1]) == (col.mean(), row.mean())
    np.testing.assert_allclose(moved.features[1, 1], components[:, row, col].mean(1), rtol=1e-12)


def test_components_are_whole_numbers_that_keep_distances():
    random = np.random.default_rng(0)
    values = random.normal(size=(2000, 3)).astype(np.float32) * (1, 50, 0.01) + (5, 0, 3)
    values = values.astype(np.float32)
    found = reduced(values.T.reshape(3, 40, 50), reduction(values)).reshape(3, -1).astype(float)
    scaled = (values - values.mean(0)) / values.std(0)
    for one, other in random.integers(0, 2000, (50, 2)):
        expected = np.hypot.reduce(scaled[one] - scaled[other])
        # steps of 1/256, three of them
        assert np.hypot.reduce(found[:, one] - found[:, other]) / 256 == pytest.approx(
            expected, abs=0.02
        )


def test_two_features_are_components_too():
    values = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    found = reduced(values.T.reshape(2, 10, 10), reduction(values))
    assert found.shape == (3, 10, 10) and not found[2].any()


def test_statistics_of_parts_together_are_those_of_the_whole():
    random = np.random.default_rng(4)
    objects = random.integers(0, 6, (30, 40))
    values = random.normal(1e6, 1.0, (3, 30, 40))
    known = random.random((30, 40)) < 0.8
    known[objects == 5] = False
    wanted = ("mean", "std", "min", "max")
    parts = [
        moments_of(objects[rows], values[:, rows], known[rows], wanted)
        for rows in (slice(0, 7), slice(7, 8), slice(8, 30))
    ]
    found = joined_moments(parts)
    assert found.objects.tolist() == [1, 2, 3, 4, 5]
    for place, number in enumerate(found.objects.tolist()):
        mine = values[:, (objects == number) & known]
        assert found.pixels[place] == np.count_nonzero(objects == number)
        assert found.known[place] == mine.shape[1]
        for name in wanted:
            got = found.statistic(name)[place]
            if not mine.size:
                assert np.isnan(got).all()
                continue
            # seven of the sixteen digits are those of the million
            np.testing.assert_allclose(got, getattr(mine, name)(1), rtol=1e-9)
