# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.registration import preparing
from orthoweave.core.registration.solve import Run
from orthoweave.core.registration.ties import Brightness, tied
from orthoweave.core.requests.shared.matching import PairMatching

HOW = PairMatching(metric="ncc", ransac_tolerance=3.0)


def ground(size, seed=0):
    """Noise under a Gaussian of 1.5 px."""
    ndimage = pytest.importorskip("scipy.ndimage")
    noise = np.random.default_rng(seed).normal(0, 1, (size, size))
    return ndimage.gaussian_filter(noise, 1.5) * 4000 + 1000


def seen(values, col, row, shift=(0.0, 0.0), name="a", px=10.0):
    """An image of a square of the ground at a place; it shows the ground shifted."""
    ndimage = pytest.importorskip("scipy.ndimage")
    rows, cols = np.mgrid[0:300, 0:300].astype(float)
    part = ndimage.map_coordinates(values, [rows + row - shift[1], cols + col - shift[0]], order=5)
    grid = Grid(300, 300, (5e5 + px * col, px, 0.0, 5e6 - px * row, 0.0, -px), "")
    return ArrayImage(name, grid, part[None].astype(np.float32), np.ones((300, 300), bool))


def points(images, pair=(0, 1), how=HOW):
    return tied(images, pair, how, Run(1))


def test_tie_points_show_the_displacement():
    values = ground(600)
    images = [seen(values, 50, 50), seen(values, 170, 90, (3.4, -2.2), "b")]
    found, why = points(images)
    assert not why and len(found) > 20
    moved = found.q + (120, 40) - found.p
    assert np.median(moved, 0) == pytest.approx([3.4, -2.2], abs=0.02)
    assert np.abs(moved - [3.4, -2.2]).max() < 0.3
    assert (found.sigma > 0).all() and (found.weight == 1).all()


def test_a_larger_shift_is_searched():
    values = ground(700, seed=3)
    images = [seen(values, 100, 100), seen(values, 160, 140, (27.0, -21.0), "b")]
    found, why = points(images)
    assert not why
    assert np.median(found.q + (60, 40) - found.p, 0) == pytest.approx([27, -21], abs=0.05)


def test_the_image_with_larger_pixels_comes_first():
    values = ground(700)
    fine = seen(values, 50, 50)
    coarse = ArrayImage(
        "b",
        Grid(150, 150, (5e5 + 500, 20.0, 0.0, 5e6 - 500, 0.0, -20.0), ""),
        fine.values.reshape(1, 150, 2, 150, 2).mean((2, 4)),
        np.ones((150, 150), bool),
    )
    found, why = points([fine, coarse])
    assert not why and (found.first, found.second) == (1, 0)
    assert np.median(found.q - (2 * found.p + 0.5), 0) == pytest.approx([0, 0], abs=0.05)


def test_images_that_show_different_ground_have_none():
    images = [seen(ground(600), 50, 50), seen(ground(600, seed=9), 90, 90, name="b")]
    found, why = points(images, how=replace(HOW, max_rotation=0.0))
    assert len(found) == 0 and "windows agree" in why
    assert "METRIC" not in why  # an option that a set does not have


def test_large_overlaps_are_matched_in_windows(monkeypatch):
    monkeypatch.setattr(preparing, "WHOLE", 20_000)
    monkeypatch.setattr(preparing, "OVERVIEW", 30_000)
    values = ground(600)
    images = [seen(values, 50, 50), seen(values, 70, 60, (3.4, -2.2), "b")]
    found, why = points(images, how=replace(HOW, window_size_match=48, max_points=49))
    assert not why
    assert np.median(found.q + (20, 10) - found.p, 0) == pytest.approx([3.4, -2.2], abs=0.05)


def test_the_mean_of_three_bands_is_matched():
    bands = np.stack([np.full((4, 4), value, np.uint16) for value in (10, 20, 60, 1000)])
    grid = Grid(4, 4, (0.0, 1.0, 0.0, 4.0, 0.0, -1.0), "")
    view = Brightness(ArrayImage("a", grid, bands, np.ones((4, 4), bool)))
    assert view.bands == 1 and view.nodata is None and view.dtype == np.float32
    assert (view.read(grid.window).values == 30).all()
