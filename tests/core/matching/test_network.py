# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching import equations
from orthoweave.core.matching.network import (
    Adjusting,
    Nodes,
    Ties,
    adjust,
    connected,
    held_out,
    residuals,
)

SIDE, STEP = 1000.0, 600.0
MIDDLE = np.array([STEP + SIDE / 2, STEP / 2 + SIDE / 2])
BOXES = [(col * STEP, row * STEP) for row in range(2) for col in range(3)]


class Scene:
    """Six overlapping images of 1000 px whose displacements are known, on average nothing."""

    def __init__(self, kind, noise=0.0, count=60, seed=0):
        rng = np.random.default_rng(seed)
        matrix, self.shift = np.zeros((6, 2, 2)), rng.normal(0, 8, (6, 2))
        if kind != "translation":
            scale, turn = rng.normal(0, 0.003, 6), rng.normal(0, 0.005, 6)
            matrix += np.array([((a, -b), (b, a)) for a, b in zip(scale, turn)])
        if kind == "affine":
            matrix += rng.normal(0, 0.002, (6, 2, 2))
        self.matrix = matrix - matrix.mean(0)
        self.shift -= self.shift.mean(0)
        self.ties = list(self._ties(rng, noise, count))
        ends = ((0, 0), (SIDE, 0), (0, SIDE), (SIDE, SIDE))
        self.corners = np.array([[(x + a, y + b) for a, b in ends] for x, y in BOXES])

    def nodes(self, resistance=(1,) * 6):
        return Nodes(self.corners, np.full(6, 20.0), np.array(resistance, float))

    def at(self, image, ground):
        return (ground - MIDDLE) @ self.matrix[image].T + self.shift[image]

    def _ties(self, rng, noise, count):
        for first in range(6):
            for second in range(first + 1, 6):
                low = np.maximum(BOXES[first], BOXES[second])
                high = np.minimum(BOXES[first], BOXES[second]) + SIDE
                if (high - low).min() < 100:
                    continue
                ground = rng.uniform(low, high, (count, 2))
                p, q = (
                    ground + self.at(image, ground) + rng.normal(0, noise, ground.shape)
                    for image in (first, second)
                )
                weight = np.full(count, 1 / max(noise, 0.01) ** 2)
                yield Ties(first, second, p, q, weight, held_out(count), 1.0)


def at(model, points):
    return np.stack(model.predict(*points.T), 1)


@pytest.mark.parametrize("kind", ["similarity", "affine"])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1, 1.0])
def test_noise_makes_no_image_shrink(kind, noise):
    scene = Scene(kind, noise)
    found = adjust(scene.nodes(), scene.ties, Adjusting(kind, floor=0.02))
    for model, matrix in zip(found.models, scene.matrix):
        true = np.sqrt(np.linalg.det(np.eye(2) + matrix))
        assert model.scale == pytest.approx(true, abs=1e-3)


def test_six_images_with_known_similarities_are_put_in_place():
    scene = Scene("similarity", 0.05)
    found = adjust(scene.nodes(), scene.ties, Adjusting("similarity", floor=0.02))
    off = [at(m, c) - scene.at(i, c) for i, (m, c) in enumerate(zip(found.models, scene.corners))]
    assert np.hypot(*np.concatenate(off).T).max() <= 0.1
    mean = np.mean([at(model, scene.corners.reshape(-1, 2)) for model in found.models], 0)
    assert np.abs(mean).max() <= 1e-6


@pytest.mark.parametrize("kind", ["translation", "similarity", "affine"])
def test_without_noise_nothing_is_left(kind):
    scene = Scene(kind)
    found = adjust(scene.nodes(), scene.ties, Adjusting(kind, floor=0.02))
    for pair in scene.ties:
        assert np.abs(residuals(pair, found.models)).max() < 1e-5  # the weak prior pulls by 1e-6
    assert found.groups.tolist() == [1] * 6


def test_a_rigid_model_only_turns_and_moves():
    scene = Scene("similarity", 0.05)
    found = adjust(scene.nodes(), scene.ties, Adjusting("rigid", floor=0.02))
    assert [model.scale for model in found.models] == pytest.approx([1.0] * 6, abs=1e-12)
    assert sum(model.rotation for model in found.models) == pytest.approx(0, abs=1e-9)


def test_a_fixed_image_does_not_move_at_all_and_holds_the_others():
    scene = Scene("similarity", 0.01)
    resistance = (1, 1, np.inf, 1, 1, 1)
    found = adjust(scene.nodes(resistance), scene.ties, Adjusting("similarity", floor=0.02))
    still = found.models[2]
    assert still.matrix == ((1.0, 0.0), (0.0, 1.0)) and still.shift == (0.0, 0.0)
    # true places, seen from the fixed image, up to what noise does over 2000 px
    rest = [residuals(pair, found.models) for pair in scene.ties]
    assert np.sqrt(np.mean(np.concatenate(rest) ** 2)) < 0.02


