# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairs: the working grid, and images that cannot be compared."""

from __future__ import annotations

import numpy as np
import pytest

UTM = (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)


@pytest.fixture
def flat(image):
    """(rows, cols, transform, crs) -> an image of ones."""

    def made(rows, cols, transform=UTM, crs="EPSG:32631", name="a"):
        from orthoweave.core.raster import parse_crs

        values = np.ones((rows, cols), np.float32)
        return image(values, transform=transform, crs=parse_crs(crs) if crs else "", name=name)

    return made


def shifted(cols, rows, pixel=10.0):
    return (500000.0 + 10 * cols, pixel, 0.0, 5000000.0 - 10 * rows, 0.0, -pixel)


def test_the_working_grid_is_the_overlap_on_the_reference(flat):
    from orthoweave.core.displacements.pair import pair_of

    pair = pair_of(flat(200, 300), flat(200, 300, shifted(50.4, -20)))
    assert pair.origin == (50, 0)
    assert (pair.grid.width, pair.grid.height) == (250, 180)
    assert pair.factor == 1
    col, row = pair.crossing.at(np.zeros(1), np.zeros(1))
    assert (col[0], row[0]) == pytest.approx((-0.4, 20))
    x, y = pair.to_reference(np.array([3.0]), np.array([4.0]))
    assert (x[0], y[0]) == (53, 4)


def test_a_coarser_moving_image_sets_the_pixels(flat):
    from orthoweave.core.displacements.pair import pair_of

    pair = pair_of(flat(300, 300), flat(120, 120, shifted(0, 0, 25.0)))
    assert pair.factor == pytest.approx(2.5)
    assert pair.grid.pixel_size == pytest.approx((25, 25))
    x, _ = pair.to_reference(np.array([0.0]), np.array([0.0]))
    assert x[0] == pytest.approx(0.75)


def test_a_finer_moving_image_is_averaged(flat):
    from orthoweave.core.displacements.pair import pair_of

    pair = pair_of(flat(100, 100), flat(300, 300, shifted(0, 0, 10 / 3)))
    assert pair.factor == 1
    assert pair.seen_moving.grid.pixel_size == pytest.approx((10, 10))
    # 0.8 of a pixel is finer by less than a whole factor
    assert pair_of(flat(100, 100), flat(125, 125, shifted(0, 0, 8))).seen_moving.grid.width == 125


def test_positions_between_other_crs_are_exact_to_a_hundredth(flat):
    from orthoweave.core.displacements.crossing import route
    from orthoweave.core.displacements.pair import pair_of
    from orthoweave.core.raster import CrsMapping
    from orthoweave.core.windows import Window

    reference = flat(400, 400)
    mapping = CrsMapping(reference.grid.crs, flat(2, 2, crs="EPSG:32632").grid.crs)
    x, y = mapping(np.array([500000.0]), np.array([5000500.0]))
    other = flat(500, 500, (float(x[0]), 10.0, 0.0, float(y[0]), 0.0, -10.0), "EPSG:32632")
    pair = pair_of(reference, other)
    window = Window(37, 90, 50, 40)
    way = route(pair.crossing, lambda x, y: (0.3 + 0 * x, 0 * y), window)
    row, col = np.mgrid[90:130, 37:87].astype(float)
    true = pair.crossing.at(col + 0.3, row)
    off = pair.crossing.offset
    offsets = way.offsets(window)
    assert np.abs(offsets[0] + col + off[0] - true[0]).max() < 0.01
    assert np.abs(offsets[1] + row + off[1] - true[1]).max() < 0.01


def test_one_crs_only_is_refused(flat):
    from orthoweave.core.displacements.pair import pair_of
    from orthoweave.core.errors import IncompatibleImages

    for a, b in (("EPSG:32631", ""), ("", "EPSG:32631")):
        first, second = flat(100, 100, crs=a, name="a"), flat(100, 100, crs=b, name="b")
        with pytest.raises(IncompatibleImages, match="clear both to compare pixel by pixel"):
            pair_of(first, second)


def test_one_position_only_is_refused(flat):
    from orthoweave.core.displacements.pair import pair_of
    from orthoweave.core.errors import IncompatibleImages

    nowhere = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    with pytest.raises(IncompatibleImages, match="b has none. Georeference b"):
        pair_of(flat(100, 100, crs=""), flat(100, 100, nowhere, "", "b"))
    assert pair_of(flat(100, 100, nowhere, ""), flat(90, 80, nowhere, "")).grid.width == 80


def test_no_overlap_is_refused_with_both_extents(flat):
    from orthoweave.core.displacements.pair import pair_of
    from orthoweave.core.errors import IncompatibleImages

    with pytest.raises(
        IncompatibleImages, match=r"EPSG:32631 they cover x 500000.*502000 to 503000"
    ):
        pair_of(flat(100, 100), flat(100, 100, shifted(200, 0)))


def test_an_overlap_below_64_px_is_refused_with_its_size(flat):
    from orthoweave.core.displacements.pair import pair_of
    from orthoweave.core.errors import IncompatibleImages

    with pytest.raises(IncompatibleImages, match="overlap in 63 × 100 px"):
        pair_of(flat(100, 100), flat(100, 100, shifted(37, 0)))


def test_a_part_of_an_image_may_reach_beyond_it(flat):
    from orthoweave.core.displacements.pair import Part
    from orthoweave.core.windows import Window

    part = Part(flat(20, 20), Window(15, -5, 10, 10))
    found = part.read(part.grid.window)
    assert found.valid.sum() == 25
    assert found.valid[5:, :5].all()
