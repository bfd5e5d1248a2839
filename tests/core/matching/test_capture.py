# SPDX-License-Identifier: GPL-2.0-or-later
"""Tracking forward and back on 8-bit copies."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from orthoweave.core.errors import MissingPackage
from orthoweave.core.matching import capture


@pytest.fixture
def pair(texture, moved):
    """(dx, dy, seed=) -> two 8-bit images of the same ground, 200 x 200 px."""

    def made(dx, dy, seed=0):
        ground = 40 * texture(200, 200, seed=seed, sigma=2.0)
        ends = ground, moved(ground, dx, dy)
        return tuple(np.clip(v + 128, 0, 255).astype(np.uint8) for v in ends)

    return made


def points(side=200):
    x, y = np.meshgrid(np.arange(50.0, side - 50, 10), np.arange(50.0, side - 50, 10))
    return x.ravel(), y.ravel()


@pytest.mark.parametrize("shift", [(0.4, -0.7), (3.0, 2.0), (-9.3, 6.6)])
def test_points_are_found_again(pair, shift):
    pytest.importorskip("cv2")
    x, y = points()
    dx, dy, kept = capture.track(*pair(*shift), x, y)
    assert kept.mean() > 0.95
    # 8-bit copies and whole windows: a tenth of a pixel
    assert np.median(np.abs(dx[kept] - shift[0])) < 0.1
    assert np.median(np.abs(dy[kept] - shift[1])) < 0.1


def test_what_does_not_come_back_is_not_kept(pair):
    pytest.importorskip("cv2")
    one, _ = pair(0, 0)
    other, _ = pair(0, 0, seed=9)
    _, _, kept = capture.track(one, other, *points())
    assert kept.mean() < 0.2


def test_flat_images_keep_nothing_and_no_points_are_none():
    pytest.importorskip("cv2")
    flat = np.full((200, 200), 128, np.uint8)
    assert not capture.track(flat, flat, *points())[2].any()
    assert all(len(v) == 0 for v in capture.track(flat, flat, np.empty(0), np.empty(0)))


def test_without_opencv_a_sentence_says_what_is_missing(pair, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingPackage, match="Tracking key points needs OpenCV"):
        capture.track(*pair(0, 0), *points())
