# SPDX-License-Identifier: GPL-2.0-or-later
"""Sampling for measurement: exact positions, honest about what it rounds and delays."""

from __future__ import annotations

import numpy as np
import pytest


def everywhere(shape):
    return np.ones(shape, bool)


def wave(x, y):
    return np.sin(0.35 * x + 0.2) * np.cos(0.28 * y - 0.4)


@pytest.fixture
def sampling():
    from orthoweave.core.transform import sampling

    return sampling


def test_a_smooth_wave_is_read_between_its_pixels(sampling):
    row, col = np.mgrid[0:60, 0:70].astype(np.float32)
    values = wave(col, row).astype(np.float32)
    x, y = col[10:50, 10:60] + 0.375, row[10:50, 10:60] - 0.25
    found = sampling.lanczos(values, everywhere(values.shape), x, y)
    # eight taps look up to 0.014 px beside the position; the slope of the wave is 0.35 a pixel
    assert np.abs(found.values - wave(x, y)).max() < 0.35 * 0.014 * 2
    assert found.valid.all()


def test_positions_are_rounded_to_a_32nd_and_what_that_adds_is_told(sampling):
    x = np.array([[10.3, 10.0, 10.49]], np.float32)
    y = np.full_like(x, 12.0)
    values = np.tile(np.arange(30, dtype=np.float32), (30, 1))
    found = sampling.lanczos(values, everywhere(values.shape), x, y)
    assert np.allclose((x + found.off_x) * 32, np.rint(x * 32))
    assert np.abs(found.off_x).max() <= 1 / 64
    assert not found.off_y.any()


def test_gathering_gives_what_opencv_gives(sampling):
    pytest.importorskip("cv2")
    rng = np.random.default_rng(1)
    values = rng.random((50, 40)).astype(np.float32)
    x = np.rint(rng.uniform(-6, 46, (30, 30)) * 32).astype(np.float32) / 32
    y = np.rint(rng.uniform(-6, 56, (30, 30)) * 32).astype(np.float32) / 32
    assert np.allclose(
        sampling._remapped(values, x, y), sampling._gathered(values, x, y), atol=2e-6
    )


def test_invalid_pixels_take_no_part(sampling):
    values = np.full((40, 40), 7.0, np.float32)
    valid = everywhere(values.shape)
    valid[20, 20] = False
    values[20, 20] = -9999
    row, col = np.mgrid[8:32, 8:32].astype(np.float32)
    found = sampling.lanczos(values, valid, col + 0.4, row + 0.2)
    assert np.allclose(found.values[found.valid], 7, atol=1e-4)
    assert not found.valid[12, 12]
    assert found.valid.mean() > 0.95


def test_positions_outside_are_not_valid(sampling):
    values = np.ones((20, 20), np.float32)
    x = np.array([[-5.0, 0.0, 19.0, 30.0]], np.float32)
    found = sampling.lanczos(values, everywhere(values.shape), x, np.full_like(x, 10.0))
    assert found.valid.tolist() == [[False, True, True, False]]
    assert np.allclose(found.values, [[0, 1, 1, 0]], atol=1e-5)


def test_taps_that_just_reach_the_border_are_all_there(sampling):
    values = np.arange(400, dtype=np.float32).reshape(20, 20)
    valid = everywhere(values.shape)
    valid[0, 0] = False
    x = np.full((2, 2), 14.5, np.float32)
    found = sampling.lanczos(values, valid, x, x)
    assert found.valid.all()
    assert np.allclose(found.values, 14.5 * 21, atol=0.02)


def test_the_delay_of_a_wave_is_what_its_phase_shows(sampling):
    frequency = 0.4
    table = sampling.delays(np.array([frequency]), np.array([1.0]))
    col = np.arange(400, dtype=np.float32)
    values = np.tile(np.sin(frequency * col), (16, 1)).astype(np.float32)
    for step in (4, 12, 20):
        x = np.tile(col[100:300] + step / 32, (1, 1)).astype(np.float32)
        taken = sampling.sampled(values, everywhere(values.shape), x, np.full_like(x, 8))[0][0]
        seen = np.angle((taken * np.exp(-1j * frequency * x[0].astype(float))).sum())
        true = np.angle((np.sin(frequency * x[0]) * np.exp(-1j * frequency * x[0])).sum())
        # 200 px are no whole number of waves
        assert (seen - true) / frequency == pytest.approx(table[step], abs=5e-4)


def test_no_power_means_no_delay(sampling):
    assert not sampling.delays(np.linspace(0, 3, 5), np.zeros(5)).any()


def test_half_a_pixel_and_whole_pixels_are_never_late(sampling):
    table = sampling.delays(np.linspace(0, 3, 50), np.ones(50))
    assert np.allclose(table[[0, 16]], 0, atol=1e-6)
    assert np.allclose(table[1:], -table[1:][::-1], atol=1e-6)
