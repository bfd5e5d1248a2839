# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.raster import open_image, parse_crs
from orthoweave.core.registration.gridding import Lattices, aligned, pixel_in, reach
from orthoweave.core.transform.framed import Framed
from orthoweave.core.transform.warped import Moved, Warped


@pytest.fixture
def opened(write):
    """Open an image of a size and place: opened("a.tif", (30, 40), transform=…)."""

    def make(name, shape=(30, 40), **how):
        return open_image(write(name, np.ones(shape, np.uint8), **how))

    return make


def place(x, y, px, py=None):
    return (x, px, 0.0, y, 0.0, -(py or px))


@pytest.fixture
def three(opened):
    return [
        opened("a.tif", transform=place(500003, 5000007, 10, 12)),
        opened("b.tif", transform=place(500100, 5000000, 20, 6)),
        opened("c.tif", transform=place(500001, 5000100, 30, 30)),
    ]


@pytest.mark.parametrize(
    ("resolution", "size"),
    [("highest", (10, 6)), ("lowest", (30, 30)), ("average", (20, 16)), ((7.5, 4.0), (7.5, 4))],
)
def test_pixel_sizes_are_taken_along_each_axis(three, resolution, size):
    lattices = Lattices(three[0].grid.crs, resolution).of(three)
    assert len(set(lattices)) == 1
    assert lattices[0].pixel_size == pytest.approx(size)
    # the pixels of the first image, made larger or smaller, begin where they began
    assert lattices[0].to_map(0, 0) == (500003, 5000007)


def test_native_pixels_begin_where_the_first_image_begins(three):
    lattices = Lattices(three[0].grid.crs, "native").of(three)
    assert [one.pixel_size for one in lattices] == [image.grid.pixel_size for image in three]
    assert {one.to_map(0, 0) for one in lattices} == {(500003, 5000007)}


def test_with_phases_of_their_own_images_keep_their_corners(three):
    lattices = Lattices(three[0].grid.crs, "highest", own_phase=True).of(three)
    for lattice, image in zip(lattices, three):
        assert lattice.to_map(0, 0) == image.grid.to_map(0, 0)
        assert lattice.pixel_size == pytest.approx((10, 6))


def test_snapped_pixels_are_multiples(three):
    (lattice,) = set(Lattices(three[0].grid.crs, (7.0, 9.0), tap=True).of(three))
    assert lattice.transform == (0.0, 7.0, 0.0, 0.0, 0.0, -9.0)


def test_nearly_equal_pixels_count_as_equal(opened):
    images = [
        opened("a.tif", transform=place(5e5, 5e6, 10)),
        opened("b.tif", transform=place(5e5, 5e6, 10 - 1e-8)),
    ]
    lattice = Lattices(images[0].grid.crs).of(images)[0]
    assert lattice.transform == images[0].grid.transform


def test_rotated_and_south_up_lattices_are_kept(opened):
    turned = opened("t.tif", transform=(5e5, 8.0, 6.0, 5e6, 6.0, -8.0))
    lattice = Lattices(turned.grid.crs, (5.0, 5.0)).of([turned])[0]
    assert lattice.transform == pytest.approx((5e5, 4.0, 3.0, 5e6, 3.0, -4.0))
    up = opened("u.tif", transform=(5e5, 10.0, 0.0, 5e6, 0.0, 10.0))
    assert Lattices(up.grid.crs).of([up])[0].transform == up.grid.transform


def test_a_size_in_another_crs_is_that_at_the_center(opened):
    # one degree of latitude is about 111.2 km, of longitude at 60 degrees half of it
    image = opened("g.tif", (100, 100), transform=place(15, 60.05, 0.001), crs="EPSG:4326")
    across, down = pixel_in(image, parse_crs("EPSG:32633"))
    assert across == pytest.approx(55.8, abs=0.3) and down == pytest.approx(111.4, abs=0.3)
    back = opened("u.tif", (100, 100), transform=place(500000, 6652000, 50), crs="EPSG:32633")
    size = pixel_in(back, parse_crs("EPSG:4326"))
    assert size[0] == pytest.approx(50 / 55800, rel=0.01)
    assert size[1] == pytest.approx(50 / 111400, rel=0.01)


def test_a_crs_that_does_not_reach_an_image_is_refused(opened):
    image = opened("g.tif", transform=place(0, 120, 0.001), crs="EPSG:4326")
    with pytest.raises(IncompatibleImages, match=r"^g\.tif \(EPSG:4326\) reaches beyond the area"):
        pixel_in(image, parse_crs("EPSG:32633"))


def test_without_image_in_the_crs_the_corner_of_the_first_one_is_kept(three):
    crs = parse_crs("EPSG:32634")
    (lattice,) = set(Lattices(crs, "highest").of(three))
    assert not lattice.rotated and lattice.transform[5] < 0
    window = reach(three[0].grid, lattice)
    assert (window.col, window.row) == (0, 0)


