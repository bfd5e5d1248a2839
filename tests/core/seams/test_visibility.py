# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.seams.visibility import visibility

SIDE = (600, 700)
GRID = Grid(SIDE[1], SIDE[0], (0.0, 1.0, 0.0, float(SIDE[0]), 0.0, -1.0))


def image(values, valid=None):
    values = np.atleast_3d(values) if np.ndim(values) == 2 else values
    values = values.transpose(2, 0, 1) if values.shape[:2] == SIDE else values
    valid = np.ones(SIDE, bool) if valid is None else valid
    return ArrayImage("m", GRID, np.ascontiguousarray(values), valid)


def ground(seed=1):
    """Smooth ground with some noise, mean 100."""
    rng = np.random.default_rng(seed)
    rows, cols = np.indices(SIDE)
    waves = sum(
        np.sin(rows / rng.uniform(5, 60) + cols / rng.uniform(5, 60) + k) for k in range(12)
    )
    return (100 + 4 * waves + rng.normal(0, 1, SIDE)).astype(np.float32)


def labeled(labels):
    labels = np.asarray(labels, np.int32)
    return ArrayImage("labels", GRID, labels[None], labels > 0, 0.0)


def halves():
    labels = np.ones(SIDE, int)
    labels[:, 350:] = 2
    return labels


def slanted():
    rows, cols = np.indices(SIDE)
    return np.where(rows + 2 * cols > 1000, 2, 1)


@pytest.mark.parametrize("cells", [halves, slanted])
def test_a_seam_that_is_not_there_cannot_be_told_from_its_surroundings(cells):
    noise = np.random.default_rng(3).normal(size=SIDE).astype(np.float32)
    # some hundred steps that are alike over a few pixels: 4 % at one sigma
    assert visibility(image(noise), labeled(cells())) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("cells", [halves, slanted])
def test_a_step_shows_and_the_higher_the_more(cells):
    labels, seen = cells(), []
    for step in (0, 5, 20):
        seen.append(visibility(image(ground() + step * (labels == 2)), labeled(labels)))
    assert seen[0] < seen[1] < seen[2] and seen[2] > 4


def slow(values, spread):
    """The definition for an upright seam at column 350, away from the rim."""

    def steps(col):
        left = values[:, col - 5 : col].astype(float).mean(1)
        return np.abs(values[:, col : col + 5].astype(float).mean(1) - left)[20:-20]

    beside = [steps(350 + shift).mean() for shift in (-40, -30, -20, 20, 30, 40)]
    return (steps(350).mean() / spread) / (np.mean(beside) / spread)


def test_it_is_the_mean_step_at_the_seam_over_that_beside_it():
    values = ground() + 8 * (halves() == 2).astype(np.float32)
    # rows near the rim of the image count beside the seam but not at it
    assert visibility(image(values), labeled(halves())) == pytest.approx(slow(values, 1), rel=0.03)


def test_bands_weigh_as_they_vary():
    plain = ground()
    seam = 8 * (halves() == 2)
    both = np.stack([plain + seam, ground(2)])
    scaled = np.stack([plain + seam, 1000 * ground(2)])
    seen = [visibility(image(one), labeled(halves())) for one in (both, scaled)]
    assert seen[0] == pytest.approx(seen[1], rel=1e-4)


def test_without_seams_in_flat_ground_or_near_invalid_pixels_nothing_is_measured():
    assert visibility(image(ground()), labeled(np.ones(SIDE, int))) is None
    assert visibility(image(np.full(SIDE, 7.0)), labeled(halves())) is None
    hidden = np.ones(SIDE, bool)
    hidden[:, 345:355] = False
    assert visibility(image(ground(), hidden), labeled(halves())) is None


def test_invalid_pixels_and_nan_far_away_do_not_matter():
    values = ground()
    valid = np.ones(SIDE, bool)
    valid[:, :40] = False
    values[~valid] = np.nan
    found = visibility(image(values, valid), labeled(halves()))
    assert found == pytest.approx(visibility(image(ground()), labeled(halves())), rel=0.05)


def test_tiny_cells_have_no_calm_ground_beside_their_seams():
    checks = (np.indices(SIDE) // 12).sum(0) % 2 + 1
    assert visibility(image(ground()), labeled(checks)) is None
