# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge features: alike under gain, offset and inverted contrast, silent about holes."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching import edges
from orthoweave.core.matching.edges import (
    band_values,
    edge_strength,
    locally_normalized,
    whole_neighborhood,
)


@pytest.fixture
def ground(texture):
    return (500 + 40 * texture(120, 130)).astype(np.float32)


def everywhere(values):
    return np.ones(values.shape, bool)


@pytest.mark.parametrize(("gain", "offset"), [(2.5, 60), (-1.0, 900)])
def test_gain_offset_and_sign_do_not_change_edges(ground, gain, offset):
    other = (gain * ground + offset).astype(np.float32)
    ends = [edge_strength(image, everywhere(image)).values for image in (ground, other)]
    np.testing.assert_allclose(ends[0], ends[1], atol=2e-3)  # float32 of values near 1000


@pytest.mark.parametrize("make", [edge_strength, band_values])
def test_a_hole_never_makes_a_feature(ground, make):
    valid = everywhere(ground)
    valid[40:60, 50:90] = False
    whole, holed = make(ground, everywhere(ground)), []
    for hidden in (0, -9999, 65535, np.nan):
        values = np.where(valid, ground, np.float32(hidden))
        holed.append(make(values, valid))
    for found in holed[1:]:
        np.testing.assert_array_equal(found.values, holed[0].values)
    kept = holed[0].valid
    np.testing.assert_array_equal(kept, whole_neighborhood(valid))
    near = np.abs(holed[0].values - whole.values)[kept]
    # the Gaussian of 0.7 px misses weights of 1e-4 beside the hole; the median moves a little
    assert near.max() < 0.02 * whole.values.std() + 0.02 * np.abs(whole.values).max()


def test_the_scale_can_be_given(ground):
    found = edge_strength(ground, everywhere(ground))
    assert edge_strength(ground, everywhere(ground), 2 * found.scale).scale == 2 * found.scale


def test_flat_images_have_no_feature():
    flat = np.full((40, 40), 7, np.float32)
    for make in (edge_strength, band_values):
        assert not locally_normalized(make(flat, everywhere(flat))).any()
    nothing = edge_strength(flat, np.zeros(flat.shape, bool))
    assert not nothing.valid.any() and not locally_normalized(nothing).any()


def test_a_normalized_feature_has_mean_0_and_a_deviation_near_1(ground):
    bright = ground.copy()
    bright[:, 65:] = 4 * bright[:, 65:] - 1500
    found = locally_normalized(band_values(bright, everywhere(bright)))
    for half in (found[20:-20, 20:45], found[20:-20, 85:-20]):
        assert abs(half.mean()) < 0.3 and 0.5 < half.std() < 1.3


def test_neighborhoods_are_five_by_five():
    valid = np.ones((11, 12), bool)
    valid[5, 6] = False
    found = whole_neighborhood(valid)
    expected = np.zeros_like(found)
    expected[2:-2, 2:-2] = True
    expected[3:8, 4:9] = False
    np.testing.assert_array_equal(found, expected)


def test_edges_without_opencv_are_the_same(ground, monkeypatch):
    from orthoweave.core.matching import smoothing

    valid = everywhere(ground)
    valid[40:50, 40:50] = False
    fast = locally_normalized(edge_strength(ground, valid))
    monkeypatch.setattr(smoothing, "available", lambda _: False)
    np.testing.assert_allclose(
        locally_normalized(edges.edge_strength(ground, valid)), fast, atol=5e-3
    )
