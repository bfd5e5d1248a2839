# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from orthoweave.core.sample.scenes import (
    NOISE,
    PIXEL_M,
    Frame,
    canvas_of,
    exposed,
    mosaic,
    painted,
    pair,
    truth,
)

SIZE = 192


def painted_canvas(scene):
    canvas = canvas_of(scene)
    for window, values in painted(scene):
        canvas[:, window.row : window.bottom] = values
    return canvas


@pytest.fixture(scope="module")
def canvas():
    return painted_canvas(mosaic(SIZE, 1))


def shift_between(reference, moving, guess):
    """Displacement by least squares on gradients, from a guess (Lucas and Kanade 1981)."""
    found = np.array(guess, float)
    rows, cols = np.mgrid[50 : SIZE - 50, 50 : SIZE - 50]
    for _ in range(6):
        seen = bilinear(moving, cols + found[0], rows + found[1])
        dy, dx = np.gradient(seen)
        slope = np.stack([dx[2:-2, 2:-2].ravel(), dy[2:-2, 2:-2].ravel()], 1)
        off = (reference[rows, cols] - seen)[2:-2, 2:-2].ravel()
        found += np.linalg.lstsq(slope, off, rcond=None)[0]
    return found


def bilinear(values, x, y):
    col, row = np.floor(x).astype(int), np.floor(y).astype(int)
    right, down = x - col, y - row
    upper = values[row, col] * (1 - right) + values[row, col + 1] * right
    lower = values[row + 1, col] * (1 - right) + values[row + 1, col + 1] * right
    return upper * (1 - down) + lower * down


@pytest.mark.parametrize("shift", [(2.3, -1.7), (0.0, 0.0), (-19.5, 20.0)])
def test_the_moving_image_is_displaced_by_the_known_shift(canvas, shift):
    scene = pair(SIZE, 1, shift)
    reference, moving = (exposed(frame, canvas, scene, "") for frame in scene.frames)
    frame = scene.frames[1]
    red = (moving.values[2] - frame.offsets[2]) / frame.gains[2]
    near = (round(shift[0]), round(shift[1]))
    found = shift_between(reference.values[2].astype(float), red, near)
    # bilinear interpolation of a sharp scene smooths its edges, which biases the estimate a little
    assert found == pytest.approx(shift, abs=0.05)


def test_counts_are_gain_times_ground_plus_offset(canvas):
    scene = mosaic(SIZE, 1)
    for frame in scene.frames:
        still = dataclasses.replace(frame, shift=(0.0, 0.0), clouds=(), turn=0.0, part=1.0)
        plain = dataclasses.replace(still, gains=(1.0,) * 4, offsets=(0.0,) * 4, name="plain")
        seen, ground = (exposed(one, canvas, scene, "").values for one in (still, plain))
        for band in range(4):
            gain, offset = np.polyfit(ground[band].ravel(), seen[band].ravel(), 1)
            # noise of the plain image flattens the line by (noise / spread)², here < 1 %
            assert gain == pytest.approx(frame.gains[band], rel=0.01)
            assert offset == pytest.approx(frame.offsets[band], abs=8)


def test_valid_pixels_are_never_zero_and_others_always(canvas):
    scene = mosaic(SIZE, 1)
    for frame in scene.frames:
        image = exposed(frame, canvas, scene, "")
        assert np.array_equal(image.values.all(0), image.valid)
        assert np.array_equal(image.values.any(0), image.valid)
        assert np.array_equal(image.valid, frame.valid())


def test_one_footprint_is_rotated_and_the_images_leave_no_hole():
    frames = mosaic(SIZE, 1).frames
    assert [frame.turn != 0 for frame in frames] == [False, True, False, False]
    side = max(max(frame.corner) for frame in frames) + SIZE
    covered = np.zeros((side, side), bool)
    for frame in frames:
        col, row = frame.corner
        covered[row : row + SIZE, col : col + SIZE] |= frame.valid()
    assert not (~covered & ~outside(covered)).any()


def outside(covered):
    """What can be reached from beyond the edge without crossing covered ground."""
    free, before = np.pad(~covered, 1, constant_values=True), -1
    reached = np.zeros_like(free)
    reached[0] = True
    while reached.sum() != before:
        before = reached.sum()
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            reached |= np.roll(reached, step, axis) & free
    return reached[1:-1, 1:-1]


def test_the_cloud_lies_inside_its_polygon_and_where_another_image_sees_the_ground(canvas):
    scene = mosaic(SIZE, 1)
    frame = scene.frames[3]
    clear = dataclasses.replace(frame, clouds=())
    hidden = exposed(frame, canvas, scene, "").values[0].astype(int)
    seen = exposed(clear, canvas, scene, "").values[0]
    rows, cols = np.nonzero(hidden != seen)
    assert len(rows) > 0.008 * SIZE * SIZE
    ring = np.array(truth((scene,))["mosaic"][3]["clouds"][0])
    x, y = frame.grid.to_map(cols + 0.5, rows + 0.5)
    assert all(inside(ring, point) for point in zip(x, y))
    left = scene.frames[2]
    col, row = left.grid.to_pixel(ring[:, 0], ring[:, 1])
    assert col.min() >= 0 and col.max() <= SIZE and row.min() >= 0 and row.max() <= SIZE


def inside(ring, point):
    turns = np.arctan2(ring[:, 1] - point[1], ring[:, 0] - point[0])
    steps = np.mod(np.diff(turns) + math.pi, 2 * math.pi) - math.pi
    return abs(steps.sum()) > math.pi


def test_truth_lists_every_image_with_map_units():
    known = truth((pair(SIZE, 1, (2.3, -1.7)), mosaic(SIZE, 1)))
    assert [one["file"] for one in known["pair"]] == ["reference.tif", "moving.tif"]
    assert [one["file"] for one in known["mosaic"]] == [f"image_{n}.tif" for n in (1, 2, 3, 4)]
    shift = known["pair"][1]["shift"]
    assert (shift["east"], shift["north"]) == (2.3 * PIXEL_M, 1.7 * PIXEL_M)
    assert str(known["pair"][0]["shift"]["north"]) == "0.0"
    assert known["noise"] == NOISE


def test_frames_share_the_pixels_of_the_ground():
    first, *others = mosaic(SIZE, 1).frames
    assert all(first.grid.offset(other.grid) is not None for other in others)
    assert Frame("a", 4, (0, 0)).valid().all()
