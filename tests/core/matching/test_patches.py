# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches: raw values warped onto the lattice, features there, coarser copies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.matching.patches import Coarser, Seeing, coarser, finer, overlaid, patch_of
from orthoweave.core.transform.models import Linear

STILL = Linear("translation")


def stored(x, y):
    return x, y


def ramp(rows, cols):
    row, col = np.mgrid[:rows, :cols]
    return (3 * col + 5 * row).astype(np.float32)


def everywhere(values):
    return np.ones(values.shape, bool)


@pytest.mark.parametrize("origin", [(0, 0), (7, 12)])
def test_moving_values_are_those_the_model_points_at(origin):
    moving = ramp(80, 90)
    reference = np.zeros((40, 50), np.float32)
    cos, sin = math.cos(0.02), math.sin(0.02)
    model = Linear("rigid", ((cos, -sin), (sin, cos)), (2.3, 4.6), (20.0, 20.0))
    patch = patch_of(reference, everywhere(reference), moving, everywhere(moving), stored, origin)
    values, valid = patch.warped(model)
    row, col = np.mgrid[:40, :50]
    x, y = model.at(col + float(origin[0]), row + float(origin[1]))
    np.testing.assert_array_equal(valid, (x >= 0) & (y >= 0) & (x <= 89) & (y <= 79))
    far = valid & (x > 8) & (y > 8) & (x < 81) & (y < 71)  # the mirrored border bends a ramp
    np.testing.assert_allclose(values[far], (3 * x + 5 * y)[far], atol=2e-3)


def test_the_stored_mapping_is_asked_after_the_model():
    moving = ramp(60, 60)
    reference = np.zeros((30, 30), np.float32)
    patch = patch_of(
        reference, everywhere(reference), moving, everywhere(moving), lambda x, y: (2 * x, y + 9)
    )
    values, _ = patch.warped(Linear("translation", shift=(1.0, 0.5)))
    assert values[15, 15] == pytest.approx(3 * 32 + 5 * 24.5, abs=1e-3)


def test_a_part_of_a_patch_lies_where_it_lay():
    values = ramp(60, 60)
    patch = patch_of(values, everywhere(values), values, everywhere(values), stored)
    part = patch.part(20, 30, 16)
    assert part.origin == (20, 30) and part.reference.shape == (16, 16)
    assert part.correlation(STILL) == pytest.approx(1)
    hidden = patch_of(values, ~everywhere(values), values, everywhere(values), stored)
    assert hidden.correlation(STILL) == 0


def test_features_are_valid_where_both_images_are(texture):
    values = (100 * texture(60, 70)).astype(np.float32)
    valid, other = everywhere(values), everywhere(values)
    valid[:, 30], other[20, :] = False, False
    overlay = overlaid(patch_of(values, valid, values, other, stored), STILL, Seeing())
    joint = overlay.joint
    assert not joint[:, 28:33].any() and not joint[18:23].any() and joint[10, 10]
    together, alone = overlay.normalized(), overlay.normalized(together=False)
    assert not together.reference.values[~joint].any()
    assert alone.reference.values[20, 10] != 0 and alone.reference.values[10, 30] == 0


def test_a_feature_of_the_reference_can_be_kept(texture):
    values = (100 * texture(50, 50)).astype(np.float32)
    patch = patch_of(values, everywhere(values), values, everywhere(values), stored)
    seeing = Seeing(edges=False, sigma=1.0)
    kept = seeing.feature(patch.reference, patch.valid)
    assert overlaid(patch, STILL, seeing, kept).reference is kept


def test_coarser_pixels_are_means_of_the_valid_ones():
    values = ramp(9, 11)
    valid = everywhere(values)
    found, known = coarser(values, valid, 2)
    np.testing.assert_allclose(
        found, [[2 * 3 * c + 2 * 5 * r + 4 for c in range(5)] for r in range(4)]
    )
    assert known.all()
    valid[0, 0] = valid[2, 2] = valid[2, 3] = valid[3, 2] = False
    found, known = coarser(np.where(valid, values, np.float32(np.nan)), valid, 2)
    assert found[0, 0] == pytest.approx((3 + 5 + 8) / 3) and not known[1, 1] and found[1, 1] == 0
    np.testing.assert_array_equal(coarser(values, valid, 1)[0], values)


def test_coarser_mappings_and_finer_models_are_the_same_places():
    model = Linear("rigid", ((0.8, -0.6), (0.6, 0.8)), (3.0, 4.0), (10.0, 5.0))
    coarse = Coarser(model.at, 4)
    x, y = np.array([0.0, 5.0]), np.array([2.0, 9.0])
    fine = model.at(x * 4 + 1.5, y * 4 + 1.5)
    found = coarse.at(x, y)
    np.testing.assert_allclose([4 * part + 1.5 for part in found], fine)
    back = finer(Linear(model.kind, model.matrix, (0.75, 1.0), ((10 - 1.5) / 4, (5 - 1.5) / 4)), 4)
    np.testing.assert_allclose(back.at(x, y), model.at(x, y))
