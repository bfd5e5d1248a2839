# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages
from orthoweave.core.raster import open_image, parse_crs
from orthoweave.core.vector import FootprintTrace, always_valid
from orthoweave.core.vector.rings import rings_of
from orthoweave.core.windows import tiling

ROTATED = (500000.0, 8.0, 6.0, 5000000.0, 6.0, -8.0)


def footprints(images, crs="", size=16, **how):
    crs = crs or images[0].grid.crs
    with FootprintTrace(images) as trace:
        for index, image in enumerate(images):
            for window in tiling(image.grid.window, size, size):
                trace.merge(trace.feed(index, window, image.read(window)))
        return trace.footprints(crs, **how)


def holed(write, name="a.tif", transform=ROTATED):
    values = np.ones((40, 50), "u1")
    values[10:14, 20:25] = 0
    return open_image(write(name, values, nodata=0, transform=transform)), values


@pytest.mark.parametrize("size", [7, 16, 64])
def test_holes_stay_and_pixels_are_counted_for_every_window_size(write, size):
    image, values = holed(write)
    (found,) = footprints([image], size=size)
    assert found.valid_pixels == values.sum() == found.pixels - 20
    assert found.area == pytest.approx(values.sum() * 100, rel=1e-12)
    assert [len(polygon) for polygon in rings_of(found.geometry)] == [2]


def test_an_image_that_was_not_fed_is_its_corners(write):
    image = open_image(write("a.tif", np.ones((4, 6), "u1"), transform=ROTATED))
    assert always_valid(image)
    with FootprintTrace([image]) as trace:
        (found,) = trace.footprints(image.grid.crs)
    ((ring,),) = rings_of(found.geometry)
    assert [tuple(p) for p in ring.tolist()[:-1]] == list(image.grid.corners)
    assert found.valid_pixels == 24


def test_a_full_image_is_its_corners_and_needs_no_mask(write):
    image = open_image(write("a.tif", np.ones((40, 60), "u1"), nodata=0))
    assert not always_valid(image)
    with FootprintTrace([image]) as trace:
        for window in tiling(image.grid.window, 16, 16):
            trace.merge(trace.feed(0, window, image.read(window)))
        assert os.listdir(trace._folder.name) == []
        (found,) = trace.footprints(image.grid.crs)
    assert [len(ring) for (ring,) in rings_of(found.geometry)] == [5]


def test_an_invalid_image_is_empty(write):
    (found,) = footprints([open_image(write("a.tif", np.zeros((9, 9), "u1"), nodata=0))])
    assert found.empty
    assert (found.valid_pixels, found.area) == (0, 0)


def test_small_holes_close_on_request_and_counts_stay(write):
    image, values = holed(write)
    (found,) = footprints([image], min_hole=21)
    assert [len(polygon) for polygon in rings_of(found.geometry)] == [1]
    assert found.valid_pixels == values.sum()


def test_edges_are_divided_on_the_way_to_another_crs(write):
    image, _ = holed(write, transform=(500000.0, 1000.0, 0.0, 5000000.0, 0.0, -1000.0))
    (found,) = footprints([image], parse_crs("EPSG:4326"))
    outer, hole = rings_of(found.geometry)[0]
    assert len(outer) == 2 * (5 + 4) + 1  # a point every 10 px
    assert len(hole) == 5
    assert abs(outer[:, 0].min() - 15) < 1e-3


def test_more_masks_than_are_open_at_a_time(write, monkeypatch):
    monkeypatch.setattr("orthoweave.core.vector.footprint._OPEN", 2)
    images = [holed(write, f"{number}.tif")[0] for number in range(5)]
    with FootprintTrace(images) as trace:
        for window in tiling(images[0].grid.window, 16, 16):
            for index, image in enumerate(images):
                trace.merge(trace.feed(index, window, image.read(window)))
        assert len(trace._masks) == 2
        found = trace.footprints(images[0].grid.crs)
    assert {footprint.area for footprint in found} == {found[0].area}


def test_temporary_masks_are_removed(write):
    image, _ = holed(write)
    with FootprintTrace([image]) as trace:
        trace.merge(trace.feed(0, image.grid.window, image.read(image.grid.window)))
        folder = trace._folder.name
        assert os.listdir(folder)
    assert not os.path.exists(folder)


def test_an_image_beyond_the_area_of_the_crs_is_refused(write):
    world = (-180.0, 3.6, 0.0, 90.0, 0.0, -1.8)
    image = open_image(
        write("world.tif", np.ones((100, 100), "u1"), transform=world, crs="EPSG:4326")
    )
    with pytest.raises(IncompatibleImages, match="world .EPSG:4326. reaches beyond the area of"):
        footprints([image], parse_crs("EPSG:2154"))
