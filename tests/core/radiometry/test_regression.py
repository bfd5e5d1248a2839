# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.radiometry.regression import Kept, Rules, connected, solve_gains

BOXES = {"a": (0, 0, 240, 200), "b": (160, 20, 240, 220), "c": (60, 150, 260, 150)}
GAINS = {"a": 1.0, "b": 0.82, "c": 1.23}
OFFSETS = {"a": 0.0, "b": 90.0, "c": -140.0}


def tiles(cut, ground, dtype="float64", names="abc", **how):
    bands = len(ground)
    tilt = 1 + 0.03 * np.arange(bands)
    return [
        cut(ground, n, BOXES[n], GAINS[n] * tilt, OFFSETS[n] * tilt, dtype=dtype, **how)
        for n in names
    ]


def everyone(whole):
    return np.ones(len(whole.names), bool)


def relative(whole, solution):
    """Gains on the common level of the first image, times what made the images: 1 is perfect."""
    made = np.array([GAINS[name] for name in whole.names])[:, None]
    return solution.gains * made / (solution.gains[0] * made[0])


@pytest.mark.parametrize("bands", [1, 2, 5])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        ("float32", 1e-4),  # the values' own rounding
        ("uint16", 2e-3),  # half a count in a spread of some hundred
    ],
)
def test_gains_and_offsets_of_one_scene_are_recovered(
    bands, dtype, tolerance, cut, scene, surveyed
):
    ground = scene(bands, 320, 420)
    images = tiles(cut, ground, dtype)
    whole, overlaps = surveyed(images)
    solution = solve_gains(whole, overlaps, everyone(whole), Rules())
    np.testing.assert_allclose(relative(whole, solution), 1, atol=tolerance)
    # all images see y = c · scene + d with the same c and d
    made = np.array([[OFFSETS[n]] for n in "abc"]) * (1 + 0.03 * np.arange(bands))
    level = solution.gains * made + solution.offsets
    np.testing.assert_allclose(level - level[0], 0, atol=tolerance * 3000)


def test_the_common_mean_and_spread_stay_what_they_were(cut, scene, surveyed):
    whole, overlaps = surveyed(tiles(cut, scene(2, 320, 420)))
    solution = solve_gains(whole, overlaps, everyone(whole), Rules())
    share = (whole.size / whole.size.sum())[:, None]
    after = solution.gains * whole.mean + solution.offsets
    np.testing.assert_allclose((share * after).sum(0), (share * whole.mean).sum(0), rtol=1e-12)
    spread = (share * solution.gains * whole.std).sum(0)
    np.testing.assert_allclose(spread, (share * whole.std).sum(0), rtol=1e-12)


@pytest.mark.parametrize("robust", [False, True])
def test_identical_images_keep_gain_1_and_offset_0_exactly(robust, cut, scene, surveyed):
    ground = scene(2, 200, 200)
    images = [cut(ground, name, (0, 0, 200, 200), dtype="uint16") for name in "ab"]
    whole, overlaps = surveyed(images)
    solution = solve_gains(whole, overlaps, everyone(whole), Rules(robust=robust))
    assert (solution.gains == 1).all()
    assert (solution.offsets == 0).all()


@pytest.mark.parametrize("model", [0, 1, 2])
def test_a_single_model_image_is_kept_exactly_and_the_others_follow(model, cut, scene, surveyed):
    ground = scene(2, 320, 420)
    whole, overlaps = surveyed(tiles(cut, ground, "float32"))
    solution = solve_gains(whole, overlaps, np.arange(3) == model, Rules())
    assert (solution.gains[model] == 1).all()
    assert (solution.offsets[model] == 0).all()
    expected = GAINS["abc"[model]] / np.array([GAINS[n] for n in "abc"])
    np.testing.assert_allclose(solution.gains[:, 0], expected, rtol=1e-4)


def test_offsets_alone_are_solved_when_spreads_have_no_weight(cut, scene, surveyed):
    ground = scene(1, 320, 420)
    whole, overlaps = surveyed([cut(ground, n, BOXES[n], 1.0, OFFSETS[n]) for n in "abc"])
    solution = solve_gains(whole, overlaps, everyone(whole), Rules(std_factor=0))
    assert (solution.gains == 1).all()
    level = solution.offsets[:, 0] + [OFFSETS[n] for n in "abc"]
    np.testing.assert_allclose(level - level[0], 0, atol=1e-4)  # the ridge of 1e-9
    assert not solution.fixed


