# SPDX-License-Identifier: GPL-2.0-or-later
"""Phase correlation of whole arrays and of small windows."""

from __future__ import annotations

import numpy as np
import pytest


def ones(values):
    return np.ones(values.shape, bool)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -2.0), (40.0, 61.0), (-70.0, 15.0)])
def test_a_whole_shift_is_the_first_peak(texture, moved, shift):
    from orthoweave.core.matching.phase import peaks

    reference = texture(200, 240)
    found = peaks(reference, moved(reference, *shift), (ones(reference), ones(reference)))[0]
    assert (round(found.dx), round(found.dy)) == shift
    assert found.height > 0


def test_half_pixels_are_told(texture, moved):
    from orthoweave.core.matching.phase import peaks

    reference = texture(128, 128)
    moving = moved(reference, 2.5, -1.5)
    found = peaks(reference, moving, (ones(reference), ones(reference)))[0]
    # a quadratic through three values of a sharp peak is right to a fifth of a pixel
    assert found[:2] == pytest.approx((2.5, -1.5), abs=0.2)


def test_inverted_contrast_has_a_negative_peak(texture, moved):
    from orthoweave.core.matching.phase import peaks

    reference = texture(128, 128)
    found = peaks(reference, -moved(reference, 5, 7), (ones(reference), ones(reference)))[0]
    assert (round(found.dx), round(found.dy)) == (5, 7)
    assert found.height < 0


def test_invalid_pixels_do_not_matter(texture, moved):
    from orthoweave.core.matching.phase import peaks

    reference = texture(160, 160)
    moving = moved(reference, 9, -4)
    valid = ones(reference)
    valid[:40] = False
    broken = np.where(valid, moving, 1e6)
    found = peaks(reference, np.where(valid, broken, 0), (ones(reference), valid))[0]
    assert (round(found.dx), round(found.dy)) == (9, -4)


def test_flat_arrays_have_no_peak():
    from orthoweave.core.matching.phase import peaks

    flat = np.zeros((64, 64))
    assert peaks(flat, flat, (ones(flat), ones(flat))) == []


def test_points_are_captured_and_ground_that_is_not_there_is_not(texture, moved):
    from orthoweave.core.matching.phase import capture

    reference = texture(300, 300).astype(np.float32)
    moving = moved(reference, 4.3, -6.8).astype(np.float32)
    moving[:, 200:] = texture(300, 100, seed=9)
    x, y = (v.ravel() for v in np.meshgrid(np.arange(40, 260, 20), np.arange(60, 240, 20)))
    dx, dy, kept = capture(reference, moving, x, y)
    inside = x < 150
    assert kept[inside].mean() > 0.95
    assert not kept[x > 245].any()
    # the Hann window and the quadratic leave a few hundredths
    assert np.abs(dx[kept & inside] - 4.3).max() < 0.15
    assert np.abs(dy[kept & inside] + 6.8).max() < 0.15
