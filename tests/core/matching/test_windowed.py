# SPDX-License-Identifier: GPL-2.0-or-later
"""Match windows: their lattice, displacements with honest sigma, tests of single windows."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching import smoothing, windowed
from orthoweave.core.matching.patches import Seeing, overlaid, patch_of
from orthoweave.core.matching.windowed import Matches, matched, windows_over
from orthoweave.core.transform import spline
from orthoweave.core.transform.models import Linear


def stored(x, y):
    return x, y


def overlay_of(reference, moving, valid=None):
    everywhere = np.ones(moving.shape, bool)
    known = np.ones(reference.shape, bool) if valid is None else valid
    patch = patch_of(reference, known, moving, everywhere, stored)
    return overlaid(patch, Linear("translation"), Seeing()).normalized()


@pytest.fixture
def shifted(pair):
    def made(dx, dy, **how):
        return pair(Linear("translation", shift=(dx, dy)), (220, 260), **how)

    return made


@pytest.mark.parametrize(
    ("shape", "size", "spacing", "limit"),
    [
        ((100, 130), 32, 0, 400),
        ((500, 400), 64, 0, 50),
        ((40, 300), 64, 0, 400),
        ((90, 90), 30, 30, 400),
    ],
)
def test_windows_cover_the_level_evenly(shape, size, spacing, limit):
    windows = windows_over(shape, size, spacing, limit)
    assert 0 < len(windows) <= limit
    assert windows.size == min(size, *shape)
    for first, length in ((windows.row, shape[0]), (windows.col, shape[1])):
        assert first.min() >= 0 and first.max() + windows.size <= length
        assert abs(first.min() - (length - first.max() - windows.size)) <= 1
    order = np.lexsort((windows.y, windows.x))
    np.testing.assert_array_equal(order, np.arange(len(windows)))


def test_every_fourth_window_both_ways_is_left_for_checking():
    windows = windows_over((400, 400), 40, 40)
    assert len(windows) == 100 and windows.check.sum() == 4
    assert set(windows.col[windows.check]) == {80, 240}


def test_the_shift_of_all_windows_is_found(shifted):
    overlay = overlay_of(*shifted(3.0, -2.0))
    found = matched(overlay, windows_over((220, 260), 48), 6)
    good = found.good()
    assert good.mean() > 0.9
    # edges of 1 % noise: some hundredths of a pixel a window
    assert np.abs(np.mean(found.dx[good]) - 3) < 0.01 and np.std(found.dx[good]) < 0.05
    assert np.abs(np.mean(found.dy[good]) + 2) < 0.01 and np.std(found.dy[good]) < 0.05
    assert np.median(found.score[good]) > 0.8 and np.median(found.reliability[good]) > 60


def test_sigma_is_the_scatter_of_windows(shifted):
    overlay = overlay_of(*shifted(0.0, 0.0, noise=0.05))
    found = matched(overlay, windows_over((220, 260), 32, 32), 3)
    good = found.good()
    for error, sigma in ((found.dx, found.sigma_x), (found.dy, found.sigma_y)):
        assert 0.5 < 1.4826 * np.median(np.abs(error[good] / sigma[good])) < 2


def test_windows_of_holes_are_left_out_and_those_beside_them_are_right(shifted):
    reference, moving = shifted(2.0, 1.0)
    valid = np.ones(reference.shape, bool)
    valid[60:140, 100:190] = False
    windows = windows_over(reference.shape, 48)
    answers = []
    for hidden in (0, -9999, np.nan):
        values = np.where(valid, reference, np.float32(hidden))
        answers.append(matched(overlay_of(values, moving, valid), windows, 4))
    for other in answers[1:]:
        np.testing.assert_array_equal(other.dx, answers[0].dx)
    found = answers[0]
    assert np.isnan(found.dx).any() and len(found) == len(windows)
    partial = found.good() & (found.valid_fraction < 0.9)
    assert partial.sum() > 4
    assert np.hypot(found.dx - 2, found.dy - 1)[partial].max() < 0.3


def test_unrelated_windows_do_not_pass(texture):
    ends = [(1000 * texture(220, 260, seed=seed)).astype(np.float32) for seed in (1, 2)]
    found = matched(overlay_of(*ends), windows_over((220, 260), 48), 6)
    assert found.good().mean() < 0.1
    assert found.good(level=1).sum() >= found.good().sum() and found.good(level=0).mean() > 0.9


def test_shifts_beyond_the_search_are_known_to_be_at_the_limit(shifted):
    found = matched(overlay_of(*shifted(9.0, 0.0)), windows_over((220, 260), 64), 3)
    assert (found.at_limit | (found.score < 0.3)).mean() > 0.7


def test_inverted_contrast_of_band_values_counts_when_asked(pair):
    reference, moving = pair(
        Linear("translation", shift=(1.0, -2.0)), (150, 150), change=np.negative
    )
    everywhere = np.ones(reference.shape, bool)
    patch = patch_of(reference, everywhere, moving, everywhere, stored)
    overlay = overlaid(patch, Linear("translation"), Seeing(edges=False)).normalized()
    windows = windows_over(reference.shape, 48)
    found = matched(overlay, windows, 4, either_sign=True)
    good = found.good()
    assert good.mean() > 0.9 and np.median(found.score) < -0.8
    assert np.abs(np.median(found.dx[good]) - 1) < 0.02
    assert matched(overlay, windows, 4).good().mean() < 0.2


def test_flat_images_have_no_match():
    flat = np.full((100, 100), 3, np.float32)
    found = matched(overlay_of(flat, flat), windows_over(flat.shape, 48), 3)
    assert np.isnan(found.dx).all() and not found.good(level=0).any()


def test_numpy_alone_finds_the_same(shifted, monkeypatch):
    reference, moving = shifted(2.3, 0.6)
    windows = windows_over(reference.shape, 64, 64)
    first = matched(overlay_of(reference, moving), windows, 4)
    for module in (smoothing, spline, windowed):
        monkeypatch.setattr(module, "available", lambda _: False)
    other = matched(overlay_of(reference, moving), windows, 4)
    np.testing.assert_allclose(other.dx, first.dx, atol=1e-3)


def test_matches_of_a_coarser_lattice_are_carried_over(shifted):
    found = matched(overlay_of(*shifted(1.0, 1.0)), windows_over((220, 260), 64), 3)
    finer = found.finer(4)
    np.testing.assert_allclose(finer.dx, 4 * found.dx)
    np.testing.assert_allclose(finer.x, 4 * found.x + 1.5)
    assert len(Matches.joined([found, finer])) == 2 * len(found)
