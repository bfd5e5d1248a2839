# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details, uniform
from orthoweave.core.seams.borders import borders, within
from orthoweave.core.seams.mosaic import Overlap, Seams, mosaic
from orthoweave.core.seams.pyramid import doubled, halved
from orthoweave.core.windows import Window, tiling

SIDE = (220, 260)
GRID = Grid(SIDE[1], SIDE[0], (0.0, 1.0, 0.0, float(SIDE[0]), 0.0, -1.0))
KERNEL = np.array([1, 4, 6, 4, 1]) / 16


def image(name, values, valid=None, window=GRID.window, validity="nodata"):
    values = np.asarray(values)
    valid = np.ones(values.shape[1:], bool) if valid is None else valid
    rows, cols = window.slices
    return ArrayImage(
        name,
        GRID.cropped(window),
        values[:, rows, cols],
        valid[rows, cols],
        None,
        ("x",) * len(values),
        Details(validity=validity),
    )


def flat(value, dtype=np.uint8):
    return np.full((1, *SIDE), value, dtype)


def noise(seed, dtype=np.uint8, bands=2):
    made = np.random.default_rng(seed).integers(20, 220, (bands, *SIDE))
    return made.astype(dtype)


def labeled(labels):
    labels = np.asarray(labels, np.int32)
    return Seams(ArrayImage("labels", GRID, labels[None], labels > 0, 0.0))


def halves(col=130):
    labels = np.ones(SIDE, int)
    labels[:, col:] = 2
    return labels


def mixed(images, labels, width=8, **how):
    return mosaic(images, GRID, Overlap("multiband", labeled(labels), width, **how))


def whole(view, side=None):
    if side is None:
        return view.read(GRID.window)
    values = np.empty((view.bands, *SIDE), view.dtype)
    valid = np.empty(SIDE, bool)
    for window in tiling(GRID.window, side, side):
        found = view.read(window)
        values[window.banded(GRID.window)] = found.values
        valid[window.slices] = found.valid
    return type(found)(values, valid)


