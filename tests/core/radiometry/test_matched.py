# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.radiometry.histograms import histogram_of
from orthoweave.core.radiometry.kernels import band_sums
from orthoweave.core.radiometry.matched import (
    Matching,
    applied,
    average,
    difference,
    levels_of,
    matched,
    shares_of,
)
from orthoweave.core.radiometry.statistics import ImageSums

SHARES = shares_of(1024, 0.001)


def levels(*bands):
    sums = [band_sums(np.asarray(band)[None], None, 0) for band in bands]
    total, square, low, high = zip(*sums)
    size = len(bands[0])
    found = ImageSums(size, size, total, square, low, high)
    histograms = tuple(histogram_of(np.asarray(band), a, b) for band, a, b in zip(bands, low, high))
    return levels_of((found, histograms), np.zeros(len(bands)), SHARES)


@pytest.fixture
def scene():
    rng = np.random.default_rng(6)
    return np.r_[rng.normal(300, 40, 30000), rng.normal(600, 90, 20000)].round().astype("uint16")


def test_levels_are_those_of_numpy(scene):
    found = levels(scene)
    assert found.mean[0] == pytest.approx(scene.mean(), rel=1e-12)
    assert found.std[0] == pytest.approx(scene.std(), rel=1e-12)
    # counts are spread over one unit each
    np.testing.assert_allclose(found.knots[0], np.quantile(scene, SHARES), atol=1.0)


@pytest.mark.parametrize("method", ["histogram", "mean_std", "min_max"])
def test_an_image_matched_to_itself_does_not_change(method, scene):
    own = levels(scene, scene // 2)
    found = matched("a", own, own, Matching(method))
    assert found.gains == (1, 1) and found.offsets == (0, 0)
    assert all(lookup.x == lookup.y for lookup in found.lookups)
    assert difference(found, own, own) == 0


def test_a_monotone_change_is_undone_to_one_value(scene):
    made = np.rint(0.02 * scene.astype(float) ** 1.5 + 40).astype("uint16")
    own, aim = levels(made), levels(scene)
    found = matched("a", own, aim, Matching())
    inside = (scene > aim.knots[0, 0]) & (scene < aim.knots[0, -1])
    back = np.rint(applied(found, made[None])[0])
    assert np.abs(back - scene)[inside].max() <= 1


@pytest.mark.parametrize("gain", [0.4, 2.5])
def test_gain_and_offset_are_found_by_mean_and_spread_and_by_range(gain, scene):
    values = scene.astype("float64")
    own, aim = levels(values), levels(gain * values - 70)
    for method in ("mean_std", "min_max"):
        found = matched("a", own, aim, Matching(method))
        # ends of the range are those of bins, which differ a little
        assert found.gains[0] == pytest.approx(gain, rel=1e-4)
        assert found.offsets[0] == pytest.approx(-70, abs=0.05)
        assert not found.lookups


@pytest.mark.parametrize("method", ["histogram", "mean_std", "min_max"])
def test_half_the_strength_is_halfway(method, scene):
    own, aim = levels(scene), levels(scene // 2 + 90)
    full, half, none = (
        matched("a", own, aim, Matching(method, strength)) for strength in (1.0, 0.5, 0.0)
    )
    values = own.knots
    halfway = 0.5 * (values + applied(full, values))
    np.testing.assert_allclose(applied(half, values), halfway, rtol=1e-12)
    np.testing.assert_array_equal(applied(none, values), values)


def test_slopes_are_limited_and_the_mean_stays():
    flat = np.r_[np.full(5000, 100), np.arange(5000) % 200].astype("uint8")
    smooth = (np.arange(10000) // 50).astype("uint8")
    own, aim = levels(flat), levels(smooth)
    steep = matched("a", own, aim, Matching(max_slope=1e9))
    soft = matched("a", own, aim, Matching(max_slope=3.0))
    for found, most in ((steep, 1e9), (soft, 3.0)):
        (lookup,) = found.lookups
        slopes = np.diff(lookup.y) / np.diff(lookup.x)
        assert slopes.min() >= 0
        assert slopes.max() <= most * found.gains[0] * (1 + 1e-9)
    assert max(np.diff(steep.lookups[0].y) / np.diff(steep.lookups[0].x)) > 20
    means = [applied(found, own.knots).mean() for found in (steep, soft)]
    assert means[1] == pytest.approx(means[0], rel=1e-6)


def test_without_contrast_only_the_offset_changes(scene):
    own, aim = levels(np.full(100, 7, "uint8")), levels(scene)
    for method in ("histogram", "mean_std"):
        found = matched("a", own, aim, Matching(method))
        assert found.gains == (1.0,)
        assert applied(found, np.array([[7.0]]))[0, 0] == pytest.approx(scene.mean(), rel=1e-2)


def test_the_average_of_a_set_counts_images_or_pixels(scene):
    a = levels(scene)
    b = replace(levels(scene + 100), size=3 * len(scene))
    assert average([a, b], by_pixels=False).mean[0] == pytest.approx(scene.mean() + 50)
    assert average([a, b], by_pixels=True).mean[0] == pytest.approx(scene.mean() + 75)
