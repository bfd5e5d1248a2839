# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.grid import Grid
from orthoweave.core.transform.bspline import BSplineField
from orthoweave.core.transform.correction import (
    Chain,
    Correction,
    Frame,
    correction_of,
    frame_at,
    identity,
    moved_transform,
)
from orthoweave.core.transform.models import Linear


def rotated(degrees, pixel=10.0):
    c, s = pixel * math.cos(math.radians(degrees)), pixel * math.sin(math.radians(degrees))
    return Grid(400, 300, (5e5, c, s, 5e6, s, -c))


GRIDS = {
    "north-up": Grid(400, 300, (5e5, 10.0, 0.0, 5e6, 0.0, -10.0)),
    "south-up": Grid(400, 300, (5e5, 10.0, 0.0, 5e6 - 3000, 0.0, 10.0)),
    "turned by 30 degrees": rotated(30),
    "geographic": Grid(400, 300, (12.0, 1e-4, 0.0, 60.0, 0.0, -1e-4)),
    "oblong pixels": Grid(400, 300, (5e5, 10.0, 0.0, 5e6, 0.0, -7.0)),
}


def turn(degrees, scale=1.0):
    c, s = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    return ((c, -s), (s, c))


def frame_of(grid, geographic=False):
    return frame_at(*grid.to_map(200, 150), geographic=geographic)


def field(size=4.0):
    rng = np.random.default_rng(4)
    return BSplineField((-2100.0, 1600.0), (300.0, -300.0), *rng.normal(0, size, (2, 12, 15)))


def places(grid, count=500):
    rng = np.random.default_rng(6)
    return grid.to_map(rng.uniform(0, grid.width, count), rng.uniform(0, grid.height, count))


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("kind", ["translation", "rigid", "similarity", "affine"])
def test_a_model_in_pixels_means_the_same_on_the_map(name, kind):
    grid = GRIDS[name]
    matrix = {
        "translation": ((1.0, 0.0), (0.0, 1.0)),
        "rigid": turn(1.5),
        "similarity": turn(-0.7, 1.01),
        "affine": ((1.01, 0.002), (-0.004, 0.993)),
    }[kind]
    model = Linear(kind, matrix, (3.4, -2.2), (180.0, 120.0))
    made = correction_of(model, grid, frame_of(grid, name == "geographic"))
    x, y = np.random.default_rng(1).uniform(0, 300, (2, 100))
    dx, dy = made.displacements(grid, x, y)
    # map coordinates of 5e6 hold 1e-9
    np.testing.assert_allclose((dx, dy), model.predict(x, y), atol=1e-8)


def test_a_rotation_has_one_sign_on_the_map_whatever_the_grid():
    for name in ("north-up", "turned by 30 degrees"):
        grid = GRIDS[name]
        made = correction_of(
            Linear("rigid", turn(1.5), (1.0, 2.0), (9.0, 8.0)), grid, frame_of(grid)
        )
        assert made.linear.rotation == pytest.approx(1.5) and made.linear.kind == "rigid"
    flipped = GRIDS["south-up"]
    made = correction_of(Linear("rigid", turn(1.5)), flipped, frame_of(flipped))
    assert made.linear.rotation == pytest.approx(-1.5)


@pytest.mark.parametrize(("name", "kind"), [("geographic", "affine"), ("oblong pixels", "affine")])
def test_a_rotation_of_pixels_that_are_no_squares_is_affine(name, kind):
    made = correction_of(Linear("rigid", turn(1)), GRIDS[name], frame_of(GRIDS[name], True))
    assert made.linear.kind == kind


def test_a_translation_stays_one_exactly():
    grid = rotated(30)
    made = correction_of(Linear("translation", shift=(3.0, 1.0)), grid, frame_of(grid))
    assert made.linear.matrix == ((1.0, 0.0), (0.0, 1.0))
    assert not made.identity and identity("").identity


def test_a_rotation_in_degrees_is_one_on_the_ground():
    frame = frame_at(12.0, 60.0, geographic=True)
    assert frame.scale == pytest.approx((0.5, 1.0))
    made = Correction("", frame, Linear("rigid", turn(10), y_up=True))
    x, y = made(12.02, 60.0)
    # 0.02 degrees of longitude are as long as 0.01 degrees of latitude there
    assert (x - 12.0) * 0.5 == pytest.approx(0.01 * math.cos(math.radians(10)))
    assert y - 60.0 == pytest.approx(0.01 * math.sin(math.radians(10)))