def spread(plane, step, shape):
    """Slow halving: smooth everything with zeros beyond, take every second pixel."""
    rows = np.zeros((plane.shape[0] // 2, plane.shape[1]))
    for k in range(len(rows)):
        for t in range(5):
            if 0 <= 2 * k + t - 2 < len(plane):
                rows[k] += KERNEL[t] * plane[2 * k + t - 2]
    return rows


def slow_halved(plane):
    return spread(spread(plane, 0, 0).T, 0, 0).T


def slow_doubled(plane):
    def rows(coarse):
        fine = np.zeros((2 * len(coarse), coarse.shape[1]))
        for k in range(len(coarse)):
            for t in range(5):
                if 0 <= 2 * k + t - 2 < len(fine):
                    fine[2 * k + t - 2] += 2 * KERNEL[t] * coarse[k]
        return fine

    return rows(rows(plane).T).T


def over(plane, share):
    return np.where(share > 0, plane / np.where(share > 0, share, 1), 0)


def slow_multiband(images, valids, labels, levels):
    """The rule as it stands in the specification, on whole arrays with a rim of nothing."""
    rim = 6 << levels
    rim += -rim % (1 << levels)
    grow = [(rim, rim + (-n) % (1 << levels)) for n in SIDE]

    def pad(plane):
        return np.pad(plane, grow)

    cut = np.zeros(SIDE)
    owner = np.zeros(SIDE, int)
    order = [np.where(labels == n + 1, n + 1, 0) for n in range(len(images))]
    for number, (own, valid) in enumerate(zip(order, valids), 1):
        here = (own == number) & valid
        cut[here], owner[here] = images[number - 1][here], number
    for number, valid in enumerate(valids, 1):
        here = (owner == 0) & valid
        cut[here], owner[here] = images[number - 1][here], number
    some = pad((owner > 0).astype(float))
    planes = [pad(np.where(valid, i, cut)) for i, valid in zip(images, valids)]
    masks = [pad((owner == number).astype(float)) for number in range(1, len(images) + 1)]
    details, scales = [], []
    for _ in range(levels):
        lower, less = [slow_halved(plane) for plane in planes], slow_halved(some)
        scales.append((less, slow_doubled(less)))
        laplacians = [
            over(plane, some) - over(slow_doubled(low), scales[-1][1])
            for plane, low in zip(planes, lower)
        ]
        details.append(over(sum(m * lap for m, lap in zip(masks, laplacians)), some))
        planes, masks, some = lower, [slow_halved(mask) for mask in masks], less
    out = over(sum(m * over(p, some) for m, p in zip(masks, planes)), some)
    for detail, (less, spread_less) in zip(reversed(details), reversed(scales)):
        out = over(slow_doubled(out * less), spread_less) + detail
    inner = out[rim : rim + SIDE[0], rim : rim + SIDE[1]]
    return inner, cut, owner


def test_halving_and_doubling_are_the_five_tap_kernel():
    plane = np.random.default_rng(1).normal(size=(32, 48))
    np.testing.assert_allclose(halved(plane), slow_halved(plane), atol=1e-14)
    np.testing.assert_allclose(doubled(plane), slow_doubled(plane), atol=1e-14)
    np.testing.assert_array_equal(halved(plane[None].repeat(2, 0))[1], halved(plane))


@pytest.mark.parametrize("levels", [1, 3])
def test_the_change_is_that_of_the_pyramids_of_the_specification(levels):
    made = [noise(seed, np.float64, 1)[0] for seed in range(3)]
    labels = halves()
    labels[120:, 60:200] = 3
    everywhere = [np.ones(SIDE, bool)] * 3
    expected, cut, _ = slow_multiband(made, everywhere, labels, levels)
    images = [image(f"i{n}", plane[None]) for n, plane in enumerate(made)]
    found = whole(mixed(images, labels, 2**levels)).values[0]
    near = within(borders(labels), (3 << levels) - 1)
    np.testing.assert_allclose(found[near], expected[near], atol=1e-9)
    np.testing.assert_array_equal(found[~near], cut[~near])


@pytest.mark.parametrize("validity", ["all", "nodata"])
def test_images_smaller_than_a_window_are_mixed_as_the_specification_says(validity):
    places = [Window(col, row, 150, 130) for row in (0, 90) for col in (0, 110)]
    valids = [np.zeros(SIDE, bool) for _ in places]
    for valid, place in zip(valids, places):
        valid[place.slices] = True
    made = [np.where(v, noise(n, np.float64, 1)[0], 0) for n, v in enumerate(valids)]
    labels = 1 + (np.arange(SIDE[0])[:, None] >= 110) * 2 + (np.arange(SIDE[1]) >= 130)
    expected, cut, owner = slow_multiband(made, valids, labels, 3)
    images = [
        image(f"i{n}", made[n][None], valids[n], place, validity) for n, place in enumerate(places)
    ]
    view = mixed(images, labels, 8)
    near = within(borders(owner), (3 << 3) - 1)
    for side in (None, 64):
        found = whole(view, side)
        np.testing.assert_allclose(found.values[0][near], expected[near], atol=1e-9)
        np.testing.assert_array_equal(found.values[0][~near], cut[~near])
        np.testing.assert_array_equal(found.valid, owner > 0)


@pytest.mark.parametrize("side", [64, 97])
@pytest.mark.parametrize("width", [4, 16])
def test_windows_of_any_size_give_the_same(side, width):
    rng = np.random.default_rng(5)
    valids = [rng.random(SIDE) > 0.1 for _ in range(3)]
    labels = (np.add.outer(np.arange(SIDE[0]) // 40, np.arange(SIDE[1]) // 50) % 3) + 1
    images = [image(f"i{n}", noise(n), valid) for n, valid in enumerate(valids)]
    view = mixed(images, labels, width)
    one, many = whole(view), whole(view, side)
    np.testing.assert_array_equal(one.values, many.values)
    np.testing.assert_array_equal(one.valid, many.valid)


def test_many_levels_are_gathered_from_tiles_and_give_the_same(monkeypatch):
    from orthoweave.core.seams import multiband

    images = [image("a", noise(1, np.float32)), image("b", noise(2, np.float32))]
    labels = halves()
    direct = whole(mixed(images, labels, 16))
    monkeypatch.setattr(multiband, "DIRECT", 2)
    monkeypatch.setattr(multiband, "TILE", 64)
    np.testing.assert_array_equal(whole(mixed(images, labels, 16)).values, direct.values)


def test_small_images_are_gathered_from_tiles_too(monkeypatch):
    from orthoweave.core.seams import multiband

    places = [Window(col, row, 150, 130) for row in (0, 90) for col in (0, 110)]
    images = [image(f"i{n}", noise(n, np.float64), None, p) for n, p in enumerate(places)]
    labels = 1 + (np.arange(SIDE[0])[:, None] >= 110) * 2 + (np.arange(SIDE[1]) >= 130)
    direct = whole(mixed(images, labels, 16))
    monkeypatch.setattr(multiband, "DIRECT", 2)
    monkeypatch.setattr(multiband, "TILE", 64)
    found = whole(mixed(images, labels, 16))
    # sums in another order
    np.testing.assert_allclose(found.values, direct.values, atol=1e-9)


def test_a_wide_blend_stays_small_in_memory_and_away_from_the_seam_untouched():
    images = [image("a", flat(100)), image("b", flat(120))]
    found = whole(mixed(images, halves(), 64)).values[0]
    assert (np.diff(found[100].astype(int)) >= 0).all()
    assert 100 <= found.min() <= found.max() <= 120


@pytest.mark.parametrize("width", [4, 8, 16])
def test_two_flat_images_make_a_rising_ramp_near_the_seam_only(width):
    found = whole(mixed([image("a", flat(100)), image("b", flat(120))], halves(), width)).values[0]
    row = found[110].astype(int)
    assert (np.diff(row) >= 0).all() and (np.diff(row) <= 10).all()
    assert (row[: 130 - 3 * width] == 100).all() and (row[130 + 3 * width :] == 120).all()
    assert row[129] == 110 or row[130] == 110 or row[129] < 110 < row[130]
    np.testing.assert_array_equal(found, np.broadcast_to(row, SIDE))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_equal_images_stay_equal_to_the_last_bit(dtype):
    values = noise(3, dtype) * (np.pi if np.dtype(dtype).kind == "f" else 1)
    values = values.astype(dtype)
    checks = (np.indices(SIDE) // 24).sum(0) % 2 + 1
    found = whole(mixed([image("a", values), image("b", values)], checks, 16))
    assert found.values.tobytes() == values.tobytes()


def test_a_checkerboard_of_cells_changes_nothing_far_from_seams_and_keeps_the_range():
    checks = (np.indices(SIDE) // 70).sum(0) % 2 + 1
    found = whole(mixed([image("a", flat(100)), image("b", flat(140))], checks, 4)).values[0]
    cut = np.where(checks == 1, 100, 140)
    far = ~within(borders(checks), 12)
    assert far.any()
    np.testing.assert_array_equal(found[far], cut[far])
    assert found.min() >= 100 and found.max() <= 140


def test_there_is_no_halo_beside_invalid_areas_and_validity_is_that_of_the_cut():
    hole = np.ones(SIDE, bool)
    hole[60:150, 100:160] = False
    values = [flat(100), flat(120)]
    for plane in values:
        plane[:, ~hole] = 255
    images = [image("a", values[0], hole), image("b", values[1], hole)]
    found = whole(mixed(images, halves(), 16))
    np.testing.assert_array_equal(found.valid, hole)
    inside = found.values[0][hole].astype(int)
    # 2 counts of overshoot are what the specification allows
    assert inside.min() >= 98 and inside.max() <= 122


def test_the_border_of_a_filled_gap_is_a_seam():
    hole = np.ones(SIDE, bool)
    hole[90:130, 40:90] = False
    images = [image("a", flat(100), hole), image("b", flat(120))]
    found = whole(mixed(images, np.ones(SIDE, int), 4))
    assert found.valid.all()
    row = found.values[0][110].astype(int)
    assert row[65] == 120 and row[20] == 100
    assert len(set(row[30:50])) > 2
    kept = whole(mixed(images, np.ones(SIDE, int), 4, fill=False))
    np.testing.assert_array_equal(kept.valid, hole)
    assert set(kept.values[0][hole]) == {100}


def test_windows_far_from_seams_are_the_arrays_of_the_images():
    wide = image("a", flat(100), validity="all")
    view = mixed([wide, image("b", flat(90), validity="all")], halves(), 2)
    part = view.read(Window(0, 0, 40, 40))
    assert (part.values == 100).all()


def test_infinite_values_stay_and_do_not_spread():
    values = noise(4, np.float32, 1)
    values[0, 100, 128] = np.inf
    found = whole(mixed([image("a", values), image("b", noise(5, np.float32, 1))], halves(), 8))
    assert np.isposinf(found.values[0, 100, 128])
    assert np.isfinite(found.values).sum() == found.values.size - 1


def test_a_disc_is_exact():
    marks = np.zeros((40, 50), bool)
    marks[20, 25] = marks[0, 0] = True
    rows, cols = np.indices(marks.shape)
    far = np.minimum(np.hypot(rows - 20, cols - 25), np.hypot(rows, cols))
    for radius in (1, 5, 12, 127, 128, 200):
        np.testing.assert_array_equal(within(marks, radius), far <= radius)
    assert not within(np.zeros((3, 4), bool), 2).any()


def test_double_precision_changes_the_last_digits_only():
    images = [image("a", noise(1, np.float32)), image("b", noise(2, np.float32))]
    found = [
        whole(mixed(images, halves(), 8, precision=kind)).values for kind in ("auto", "float64")
    ]
    assert (found[0] != found[1]).any()
    # sums of a few dozen float32 numbers near 200
    np.testing.assert_allclose(found[0], found[1], atol=2e-4)


def test_ground_that_nobody_sees_near_a_seam_stays_empty():
    valid = np.ones(SIDE, bool)
    valid[:, :100] = False
    images = [image("a", flat(90), valid), image("b", flat(120), valid)]
    found = whole(mixed(images, halves(), 128), 64)
    np.testing.assert_array_equal(found.valid, valid)


def test_tiles_of_many_bands_are_lower_and_mix_the_same():
    view = mixed([image("a", noise(1, bands=8)), image("b", noise(2, bands=8))], halves(), 16)
    every = view.read(GRID.window).values
    for band in (1, 5, 8):
        np.testing.assert_array_equal(every[band - 1], view.read(GRID.window, (band,)).values[0])


def test_images_that_are_alike_are_not_taken_apart(monkeypatch):
    from orthoweave.core.seams import blending

    values = noise(3)
    view = mixed([image("a", values), image("b", values)], halves(), 16)
    monkeypatch.delattr(blending, "_mixed")
    np.testing.assert_array_equal(whole(view).values, values)
    with pytest.raises(NameError):
        whole(mixed([image("a", values), image("b", values + 1)], halves(), 16))


def test_the_cells_of_a_window_are_looked_up_once():
    class Counted(ArrayImage):
        looks = 0

        def read(self, *what, **how):
            Counted.looks += 1
            return super().read(*what, **how)

    labels = labeled(halves()).labels
    seams = Seams(Counted(**vars(labels)))
    images = [image("a", noise(1)), image("b", noise(2))]
    view = mosaic(images, GRID, Overlap("multiband", seams, 8))
    expected = whole(mixed(images, halves()))
    window = Window(90, 40, 80, 60)
    found = view.read(window)
    assert Counted.looks == 1
    np.testing.assert_array_equal(found.values, expected.values[window.banded(GRID.window)])


def test_a_window_that_several_images_fill_is_known_to_be_valid():
    view = mixed([image("a", noise(1)), image("b", noise(2))], halves())
    assert uniform(whole(view).valid) is True