def test_pairs_may_weigh_the_same_whatever_their_size(cut, scene, surveyed):
    ground = scene(1, 320, 420)
    images = tiles(cut, ground)
    images[1].values[...] += np.linspace(0, 200, 240)  # so that no solution fits all pairs
    whole, overlaps = surveyed(images)
    solved = [
        solve_gains(whole, overlaps, everyone(whole), Rules(pair_power=power, robust=False))
        for power in (0.5, 0.0)
    ]
    assert np.abs(solved[0].offsets - solved[1].offsets).max() > 1


def test_unconnected_groups_are_solved_apart_and_a_lone_image_is_unchanged(cut, scene, surveyed):
    ground = scene(1, 100, 900)
    boxes = {"a": (0, 0, 120, 100), "b": (60, 0, 120, 100), "c": (300, 0, 120, 100),
             "d": (360, 0, 120, 100), "e": (700, 0, 120, 100)}  # fmt: skip
    gains = {"a": 1, "b": 0.8, "c": 1.3, "d": 0.9, "e": 1.1}
    whole, overlaps = surveyed([cut(ground, n, box, gains[n]) for n, box in boxes.items()])
    solution = solve_gains(whole, overlaps, np.arange(5) == 1, Rules())
    assert solution.groups.tolist() == [1, 1, 2, 2, 3]
    assert solution.unanchored == (2,)
    found = solution.gains[:, 0]
    assert found[1] == 1 and found[4] == 1 and solution.offsets[4, 0] == 0
    assert found[0] == pytest.approx(0.8, rel=1e-4)
    assert found[2] / found[3] == pytest.approx(0.9 / 1.3, rel=1e-4)
    # the second group keeps its own level
    assert 0.8 < found[2] < 1 < found[3] < 1.3


def test_pairs_with_too_few_common_pixels_are_not_used(cut, scene, surveyed):
    ground = scene(1, 60, 200)
    images = [cut(ground, "a", (0, 0, 101, 60), 1.0), cut(ground, "b", (100, 0, 90, 60), 0.7)]
    whole, overlaps = surveyed(images)
    assert overlaps.size.tolist() == [60]
    solution = solve_gains(whole, overlaps, everyone(whole), Rules())
    assert not solution.used.any()
    assert (solution.gains == 1).all()
    enough = solve_gains(whole, overlaps, everyone(whole), Rules(min_overlap=60))
    assert enough.used.all() and enough.groups.max() == 1


def test_images_without_texture_keep_gain_1_and_meet_the_others_by_offset(cut, scene, surveyed):
    ground = scene(1, 200, 400)
    flat = cut(0 * ground + 500, "b", (150, 0, 200, 200))
    whole, overlaps = surveyed([cut(ground, "a", (0, 0, 200, 200)), flat])
    solution = solve_gains(whole, overlaps, np.array([True, False]), Rules(robust=False))
    assert [f.image for f in solution.fixed] == [0, 1]
    assert all(np.isnan(f.found) for f in solution.fixed)
    assert (solution.gains == 1).all()
    common = ground[0, :, 150:200].mean()
    assert solution.offsets[1, 0] == pytest.approx(common - 500, abs=1e-3)


def test_a_gain_out_of_range_is_set_to_1_and_told(cut, scene, surveyed):
    ground = scene(1, 200, 400)
    weak = cut(ground, "b", (100, 0, 200, 200), 0.05)
    whole, overlaps = surveyed([cut(ground, "a", (0, 0, 200, 200)), weak])
    solution = solve_gains(whole, overlaps, np.array([True, False]), Rules())
    assert solution.gains[1, 0] == 1
    (fixed,) = solution.fixed
    assert (fixed.image, fixed.band) == (1, 0)
    assert fixed.found == pytest.approx(20, rel=1e-3)


def clouded(cut, ground, cloud):
    a, b = tiles(cut, ground, "uint16", "ab")
    if cloud:  # a fifth of the overlap of 80 × 180 px
        b.values[:, 40:76, :80] = 9000
    # noise and a little vignetting, so that cells differ a little everywhere
    rng = np.random.default_rng(4)
    for image in (a, b):
        _, height, width = image.values.shape
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        noise = rng.normal(0, 15, (height, width))
        image.values[:] = np.rint(image.values * (1 - 0.003 * (x * x + y * y)) + noise)
    return [a, b]


