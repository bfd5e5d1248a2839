# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.landcover.sieving import regions_of
from orthoweave.core.operations import regularizeclasses
from orthoweave.core.raster import open_image
from orthoweave.core.raster.crs import parse_crs
from orthoweave.core.vector.features import Feature
from orthoweave.core.vector.layers import Layer, write_layers
from orthoweave.core.vector.rings import wkb_of


@pytest.fixture
def noisy(write):
    """Patches of four classes with a tenth of the pixels wrong, and a corner without class."""
    random = np.random.default_rng(0)
    truth = np.kron(random.integers(1, 5, (6, 7)), np.ones((20, 20), int)).astype(np.uint8)
    labels = truth.copy()
    wrong = random.random(truth.shape) < 0.1
    labels[wrong] = random.integers(1, 5, int(wrong.sum()))
    labels[:15, :15] = 0
    return truth, write("map.tif", labels, nodata=0)


def run(path, tmp_path, **more):
    request = regularizeclasses.Request(image=path, output=str(tmp_path / "out.tif"), **more)
    found = regularizeclasses.run(request)
    image = open_image(found.output)
    return image, image.read(image.grid.window).values[0]


def test_noise_goes_and_patches_stay(noisy, tmp_path):
    truth, path = noisy
    image, found = run(path, tmp_path, resolution=0.0)
    known = found > 0
    assert (found[known] == truth[known]).mean() > 0.99
    assert (found[:15, :15] == 0).all()
    assert np.count_nonzero(found == 0) == 225
    assert np.bincount(regions_of(found).ravel()).min() >= 10
    assert image.nodata == 0


def test_coarser_pixels_start_at_the_same_corner(noisy, tmp_path):
    truth, path = noisy
    image, found = run(path, tmp_path)
    assert image.grid.pixel_size == (20.0, 20.0)
    assert image.grid.transform[0] == open_image(path).grid.transform[0]
    assert found.shape == (60, 70)
    known = found > 0
    assert (found[known] == truth[::2, ::2][known]).mean() > 0.99


@pytest.mark.parametrize(("threads", "window"), [(1, 16), (4, 48)])
def test_windows_and_threads_change_nothing(noisy, tmp_path, threads, window):
    _, whole = run(noisy[1], tmp_path)
    _, again = run(noisy[1], tmp_path, threads=threads, window_size=window)
    np.testing.assert_array_equal(whole, again)


def test_kept_labels_and_groups(write, tmp_path):
    labels = np.full((40, 40), 1, np.uint8)
    labels[:, 20:] = 2
    labels[10, 10] = 7
    labels[30, 19:21] = 8
    path = write("map.tif", labels, nodata=0)
    _, found = run(path, tmp_path, resolution=0.0, keep="7")
    assert found[10, 10] == 7
    assert not (found == 8).any()
    groups = tmp_path / "groups.csv"
    groups.write_text("label,group\n8,wood\n2,wood\n1,field\n")
    _, found = run(path, tmp_path, resolution=0.0, nomenclature=str(groups))
    assert (found[30, 19:21] == 2).all()


def test_water_outside_the_land_is_sea(write, tmp_path):
    labels = np.full((40, 40), 51, np.uint8)
    path = write("map.tif", labels, nodata=0)
    x, y = 500000.0, 5000000.0
    ring = np.array([(x, y), (x + 200, y), (x + 200, y - 400), (x, y - 400), (x, y)])
    layer = Layer("land", "Polygon", parse_crs("EPSG:32633"), (), (Feature(wkb_of([(ring,)])),))
    land = write_layers(str(tmp_path / "land.gpkg"), [layer])
    _, found = run(path, tmp_path, resolution=0.0, inland=land, sea_label=300, water_label=51)
    assert (found[:, :20] == 51).all()
    assert (found[:, 20:] == 300).all()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"resolution": 5.0}, "5 is finer than the 10 map units"),
        ({"keep": "a"}, "is no list of labels"),
        ({"inland": "x.gpkg"}, "give the labels of the sea and of water"),
    ],
)
def test_options_that_do_not_fit_are_refused(noisy, tmp_path, more, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        run(noisy[1], tmp_path, **more)


def test_an_image_of_numbers_is_refused(write, tmp_path):
    path = write("f.tif", np.ones((10, 10), np.float32))
    with pytest.raises(IncompatibleImages, match="a class map has one band"):
        run(path, tmp_path)


def test_pixels_far_larger_than_those_of_the_map_are_refused(write, tmp_path):
    degrees = (10.0, 0.001, 0.0, 50.0, 0.0, -0.001)
    path = write("map.tif", np.ones((30, 30), np.uint8), transform=degrees, crs="EPSG:4326")
    with pytest.raises(
        InvalidOption, match="20 is more than 1000 pixels of map, which measure 0.001"
    ):
        run(path, tmp_path)


def test_a_label_in_two_groups_is_refused(noisy, tmp_path):
    (tmp_path / "groups.csv").write_text("label,group\n1,a\n1,b\n")
    with pytest.raises(InvalidOption, match="groups.csv, line 3: 1 stands here a second time"):
        run(noisy[1], tmp_path, nomenclature=str(tmp_path / "groups.csv"))