@pytest.mark.parametrize("with_field", [False, True])
def test_the_inverse_brings_every_position_back(with_field):
    grid = GRIDS["north-up"]
    linear = Linear("affine", ((1.01, 0.02), (-0.03, 0.99)), (34.0, -22.0), y_up=True)
    made = Correction("", frame_of(grid), linear, field() if with_field else None)
    x, y = places(grid)
    there, back = made(*made.inverse()(x, y)), made.inverse()(*made(x, y))
    # .002 px of 10 m are asked for; Newton's method leaves what map coordinates of 5e6 hold
    for found in (there, back):
        assert max(np.abs(found[0] - x).max(), np.abs(found[1] - y).max()) < 1e-7
    assert made.inverse().inverse() is made


def test_a_strength_multiplies_displacements():
    grid = GRIDS["north-up"]
    linear = Linear("rigid", turn(2), (34.0, -22.0), y_up=True)
    made = Correction("", frame_of(grid), linear, field())
    x, y = places(grid)
    whole, half = made(x, y), made.scaled(0.5)(x, y)
    np.testing.assert_allclose(half[0] - x, 0.5 * (whole[0] - x), atol=1e-7)
    np.testing.assert_allclose(half[1] - y, 0.5 * (whole[1] - y), atol=1e-7)
    assert made.scaled(1.0) is made and made.scaled(0.5).linear.kind == "similarity"


def test_ground_that_folds_over_is_found():
    frame = Frame((1000.0, 2000.0))
    dx = np.zeros((9, 9))
    dx[4, 4] = 100.0
    gentle = Correction(
        "",
        frame,
        Linear("translation", y_up=True),
        BSplineField((0.0, 0.0), (100.0, 100.0), dx, 0 * dx),
    )
    least, x, y = gentle.least_determinant()
    # the slope of 2/3 B3 at half a node is -5/8 per step
    assert least == pytest.approx(1 - 0.625 * 2 / 3) and (x, y) == (1450.0, 2400.0)
    gentle.refuse_folding()
    wild = replace(gentle, field=gentle.field.scaled(2.5))
    with pytest.raises(NoSolution, match=r"folds over near \(1450, 2400\)\. Raise LOCAL_SPACING"):
        wild.refuse_folding()
    away = Grid(10, 10, (1000.0, 10.0, 0.0, 2100.0, 0.0, -10.0))
    wild.refuse_folding(away)


def test_a_correction_wants_coordinates_that_point_up():
    with pytest.raises(NoSolution, match="points up"):
        Correction("", Frame(), Linear("translation"))


def test_a_center_elsewhere_means_the_same():
    linear = Linear("rigid", turn(5), (3.0, 4.0), (100.0, -50.0), y_up=True)
    made = Correction("", Frame(), linear)
    assert made.linear.center == (0.0, 0.0)
    np.testing.assert_allclose(made(20.0, 30.0), linear.at(20.0, 30.0))


@pytest.mark.parametrize("name", GRIDS)
def test_a_geotransform_holds_every_straight_correction(name):
    grid = GRIDS[name]
    made = correction_of(
        Linear("affine", ((1.01, 0.002), (-0.004, 0.993)), (3.0, 2.0)), grid, frame_of(grid)
    )
    transform, wrong = moved_transform(grid, made.inverse())
    assert wrong < 1e-6
    placed = replace(grid, transform=transform)
    cols, rows = np.random.default_rng(2).uniform(0, 300, (2, 50))
    # what the moved grid shows at a true position is what the stored one shows where it is seen
    col, row = grid.to_pixel(*made(*placed.to_map(cols, rows)))
    np.testing.assert_allclose((col, row), (cols, rows), atol=1e-5)


def test_a_shift_leaves_the_pixels_of_a_geotransform_alone():
    grid = GRIDS["north-up"]
    shift = Correction("", frame_of(grid), Linear("translation", shift=(1 / 3, 0.1), y_up=True))
    transform, _ = moved_transform(grid, shift.inverse())
    assert transform[1:3] == (10.0, 0.0) and transform[4:] == (0.0, -10.0)
    assert transform[0] == pytest.approx(5e5 - 1 / 3) and transform[3] == pytest.approx(5e6 - 0.1)


def test_a_bent_mapping_does_not_fit_a_geotransform():
    grid = GRIDS["north-up"]
    bent = Correction("", frame_of(grid), Linear("translation", y_up=True), field())
    assert moved_transform(grid, bent)[1] > 0.01


def test_mappings_are_chained_in_order_and_can_be_sent_elsewhere():
    first = Correction("", Frame(), Linear("translation", shift=(1.0, 0.0), y_up=True))
    second = Correction("", Frame(), Linear("similarity", turn(0, 2.0), y_up=True))
    chain = pickle.loads(pickle.dumps(Chain((first, second))))
    assert chain(1.0, 1.0) == (4.0, 2.0)
