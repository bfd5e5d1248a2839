# SPDX-License-Identifier: GPL-2.0-or-later
"""Textures and the same textures moved by a known part of a pixel."""

from __future__ import annotations

import numpy as np
import pytest


def waves(shape):
    """Frequencies along y and x in radians per pixel, for rfft2."""
    rows, cols = shape
    return 2 * np.pi * np.fft.fftfreq(rows)[:, None], 2 * np.pi * np.fft.rfftfreq(cols)[None, :]


@pytest.fixture
def texture():
    """(rows, cols, seed=, sigma=) -> float64 noise under a Gaussian, standard deviation 1."""

    def made(rows, cols, seed=0, sigma=1.5):
        noise = np.random.default_rng(seed).normal(0, 1, (rows, cols))
        wy, wx = waves(noise.shape)
        spectrum = np.fft.rfft2(noise) * np.exp(-(wx**2 + wy**2) * sigma**2 / 2)
        smooth = np.fft.irfft2(spectrum, noise.shape)
        return smooth / smooth.std()

    return made


@pytest.fixture
def moved():
    """(values, dx, dy) -> the values displaced to the right and down by Fourier phases, cyclic."""

    def shifted(values, dx, dy):
        wy, wx = waves(values.shape)
        spectrum = np.fft.rfft2(values) * np.exp(-1j * (wx * dx + wy * dy))
        return np.fft.irfft2(spectrum, values.shape)

    return shifted


@pytest.fixture
def pair(texture):
    """(model, shape, noise=, seed=, sigma=, change=) -> reference and moving values, float32.

    Ground of margin 40 px, sampled by a spline of order 5 where the model says; `change` is applied
    to the moving values before noise.
    """
    from scipy import ndimage

    def made(model, shape, noise=0.01, seed=0, sigma=1.5, change=None):
        ground = texture(shape[0] + 80, shape[1] + 80, seed=seed, sigma=sigma)
        row, col = np.mgrid[: shape[0], : shape[1]].astype(float)
        x, y = model.inverse().at(col, row)
        moving = ndimage.map_coordinates(ground, [y + 40, x + 40], order=5)
        moving = moving if change is None else change(moving)
        rng = np.random.default_rng(seed + 1)
        ends = ground[40:-40, 40:-40], moving * 1.08 * 900 / 1000
        return tuple(
            (1000 * (end + noise * rng.standard_normal(shape))).astype(np.float32) for end in ends
        )

    return made
