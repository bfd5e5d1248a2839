# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.displacements.pair import crossing
from orthoweave.core.errors import IncompatibleImages
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.raster import parse_crs
from orthoweave.core.registration.lattice import averaged, frame_of, lattice_of, mapping_between
from orthoweave.core.windows import Window

UTM, GEO = parse_crs("EPSG:32633"), parse_crs("EPSG:4326")
NORTH_UP = (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)


def image(rows, cols, transform=NORTH_UP, crs=UTM, values=None, valid=None):
    values = np.zeros((rows, cols), "float32") if values is None else values
    valid = np.ones((rows, cols), bool) if valid is None else valid
    return ArrayImage("made", Grid(cols, rows, transform, crs), values[None], valid)


def moved(east, north, size=10.0):
    return (500000.0 + east, size, 0.0, 5000000.0 + north, 0.0, -size)


@pytest.mark.parametrize(
    ("transform", "size", "grid", "overlap"),
    [
        (moved(0, 0), (100, 120), (120, 100), (0, 0, 120, 100)),
        # the search reaches a third of the shorter side of the overlap beyond it
        (moved(200, 0), (100, 120), (120, 100), (20, 0, 100, 100)),
        (moved(600, -500), (100, 120), (77, 67), (20, 20, 60, 50)),
    ],
)
def test_the_lattice_covers_the_overlap_and_the_search(transform, size, grid, overlap):
    found = lattice_of(image(100, 120), image(*size, transform))
    assert found.overlap == Window(*overlap) or found.overlap.pixels == Window(*overlap).pixels
    assert found.factor == (1.0, 1.0)
    assert found.grid.offset(found.reference.grid) is not None
    assert (found.grid.width, found.grid.height) >= grid


def test_images_apart_get_their_extents():
    with pytest.raises(IncompatibleImages, match="do not overlap, even allowing MAX_SHIFT"):
        lattice_of(image(100, 120), image(100, 120, moved(9000, 0)))


@pytest.mark.parametrize(("size", "factor"), [(10, 1), (14, 1), (20, 2), (30, 3), (5, 1)])
def test_a_coarser_moving_image_sets_the_pixels(size, factor):
    found = lattice_of(image(120, 120), image(80, 80, moved(0, 0, size)))
    assert found.factor == pytest.approx((factor, factor))


def test_solve_resolutions_are_raised_to_the_reference():
    for sizes, factor in (((40.0, 20.0), 2), ((0.0,), 1), ((3.0,), 1)):
        found = lattice_of(image(120, 120), image(120, 120), resolutions=sizes)
        assert found.factor == pytest.approx((factor, factor))


def test_pixels_become_squares_on_the_ground_where_a_rotation_needs_it():
    at = (10.0, 0.0001, 0.0, 60.0, 0.0, -0.0001)
    both = [image(200, 300, at, GEO) for _ in range(2)]
    found = lattice_of(*both).grid
    kx, ky = frame_of(found, 10.0, 59.99).scale
    assert found.transform[1] * kx == pytest.approx(-found.transform[5] * ky, rel=1e-3)
    assert lattice_of(*both, square=False).grid.pixel_size == pytest.approx((0.0001, 0.0001))


def test_means_leave_out_what_is_not_valid():
    values = np.arange(64, dtype="float32").reshape(8, 8)
    valid = np.ones((8, 8), bool)
    valid[0, :2] = valid[2:4, :3] = False
    values[~valid] = 9999
    means, kept = averaged(image(8, 8, values=values, valid=valid), Window(-2, 0, 10, 8), 2)
    assert means.shape == (4, 5) and not kept[:, 0].any()
    assert means[0, 1] == pytest.approx((8 + 9) / 2) and kept[0, 1]
    assert not kept[1, 1] and kept[1, 2]
    assert means[1, 2] == pytest.approx((19 + 27) / 2)


def test_large_whole_numbers_keep_their_differences():
    values = (4_000_000_000 + np.arange(64).reshape(8, 8)).astype("uint32")
    found, _ = averaged(image(8, 8, values=values), Window(0, 0, 8, 8))
    np.testing.assert_allclose(np.diff(found[0]), 1.0)


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:32632", "EPSG:4326"])
def test_positions_in_the_moving_image_are_exact(crs):
    here = Grid(300, 260, NORTH_UP, UTM)
    there = Grid(300, 260, NORTH_UP, UTM)
    if crs == "EPSG:4326":
        there = Grid(300, 260, (15.0, 0.0001, 0.0, 45.2, 0.0, -0.0001), GEO)
    elif crs == "EPSG:32632":
        there = Grid(300, 260, (970000.0, 10.0, 1.0, 5017000.0, 1.5, -10.0), parse_crs(crs))
    across = crossing(here, there)
    mapping = mapping_between(across, here.window)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 260, (2, 500))
    want, found = across.at(x, y), mapping(x, y)
    assert max(np.abs(a - b).max() for a, b in zip(want, found)) < 1e-3


def test_levels_in_memory_lie_on_the_same_ground():
    rng = np.random.default_rng(1)
    lattice = lattice_of(
        image(200, 240, values=rng.normal(size=(200, 240)).astype("float32")),
        image(200, 240, moved(30, -20), values=rng.normal(size=(200, 240)).astype("float32")),
    )
    held = lattice.read()
    small = held.coarser(3)
    x, y = np.array([10.0, 40.0]), np.array([20.0, 30.0])
    fine = held.patch.mapping(x * 3 + 1, y * 3 + 1)
    coarse = small.patch.mapping(x, y)
    for a, b in zip(fine, coarse):
        np.testing.assert_allclose((a - 1) / 3, b, atol=1e-6)