def test_an_image_in_the_crs_gives_the_corner_although_it_is_not_the_first(opened):
    first = opened("a.tif", transform=place(15.0, 45.0, 0.0001), crs="EPSG:4326")
    second = opened("b.tif", transform=place(500003, 5000000, 10))
    lattice = Lattices(second.grid.crs, (10.0, 10.0)).of([first, second])[0]
    assert lattice.transform == second.grid.transform


def test_images_on_the_pixels_are_not_touched(opened):
    first = opened("a.tif", transform=place(5e5, 5e6, 10))
    other = opened("b.tif", transform=place(5e5 - 170, 5e6 + 40, 10))
    seen = aligned([first, other], Lattices(first.grid.crs).of([first, other]), "cubic")
    assert seen[0] is first and seen[1].grid == other.grid
    assert not isinstance(seen[1], Warped)


def test_resampled_images_fill_whole_pixels_and_shifted_ones_move(opened):
    first = opened("a.tif", transform=place(5e5, 5e6, 10))
    other = opened("b.tif", transform=place(5e5 + 6, 5e6 + 3, 10))
    lattices = Lattices(first.grid.crs).of([first, other])
    view = aligned([first, other], lattices, "bilinear")[1]
    assert isinstance(view, Warped) and view.valid_weight == 0.5
    assert view.grid.transform[0] == 5e5 and view.grid.transform[3] == 5e6 + 10
    assert (view.grid.width, view.grid.height) == (41, 31)
    view = aligned([first, other], lattices, "nearest")[1]
    assert isinstance(view, Moved) and view.grid.to_map(0, 0) == (5e5 + 10, 5e6)


def test_a_union_and_an_intersection_give_one_size(opened):
    images = [
        opened("a.tif", transform=place(5e5, 5e6, 10)),
        opened("b.tif", transform=place(5e5 + 100, 5e6 - 50, 10)),
        opened("c.tif", transform=place(5e5 + 43, 5e6 - 58, 10)),
    ]
    lattices = Lattices(images[0].grid.crs).of(images)
    union = aligned(images, lattices, "bilinear", "union")
    assert {view.grid for view in union} == {union[0].grid}
    assert union[0].grid.bounds == (5e5, 5e6 - 360, 5e5 + 500, 5e6)
    assert isinstance(union[0], Framed) and union[0].details.validity == "mask"
    common = aligned(images, lattices, "bilinear", "intersection")
    assert {view.grid for view in common} == {common[0].grid}
    # of c the pixels whose centers it holds
    assert common[0].grid.bounds == (5e5 + 100, 5e6 - 300, 5e5 + 400, 5e6 - 60)
    for view in common:
        assert view.read(view.grid.window).valid.all()


def test_what_cannot_have_one_size_is_refused(opened, three):
    crs = three[0].grid.crs
    for lattices in (Lattices(crs, "native"), Lattices(crs, own_phase=True)):
        with pytest.raises(InvalidOption, match="EXTENT_RULE=union gives all images one size"):
            aligned(three, lattices.of(three), "bilinear", "union")
    far = opened("far.tif", transform=place(6e5, 5e6, 10))
    images = [three[0], far]
    with pytest.raises(IncompatibleImages, match=r"far\.tif does not overlap with all images"):
        aligned(images, Lattices(crs).of(images), "bilinear", "intersection")
    away = opened("away.tif", transform=place(9e6, 9e6, 10))
    images = [three[0], away]
    with pytest.raises(IncompatibleImages, match=r"too far apart.*Use EXTENT_RULE=own"):
        aligned(images, Lattices(crs).of(images), "bilinear", "union")


def test_positions_through_another_crs_are_right_to_a_thousandth(opened):
    image = opened("a.tif", (600, 700), transform=place(5e5, 5e6, 30))
    crs = parse_crs("EPSG:32634")
    view = aligned([image], Lattices(crs).of([image]), "bilinear")[0]
    assert view.step > 1
    rng = np.random.default_rng(0)
    cols, rows = rng.integers(0, 600, (2, 50))
    found = view._on_lattice(view.grid.window)
    exact = view._exactly(cols, rows)
    for one, other in zip(found, exact):
        assert np.abs(one[rows, cols] - other).max() < 0.001


def test_a_pixel_is_forgiven_at_the_edges(opened):
    image = opened("a.tif", transform=place(5e5 - 0.05, 5e6 + 0.05, 10))
    (snapped,) = Lattices(image.grid.crs, (10.0, 10.0), tap=True).of([image])
    window = reach(image.grid, snapped)
    assert (window.col, window.width) == (50000, 40)
    assert math.isclose(snapped.to_map(window.col, 0)[0], 5e5)
