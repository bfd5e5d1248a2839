# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.raster import open_image
from orthoweave.core.registration.overlaps import covers, overlapping

X, Y = 500000.0, 5000000.0


def place(col, row, px=10.0):
    return (X + px * col, px, 0.0, Y - px * row, 0.0, -px)


@pytest.fixture
def image(write):
    """Open an image of ones: image("a", (rows, cols), at=(col, row), ...)."""

    def made(name, shape, at=(0, 0), array=None, **how):
        array = np.ones(shape, "uint8") if array is None else array
        how.setdefault("transform", place(*at))
        return open_image(write(f"{name}.tif", array, **how))

    return made


def found(images, least):
    crs = images[0].grid.crs
    return overlapping(covers(images, crs, threads=1), least)


def test_pairs_are_those_with_enough_common_ground(image):
    images = [
        image("a", (200, 200)),
        image("b", (200, 200), (150, 0)),
        image("c", (200, 200), (340, 0)),
    ]
    assert found(images, 0.01) == ((0, 1), (1, 2))
    # a and b share a quarter, b and c a twentieth
    assert found(images, 0.1) == ((0, 1),)
    assert found(images, 0.3) == ()


def test_the_share_is_that_of_the_smaller_image(image):
    images = [image("a", (400, 400)), image("b", (100, 100), (50, 50))]
    assert found(images, 0.99) == ((0, 1),)


def test_nodata_is_no_common_ground(image):
    empty = np.ones((200, 200), "uint8")
    empty[:, :120] = 0
    images = [image("a", (200, 200)), image("b", None, (100, 0), empty, nodata=0)]
    assert found(images, 0.0) == ()
    assert found([images[0], image("c", None, (50, 0), empty, nodata=0)], 0.0) == ((0, 1),)


def test_a_rotated_image_covers_no_more_than_its_pixels(image):
    # turned by 45 degrees, its corner and not its box reaches the other image
    turned = (X + 1000.0, 7.07, 7.07, Y - 1000.0, 7.07, -7.07)
    one = image("a", (100, 100), transform=turned)
    left, low, right, high = one.grid.bounds
    corner = (left - X) / 10, (Y - high) / 10
    beside = image("b", (20, 20), (corner[0], corner[1]))
    assert found([one, beside], 0.0) == ()


def test_images_in_another_crs_are_compared_on_the_ground(image):
    one = image("a", (200, 200), crs="EPSG:32633")
    # the same ground in degrees
    other = image(
        "b", (200, 200), transform=(15.0, 1.3e-4, 0.0, 45.15315, 0.0, -0.9e-4), crs="EPSG:4326"
    )
    assert found([one, other], 0.5) == ((0, 1),)
