# SPDX-License-Identifier: GPL-2.0-or-later
"""Defective pixels are told from what is bright, and are not valid."""

from __future__ import annotations

import numpy as np
import pytest


def found(values):
    from orthoweave.core.displacements.spots import spots

    means = values.reshape(16, 4, 16, 4).mean((1, 3)).ravel()
    rows, cols = spots(values, np.ones(values.shape, bool), means)
    return sorted(zip(rows.tolist(), cols.tolist()))


@pytest.fixture
def texture():
    return np.random.default_rng(0).normal(1000, 50, (64, 64)).astype(np.float32)


def test_single_pixels_and_pairs_far_beyond_all_others_are_defects(texture):
    texture[10, 20] = 65535
    texture[63, 0] = -20000
    texture[40, 40:42] = 65535
    assert found(texture) == [(10, 20), (40, 40), (40, 41), (63, 0)]


def test_larger_things_and_usual_texture_are_none(texture):
    assert found(texture) == []
    texture[30:33, 30:33] = 65535
    assert found(texture) == []


def test_flat_ground_tells_nothing():
    flat = np.full((64, 64), 7, np.float32)
    flat[5, 5] = 200
    assert found(flat) == []


def test_defects_are_not_valid_in_any_window(texture):
    from orthoweave.core.displacements.spots import Spotless, spotless
    from orthoweave.core.grid import Grid
    from orthoweave.core.image import ArrayImage, constant
    from orthoweave.core.windows import Window

    grid = Grid(64, 64, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "")
    image = ArrayImage("a", grid, texture[None], constant(True, (64, 64)))
    assert spotless(image, []) is image
    at = [(np.array([20, 3]), np.array([10, 50])), (np.array([60]), np.array([10]))]
    clean = spotless(image, at)
    assert isinstance(clean, Spotless)
    whole = clean.read(grid.window).valid
    assert np.argwhere(~whole).tolist() == [[10, 20], [10, 60], [50, 3]]
    window = Window(15, 5, 20, 20)
    assert np.array_equal(clean.read(window).valid, whole[window.slices])
    assert clean.read(Window(0, 0, 3, 3)).all_valid
