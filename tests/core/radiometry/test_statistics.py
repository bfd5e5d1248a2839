# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import Details, Pixels, constant
from orthoweave.core.placement import common_canvas
from orthoweave.core.radiometry.selection import Selection
from orthoweave.core.radiometry.statistics import JointSums, OwnSums, fixed_center
from orthoweave.core.survey import Part
from orthoweave.core.vector import Burned
from orthoweave.core.windows import Window

BOXES = {"a": (0, 0, 330, 300), "c": (150, 40, 300, 310), "b": (37, 111, 290, 240)}


def made(cut, scene, dtype, seed=2):
    """Three images with random invalid pixels, overlapping by twos and threes."""
    rng = np.random.default_rng(seed)
    ground = scene(2, 400, 460)
    images = []
    for index, (name, box) in enumerate(BOXES.items()):
        valid = rng.random((box[3], box[2])) > 0.2 * index
        gain = 1 + 0.1 * index
        image = cut(ground, name, box, gain, 7.0 * index, dtype=dtype, valid=valid)
        image.values[:, ~valid] = 0 if np.dtype(dtype).kind != "f" else np.nan
        images.append(image)
    return images


def common(one, other):
    """Values of both images over the pixels valid in both, by plain slicing."""
    a, b = BOXES[one.name], BOXES[other.name]
    left, top = max(a[0], b[0]), max(a[1], b[1])
    right, bottom = min(a[0] + a[2], b[0] + b[2]), min(a[1] + a[3], b[1] + b[3])
    parts = []
    for image, box in ((one, a), (other, b)):
        place = (slice(top - box[1], bottom - box[1]), slice(left - box[0], right - box[0]))
        parts.append((image.values[(slice(None), *place)].astype(float), image.valid[place]))
    valid = parts[0][1] & parts[1][1]
    return parts[0][0][:, valid], parts[1][0][:, valid]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
def test_sums_equal_a_brute_force_count_on_random_validity(dtype, cut, scene, surveyed):
    images = made(
        cut, lambda *shape: scene(*shape) / 40 if dtype == "uint8" else scene(*shape), dtype
    )
    whole, overlaps = surveyed(images)
    by_name = {image.name: image for image in images}
    assert whole.names == ("a", "b", "c")
    for at, name in enumerate(whole.names):
        image = by_name[name]
        values = image.values[:, image.valid].astype(float)
        assert whole.size[at] == values.shape[1]
        # sums in float64 of a million numbers lose about 1e-12 of them
        np.testing.assert_allclose(whole.mean[at], values.mean(1), rtol=1e-10)
        np.testing.assert_allclose(whole.std[at], values.std(1), rtol=1e-10)
        np.testing.assert_array_equal(whole.low[at], values.min(1))
        np.testing.assert_array_equal(whole.high[at], values.max(1))
    moments = overlaps.moments()
    assert overlaps.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    for pair, ends in enumerate(overlaps.pairs):
        sides = common(*(by_name[whole.names[end]] for end in ends))
        assert overlaps.size[pair] == sides[0].shape[1]
        for side, values in enumerate(sides):
            mean = moments.mean[side, :, pair] + overlaps.center
            np.testing.assert_allclose(mean, values.mean(1), rtol=1e-10)
            np.testing.assert_allclose(moments.std[side, :, pair], values.std(1), rtol=1e-10)
        for band in range(2):
            expected = np.corrcoef(sides[0][band], sides[1][band])[0, 1]
            assert overlaps.correlation[pair, band] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_sums_do_not_depend_on_the_order_of_images_or_on_threads(dtype, cut, scene, surveyed):
    images = made(cut, scene, dtype)
    whole, overlaps = surveyed(images)
    for order, threads in (((2, 1, 0), 1), ((1, 0, 2), 3)):
        again, shared = surveyed([images[index] for index in order], threads=threads)
        np.testing.assert_array_equal(again.mean, whole.mean)
        np.testing.assert_array_equal(again.std, whole.std)
        for name in ("pairs", "count", "total", "square", "correlation", "center"):
            np.testing.assert_array_equal(getattr(shared, name), getattr(overlaps, name))


