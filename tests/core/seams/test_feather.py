# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.seams.feather import Blend, distance, edge_weight, seam_weight


def slow_distance(inside, radius):
    """Compare every pixel with every pixel outside."""
    rows, cols = np.nonzero(~inside)
    out = np.full(inside.shape, float(radius + 1))
    for row, col in np.ndindex(*inside.shape):
        if len(rows):
            nearest = np.hypot(rows - row, cols - col).min()
            out[row, col] = min(nearest, radius + 1)
    return out


@pytest.mark.parametrize("radius", [1, 4, 9, 50])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.99, 1.0])
def test_distances_are_exact(radius, share):
    inside = np.random.default_rng(int(share * 100)).random((23, 31)) < share
    # integer squares; float32 roots
    np.testing.assert_allclose(
        distance(inside, radius), slow_distance(inside, radius), rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1)])
def test_distances_of_thin_windows(shape):
    inside = np.ones(shape, bool)
    inside[0, 0] = False
    np.testing.assert_allclose(distance(inside, 5), slow_distance(inside, 5))


@pytest.mark.parametrize("width", [2, 7, 16])
def test_weights_of_two_cells_sum_to_one_and_end_half_a_width_from_the_seam(width):
    cell = np.zeros((9, 60), bool)
    cell[:, :30] = True
    valid = np.ones((9, 60), bool)
    a, b = seam_weight(cell, valid, width), seam_weight(~cell, valid, width)
    np.testing.assert_allclose(a + b, 1, atol=1e-6)
    signed = 30 - (np.arange(60) + 0.5)  # from the seam to pixel centers
    np.testing.assert_allclose(a[4], np.clip(0.5 + signed / width, 0, 1), atol=1e-6)
    assert (b[:, signed >= width / 2] == 0).all()


def test_the_weight_fades_where_the_image_ends():
    cell, valid = np.ones((5, 40), bool), np.ones((5, 40), bool)
    cell[:, 20:] = False
    valid[:, 22:] = False
    weight = seam_weight(cell, valid, 16)[2]
    assert (weight[22:] == 0).all()
    np.testing.assert_allclose(weight[19], (0.5 + 0.5 / 16) * 3 / 8)
    assert (np.diff(weight) <= 0).all()


def test_without_seams_the_weight_is_the_distance_to_the_edge():
    valid = np.ones((5, 40), bool)
    valid[:, :3] = False
    assert edge_weight(valid, 6)[2, :12].tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 6, 6]


def blended(values, weights):
    blend = Blend(len(values[0]), weights[0].shape)
    for value, weight in zip(values, weights):
        blend.add(value, weight)
    return blend.mean, blend.several


def test_a_blend_is_the_weighted_mean_where_two_images_count():
    values = [np.full((1, 1, 4), 10, np.float32), np.array([[[20, 20, np.nan, 20]]], np.float32)]
    weights = [np.array([[1, 3, 1, 0]], np.float32), np.array([[1, 1, 0, 0]], np.float32)]
    mixed, several = blended(values, weights)
    assert several.tolist() == [[True, True, False, False]]
    assert mixed[0, 0, :2].tolist() == [15, 12.5]


def test_infinite_values_make_no_noise():
    values = [np.full((1, 1, 1), np.inf, np.float32), np.full((1, 1, 1), -np.inf, np.float32)]
    mixed, several = blended(values, [np.ones((1, 1), np.float32)] * 2)
    assert several.all() and mixed.shape == (1, 1, 1)


def test_weights_of_many_images_are_added_in_their_order():
    rng = np.random.default_rng(5)
    values = [rng.random((2, 9, 8), np.float32) * 1000 for _ in range(40)]
    weights = [np.maximum(rng.random((9, 8), np.float32) - 0.3, 0) for _ in range(40)]
    total, mixed = np.float32(0), np.float32(0)
    for value, weight in zip(values, weights):
        total, mixed = total + weight, mixed + value * weight
    found, several = blended(values, weights)
    assert several.all() and found.dtype == np.float32
    np.testing.assert_array_equal(found, mixed / total)


@pytest.mark.parametrize("first", [0, 1])
def test_the_widest_type_counts_wherever_it_stands(first):
    values = [np.full((1, 1, 1), 2.0**31 + 1), np.full((1, 1, 1), 2.0**31, np.float32)]
    mixed, _ = blended([values[first], values[1 - first]], [np.ones((1, 1), np.float32)] * 2)
    assert mixed.item() == 2.0**31 + 0.5


def test_double_precision_is_kept():
    values = [np.full((1, 1, 1), 2.0**31 + 1), np.full((1, 1, 1), 2.0**31 + 3)]
    mixed, _ = blended(values, [np.ones((1, 1), np.float32)] * 2)
    assert mixed.item() == 2.0**31 + 2