def two(shift=(8.0, -4.0), count=40):
    """Two images of which the second is displaced."""
    ground = np.random.default_rng(1).uniform(600, 1000, (count, 2))
    weight = np.full(count, 100.0)
    return Ties(0, 1, ground, ground + shift, weight, held_out(count), 1.0)


def pair_nodes(*resistance):
    corners = Scene("translation").corners[:2]
    return Nodes(corners, np.full(len(resistance), 20.0), np.array(resistance, float))


@pytest.mark.parametrize("kind", ["translation", "rigid", "similarity", "affine"])
def test_weights_1_and_3_share_a_shift_3_to_1(kind):
    found = adjust(pair_nodes(1, 3), [two()], Adjusting(kind, floor=0.02))
    middle = np.array([[800.0, 800.0]])
    first, second = (at(model, middle)[0] for model in found.models)
    assert first == pytest.approx(-3 * second, abs=1e-9)
    assert second - first == pytest.approx([8, -4], abs=1e-3)  # the weak prior


def test_images_without_resistance_share_alike():
    found = adjust(pair_nodes(0, 0), [two()], Adjusting(floor=0.02))
    assert found.models[1].shift == pytest.approx((4, -2), abs=1e-3)
    assert found.models[0].shift == pytest.approx((-4, 2), abs=1e-3)


def test_groups_are_solved_apart():
    scene = Scene("similarity", 0.05)
    left = [pair for pair in scene.ties if {pair.first, pair.second} <= {0, 3}]
    right = [pair for pair in scene.ties if {pair.first, pair.second} <= {1, 2, 4}]
    how = Adjusting("similarity", floor=0.02)
    both = adjust(scene.nodes(), left + right, how)
    assert both.groups.tolist() == [1, 2, 2, 1, 2, 0]
    alone = adjust(scene.nodes(), left, how)
    for image in (0, 3):
        assert at(both.models[image], scene.corners[image]) == pytest.approx(
            at(alone.models[image], scene.corners[image]), abs=1e-9
        )
    assert both.models[5].shift == (0.0, 0.0)


def test_one_gross_error_hardly_counts():
    clean, dirty = two(), two()
    dirty.q[0] += 50
    ends = [
        adjust(pair_nodes(1, 1), [pair], Adjusting(floor=0.02)).models[1].shift
        for pair in (clean, dirty)
    ]
    assert ends[1] == pytest.approx(ends[0], abs=0.01)


@pytest.mark.parametrize("loss", ["huber", "soft_l1", "cauchy"])
def test_every_loss_gives_less_to_a_gross_error_than_least_squares(loss):
    dirty = two()
    dirty.q[0] += 50
    off = {
        name: abs(
            adjust(pair_nodes(1, 1), [dirty], Adjusting(loss=name, floor=0.02)).models[1].shift[0]
            - 4
        )
        for name in ("none", loss)
    }
    assert off[loss] < 0.1 * off["none"]


def test_disabled_points_have_no_say():
    pair = two()
    pair.q[:5] += 30
    pair.weight[:5] = 0
    found = adjust(pair_nodes(1, 1), [pair], Adjusting(loss="none", floor=0.02))
    assert found.models[1].shift == pytest.approx((4, -2), abs=1e-3)


def test_pairs_count_alike_or_by_their_points():
    scene = pair_nodes(np.inf, 1)
    many, few = two((8, 0), 80), two((4, 0), 20)
    shifts = [
        adjust(scene, [many, few], Adjusting(loss="none", equal=equal, floor=0.02))
        .models[1]
        .shift[0]
        for equal in (True, False)
    ]
    assert shifts == pytest.approx([6.0, 7.2], abs=1e-3)


def test_one_point_in_five_is_held_out():
    assert held_out(50).sum() == 10 and not held_out(9).any()
    pair = two()
    assert len(pair.checked()) == 8 and len(pair.fitted()) == 32
    assert len(two(count=5).checked()) == 5


def test_sparse_and_dense_equations_agree(monkeypatch):
    pytest.importorskip("scipy")
    scene = Scene("affine", 0.1)
    dense = adjust(scene.nodes(), scene.ties, Adjusting("affine", floor=0.02))
    monkeypatch.setattr(equations, "SPARSE", 1)
    sparse = adjust(scene.nodes(), scene.ties, Adjusting("affine", floor=0.02))
    for one, other, corners in zip(dense.models, sparse.models, scene.corners):
        assert at(one, corners) == pytest.approx(at(other, corners), abs=1e-8)


def test_connected_images_have_one_number():
    def link(first, second):
        return Ties(first, second, *[np.zeros((1, 2))] * 2, np.ones(1), np.zeros(1, bool), 1.0)

    assert connected(5, [link(3, 1), link(4, 3)]).tolist() == [0, 1, 0, 1, 1]
    assert connected(2, []).tolist() == [0, 0]