def test_cells_of_a_pair_hold_the_sums_of_their_pixels(cut, scene, surveyed):
    images = made(cut, scene, "uint16")[:2]
    _, overlaps = surveyed(images)
    first, second = common(*images)
    assert overlaps.count.sum() == first.shape[1]
    assert len(overlaps.count) > 20
    for side, values in enumerate((first, second)):
        centered = values - overlaps.center[:, None]
        np.testing.assert_array_equal(overlaps.total[side].sum(1), centered.sum(1))
        np.testing.assert_array_equal(overlaps.square[side].sum(1), (centered**2).sum(1))


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_polygons_inside_and_outside_add_up_to_all_pixels(dtype, cut, scene, surveyed):
    from osgeo import ogr

    images = made(cut, scene, dtype)
    ring = "POLYGON((80 -50,300 -120,260 -300,120 -280,80 -50))"
    wkb = bytes(ogr.CreateGeometryFromWkt(ring).ExportToWkb())
    canvas = common_canvas(images)
    found = []
    for include in (True, False):
        own = Selection(tuple(Burned(i.grid, ((wkb, 1),)) for i in images), include)
        joint = Selection((Burned(canvas, ((wkb, 1),)),) * len(images), include)
        found.append(surveyed(images, own, joint))
    (inside, shared_in), (outside, shared_out) = found
    whole, overlaps = surveyed(images)
    np.testing.assert_array_equal(inside.size + outside.size, whole.size)
    np.testing.assert_array_equal(shared_in.size + shared_out.size, overlaps.size)
    assert (inside.size > 0).all() and (outside.size > 0).all()


def test_spread_is_compared_over_means_where_grids_do_not_coincide(cut, scene, surveyed):
    ground = scene(1, 300, 300)
    rng = np.random.default_rng(0)
    noisy = ground + rng.standard_normal(ground.shape) * 250
    still = cut(noisy, "a", (0, 0, 260, 260))
    # the same ground, half a pixel off: what lies between four pixels is their mean
    between = (noisy[:, 1:, 1:] + noisy[:, :-1, 1:] + noisy[:, 1:, :-1] + noisy[:, :-1, :-1]) / 4
    moved = cut(between, "b", (0, 0, 260, 260), shift=(0.5, 0.5))
    _, overlaps = surveyed([still, moved])
    std = overlaps.moments().std[:, 0, 0]
    blurred = between[0, :250, :250].std() / noisy[0, :250, :250].std()
    assert blurred < 0.8
    # means of 4 × 4 still lose a little of the noise to the resampling, pixels would lose 20 %
    assert std[1] / std[0] == pytest.approx(1.0, abs=0.03)
    assert overlaps.size[0] == pytest.approx(259 * 259, rel=0.01)


def test_where_many_images_meet_each_keeps_its_largest_partners():
    grids = tuple(Grid(64, 64 + n, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)) for n in range(20))
    sums = JointSums(Grid(64, 96, grids[0].transform), grids, True, np.zeros(1))
    pixels = Pixels(np.ones((1, 64, 64), np.uint8), constant(True, (64, 64)))
    window = Window(0, 0, 64, 64)
    partial = sums.feed(window, {index: Part(window, pixels) for index in range(20)})
    pairs = {pair for pair, _ in partial}
    assert 20 * 12 / 2 <= len(pairs) < 190
    for index in range(20):
        assert sum(index in pair for pair in pairs) >= 12
    # image 19 shares most with the largest of the others
    assert {(index, 19) for index in range(7, 19)} <= pairs
    few = sums.feed(window, {index: Part(window, pixels) for index in range(13)})
    assert len(few) == 78


def test_parts_without_a_common_used_pixel_make_no_pair():
    grid = Grid(64, 64, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    sums = JointSums(grid, (grid, grid), True, np.zeros(1))
    left = np.zeros((64, 64), bool)
    left[:, :32] = True
    values = np.ones((1, 64, 64), np.uint8)
    window = grid.window
    parts = {0: Part(window, Pixels(values, left)), 1: Part(window, Pixels(values, ~left))}
    assert sums.feed(window, parts) == ()
    apart = {0: Part(Window(0, 0, 64, 32), Pixels(values[:, :32], left[:32])),
             1: Part(Window(0, 32, 64, 32), Pixels(values[:, 32:], left[32:]))}  # fmt: skip
    assert sums.feed(window, apart) == ()


def test_a_black_rim_is_counted_only_where_no_nodata_is_declared(cut, scene):
    image = cut(scene(1, 20, 20), "a", (0, 0, 20, 20), dtype="uint8")
    image.values[:, 0] = 0
    for details, expected in ((Details(validity="all"), (80, 22)), (Details(), (0, 0))):
        one = type(image)("a", image.grid, image.values, image.valid, None, (), details)
        sums = OwnSums([one], np.zeros(1), None)
        sums.merge(sums.feed(0, one.grid.window, one.read(one.grid.window)))
        assert (sums.images[0].border, sums.images[0].black_border) == expected


def test_the_center_of_decimal_numbers_is_near_their_mean(cut, scene):
    ground = scene(2, 50, 60)
    whole = cut(ground, "b", (0, 0, 60, 50), dtype="uint16")
    decimal = cut(ground, "a", (0, 0, 60, 50))
    blank = cut(ground, "0", (0, 0, 60, 50), valid=np.zeros((50, 60), bool))
    assert fixed_center([whole]).tolist() == [0, 0]
    np.testing.assert_allclose(fixed_center([whole, decimal, blank]), ground.mean((1, 2)))
    assert fixed_center([blank]).tolist() == [0, 0]