def test_a_cloud_on_a_fifth_of_an_overlap_hardly_moves_the_gains(cut, scene, surveyed):
    ground = scene(1, 320, 420)
    ratio = {}
    for cloud in (False, True):
        for robust in (False, True):
            whole, overlaps = surveyed(clouded(cut, ground, cloud))
            solution = solve_gains(whole, overlaps, everyone(whole), Rules(robust=robust))
            ratio[cloud, robust] = solution.gains[1, 0] / solution.gains[0, 0]
    assert ratio[True, True] == pytest.approx(ratio[False, True], rel=0.01)
    assert abs(ratio[True, False] / ratio[False, False] - 1) > 0.3


def test_saturated_pixels_do_not_move_gains(cut, scene, surveyed):
    ground = scene(1, 320, 420)
    solved = []
    for saturated in (False, True):
        images = tiles(cut, ground, "uint16", "ab")
        if saturated:
            images[1].values[:, ::7, ::5] = 65535
        whole, overlaps = surveyed(images)
        solved.append(solve_gains(whole, overlaps, np.array([True, False]), Rules()).gains)
    np.testing.assert_allclose(solved[1], solved[0], rtol=0.005)


def test_the_solution_does_not_depend_on_the_unit_of_the_values(cut, scene, surveyed):
    ground = scene(1, 320, 420)
    found = []
    for factor, constant in ((1, 0), (1e-4, 0), (1e-4, -100)):
        images = tiles(cut, ground)
        for image in images:
            image.values[:] = image.values * factor + constant
            image.values[0, ::2] += 20 * factor  # disagreement, so that weights matter
        whole, overlaps = surveyed(images)
        solution = solve_gains(whole, overlaps, everyone(whole), Rules())
        found.append(solution.gains)
    # a constant of -100 leaves eight digits of the small values
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-4)


def test_nothing_overlaps_and_nothing_is_changed(cut, scene, surveyed):
    ground = scene(1, 50, 300)
    images = [cut(ground, n, (c, 0, 60, 50)) for n, c in (("a", 0), ("b", 100))]
    whole, overlaps = surveyed(images)
    solution = solve_gains(whole, overlaps, everyone(whole), Rules())
    assert (solution.gains == 1).all() and (solution.offsets == 0).all()
    assert solution.groups.tolist() == [1, 2]
    assert overlaps.moments().count.shape == (1, 0)


def test_model_images_without_used_pixels_do_not_anchor(cut, scene, surveyed):
    whole, overlaps = surveyed(tiles(cut, scene(1, 320, 420)))
    whole = replace(whole, size=whole.size * [0, 1, 1])
    solution = solve_gains(whole, overlaps, np.array([True, False, False]), Rules())
    assert solution.unanchored == (1,)


@pytest.mark.parametrize(
    ("pairs", "groups"),
    [
        ([], [1, 2, 3, 4, 5]),
        ([(0, 4)], [1, 2, 3, 4, 1]),
        ([(3, 4), (1, 3), (0, 2)], [1, 2, 1, 2, 2]),
        ([(4, 3), (3, 2), (2, 1), (1, 0)], [1, 1, 1, 1, 1]),
    ],
)
def test_groups_are_connected_images_numbered_by_their_first(pairs, groups):
    assert connected(5, np.array(pairs, int).reshape(-1, 2)).tolist() == groups


