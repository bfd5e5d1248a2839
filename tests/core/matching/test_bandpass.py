# SPDX-License-Identifier: GPL-2.0-or-later
"""The signed band-pass: its sign and scale, validity, windows, features for other sensors."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from orthoweave.core.matching import bandpass


@pytest.fixture
def image(texture):
    """(rows, cols) -> float32 values about 100 with a contrast of 30."""
    return lambda rows, cols: (100 + 30 * texture(rows, cols)).astype(np.float32)


def everywhere(values):
    return np.ones(values.shape, bool)


def test_the_sign_is_kept_and_flat_parts_are_0():
    values = np.full((200, 200), 50.0, np.float32)
    values[100, 100] = 90
    values[60, 60] = 10
    b = bandpass.band_pass_difference(values, everywhere(values))
    assert b[100, 100] > 0 > b[60, 60]
    assert b[150, 30] == 0


def test_contrast_is_evened_out(image):
    values = image(400, 400)
    values[:, 200:] = 100 + (values[:, 200:] - 100) * 20
    valid = everywhere(values)
    noise = bandpass.noise_floor(bandpass.band_pass_difference(values, valid), valid)
    f = bandpass.signed_band_pass(values, valid, noise)
    # far from the step, a local standard deviation of 1 on both sides
    assert f[:, :90].std() == pytest.approx(1, abs=0.06)
    assert f[:, 310:].std() == pytest.approx(1, abs=0.06)


def test_gain_and_offset_do_not_matter(image):
    values = image(300, 300)
    other = values * np.float32(0.37) - 20
    found = []
    for one in (values, other):
        valid = everywhere(one)
        noise = bandpass.noise_floor(bandpass.band_pass_difference(one, valid), valid)
        found.append(bandpass.signed_band_pass(one, valid, noise))
    # float32 keeps seven digits of values that are ten times their contrast
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_noise_floor_is_the_robust_standard_deviation():
    b = np.random.default_rng(0).normal(3, 2, (300, 300)).astype(np.float32)
    valid = everywhere(b)
    valid[:5] = False
    b[:5] = 1e6
    # 90000 samples tell it to about 0.4 %
    assert bandpass.noise_floor(b, valid) == pytest.approx(2, rel=0.02)
    assert bandpass.noise_floor(b, ~everywhere(b)) == 0


def test_flat_areas_do_not_become_noise(image):
    values = image(300, 300)
    rng = np.random.default_rng(3)
    values[:, 150:] = 100 + rng.normal(0, 1e-3, (300, 150)).astype(np.float32)
    f = bandpass.signed_band_pass(values, everywhere(values), 20.0)
    assert np.abs(f[:, 260:]).max() < 0.02


def test_rounding_of_large_values_is_not_texture():
    values = np.full((200, 200), 1234567.0, np.float32)
    assert not bandpass.signed_band_pass(values, everywhere(values), 0.0).any()


def test_invalid_pixels_are_0_and_say_nothing(image):
    values = image(300, 300)
    valid = everywhere(values)
    valid[100:130, 50:220] = False
    clean = bandpass.signed_band_pass(np.where(valid, values, 0), valid, 5.0)
    wild = np.where(valid, values, np.nan)
    wild[110, 60] = 65535
    found = bandpass.signed_band_pass(wild, valid, 5.0)
    assert np.array_equal(found, clean)
    assert not found[~valid].any()
    # beside the hole, texture is as strong as elsewhere
    assert found[131:140, 60:210].std() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("hole", [False, True])
def test_a_window_with_its_margin_sees_what_the_whole_image_sees(image, hole):
    values = image(512, 512)
    valid = everywhere(values)
    if hole:
        valid[200:260, 230:300] = False
    whole = bandpass.signed_band_pass(values, valid, 5.0)
    assert bandpass.MARGIN <= 128
    part = bandpass.signed_band_pass(values[64:, 67:], valid[64:, 67:], 5.0, origin=(67, 64))
    inner = part[bandpass.MARGIN :, bandpass.MARGIN :]
    assert inner == pytest.approx(whole[64:, 67:][bandpass.MARGIN :, bandpass.MARGIN :], abs=2e-5)


def test_gradients_look_alike_when_contrast_is_inverted(image):
    values = image(300, 300)
    valid = everywhere(values)
    one = bandpass.gradient_values(values, valid, 5.0)
    other = bandpass.gradient_values(-values, valid, 5.0)
    inner = (slice(8, -8), slice(8, -8))
    assert one[inner] == pytest.approx(other[inner], abs=1e-5)
    assert (one >= 0).all()
    assert np.isfinite(bandpass.gradient_values(values, valid, 0.0)).all()


def test_eight_bit_rounds_and_limits(monkeypatch):
    f = np.array([[-9.0, -1, 0, 1 / 32, 0.047, 3.9, 4]], np.float32)
    expected = [[0, 96, 128, 129, 130, 253, 255]]
    assert bandpass.eight_bit(f).tolist() == expected
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert bandpass.eight_bit(f).tolist() == expected