def seed_equations(whole, overlaps, band):
    """spectralmatch's rows, solved by plain least squares: rows weighted by N, soft anchors."""
    moments, sizes = overlaps.moments(), overlaps.size
    count = len(whole.names)
    rows, targets = [], []
    for pair, (i, j) in enumerate(overlaps.pairs):
        mean, std = moments.mean[:, band, pair] + overlaps.center[band], moments.std[:, band, pair]
        for entries in (
            {2 * i: mean[0], 2 * i + 1: 1, 2 * j: -mean[1], 2 * j + 1: -1},
            {2 * i: std[0], 2 * j: -std[1]},
        ):
            row = np.zeros(2 * count)
            row[list(entries)] = list(entries.values())
            rows.append(row * sizes[pair])
            targets.append(0.0)
    pull = sizes.sum() / (2 * count)
    for i in range(count):
        for entries, target in (
            ({2 * i: whole.mean[i, band], 2 * i + 1: 1}, whole.mean[i, band]),
            ({2 * i: whole.std[i, band]}, whole.std[i, band]),
        ):
            row = np.zeros(2 * count)
            row[list(entries)] = list(entries.values())
            rows.append(row * pull)
            targets.append(target * pull)
    return np.linalg.lstsq(np.array(rows), np.array(targets), rcond=None)[0].reshape(-1, 2)


def test_soft_anchors_are_the_equations_of_the_seed_system(cut, scene, surveyed):
    whole, overlaps = surveyed(tiles(cut, scene(2, 320, 420)))
    rules = Rules(pair_power=1.0, soft_datum=True, robust=False)
    solution = solve_gains(whole, overlaps, everyone(whole), rules)
    for band in range(2):
        expected = seed_equations(whole, overlaps, band)
        np.testing.assert_allclose(solution.gains[:, band], expected[:, 0], rtol=1e-6)
        # the ridge of 1e-9, far from 0
        np.testing.assert_allclose(solution.offsets[:, band], expected[:, 1], atol=1e-3)


def test_kept_images_set_the_level_and_stay_to_the_last_bit(cut, scene, surveyed):
    whole, overlaps = surveyed(tiles(cut, scene(2, 320, 420)))
    free = solve_gains(whole, overlaps, everyone(whole), Rules())
    images = np.array([True, False, True])
    kept = Kept(images, 1.1 * free.gains, 1.1 * free.offsets + 7)
    for soft in (False, True):
        rules = Rules(soft_datum=soft)
        found = solve_gains(whole, overlaps, np.zeros(3, bool), rules, kept=kept)
        assert (found.gains[images] == kept.gains[images]).all()
        assert (found.offsets[images] == kept.offsets[images]).all()
        np.testing.assert_allclose(found.gains[1], 1.1 * free.gains[1], rtol=1e-4)
        np.testing.assert_allclose(found.offsets[1], 1.1 * free.offsets[1] + 7, atol=1)
        assert found.unanchored == ()


def test_a_group_without_kept_images_keeps_its_own_level(cut, scene, surveyed):
    ground = scene(1, 100, 900)
    boxes = {"a": (0, 0, 120, 100), "b": (60, 0, 120, 100), "c": (300, 0, 120, 100),
             "d": (360, 0, 120, 100)}  # fmt: skip
    gains = {"a": 1, "b": 0.8, "c": 1.3, "d": 0.9}
    whole, overlaps = surveyed([cut(ground, n, box, gains[n]) for n, box in boxes.items()])
    plain = solve_gains(whole, overlaps, everyone(whole), Rules())
    kept = Kept(np.arange(4) == 0, np.array([[3.0], [1], [1], [1]]), np.zeros((4, 1)))
    found = solve_gains(whole, overlaps, everyone(whole), Rules(align=True), kept=kept)
    assert found.gains[0, 0] == 3 and found.gains[1, 0] == pytest.approx(3.75, rel=1e-3)
    # align brings the second group to the model images, of which the first is kept threefold
    share = whole.size / whole.size.sum()
    aim = (share * np.array([3, 1, 1, 1]) * whole.mean[:, 0]).sum()
    level = (found.gains[2:] * whole.mean[2:] + found.offsets[2:])[:, 0]
    assert np.average(level, weights=whole.size[2:]) == pytest.approx(aim, rel=1e-9)
    assert found.gains[2, 0] / found.gains[3, 0] == pytest.approx(
        plain.gains[2, 0] / plain.gains[3, 0], rel=1e-9
    )


def test_one_group_is_aligned_already(cut, scene, surveyed):
    whole, overlaps = surveyed(tiles(cut, scene(1, 320, 420)))
    for model in (np.ones(3, bool), np.arange(3) == 1):
        plain = solve_gains(whole, overlaps, model, Rules())
        found = solve_gains(whole, overlaps, model, Rules(align=True))
        assert found.aligned
        assert (found.gains == plain.gains).all() and (found.offsets == plain.offsets).all()
