# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.exchange.blockmaps import load_maps, local_path, save_maps
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, constant
from orthoweave.core.radiometry.blockmaps import BlockMaps, LocalMap
from orthoweave.core.raster import open_image
from orthoweave.core.windows import Window
from osgeo import gdal

BLOCKS = (500000.0, 100.0, 0.0, 5000000.0, 0.0, -100.0)


@pytest.fixture
def images(write):
    """Three open images whose names begin alike."""
    names = ("img_1", "img_10", "b")
    return [open_image(write(f"{name}.tif", np.ones((2, 9, 9), "uint16"))) for name in names]


@pytest.fixture
def maps(images):
    """Maps of the images: 4 rows and 5 columns of blocks."""
    grid = Grid(5, 4, BLOCKS, images[0].grid.crs)
    rng = np.random.default_rng(1)
    reference = rng.random((2, 4, 5)).astype("float32").astype(float)
    reference[:, 0, 0] = np.nan
    local = tuple(
        LocalMap(image.name, Window(1, 1, 3, 2), reference[:, 1:3, 1:4] * (1 + index))
        for index, image in enumerate(images)
    )
    return BlockMaps(grid, reference, local, ("gamma", "offset"), (0.5, 1e-7), (9.0, 2.25))


def test_maps_come_back_as_they_were_written(maps, images, tmp_path, listen):
    paths = (str(tmp_path / "ref.tif"), str(tmp_path / "$_local"))
    assert len(save_maps(maps, *paths, images, "gamma")) == 4
    heard = listen()
    found = load_maps(paths[0], (paths[1],), images, heard)
    np.testing.assert_array_equal(found.reference, maps.reference)
    assert found.grid == maps.grid and found.names == {"img_1", "img_10", "b"}
    for one, other in zip(found.local, maps.local):
        assert (one.name, one.window) == (other.name, other.window)
        np.testing.assert_allclose(one.values, other.values, rtol=1e-6)
    assert found.method == "gamma" and found.methods("linear", 2) == ("linear", "offset")
    assert (found.low, found.high) == ((0.5, 1e-7), (9.0, 2.25))
    assert heard.warnings == []
    dataset = gdal.Open(str(tmp_path / "b_local.tif"))
    assert dataset.GetMetadata("ORTHOWEAVE")["IMAGE"] == "b"
    assert np.isnan(dataset.GetRasterBand(1).GetNoDataValue())
    assert dataset.GetRasterBand(1).DataType == gdal.GDT_Float32


def test_maps_are_styled_with_one_stretch(maps, images, tmp_path):
    save_maps(maps, str(tmp_path / "ref.tif"), str(tmp_path / "$_local"), images, "gamma")
    styles = {path.read_text("utf-8") for path in tmp_path.glob("*.qml")}
    assert len(styles) == 1 and "singlebandgray" in styles.pop()


def test_maps_of_the_seed_are_read_by_their_nodata_value(images, write, tmp_path, listen):
    values = np.arange(40, dtype="float32").reshape(2, 4, 5) + 1
    values[0, 0, 0] = -9999
    how = {"transform": BLOCKS, "nodata": -9999}
    folder = tmp_path / "maps"
    for name in ("img_1_LocalMap.tif", "img_10_LocalMap.tif", "old_b_2019_map.tif"):
        write(f"maps/{name}", values, **how)
    reference = write("ref.tif", values, **how)
    heard = listen()
    found = load_maps(reference, (str(folder),), images, heard)
    assert np.isnan(found.reference[0, 0, 0]) and found.reference[1, 0, 0] == 21
    assert found.names == {"img_1", "img_10", "b"} and (found.low, found.method) == ((), "")
    assert heard.warnings == [
        "old_b_2019_map.tif is taken for the block map of b, which its name contains."
    ]


def test_an_image_without_map_is_left_out_and_doubt_is_an_error(images, write):
    values = np.ones((2, 4, 5), "float32")
    one = write("img_10_local.tif", values, transform=BLOCKS)
    found = load_maps(None, (one,), [images[1], images[2]])
    assert found.names == {"img_10"} and found.reference is None
    two = [write(f"{name}.tif", values, transform=BLOCKS) for name in ("x_b_1_1", "y_b_2_1")]
    with pytest.raises(InvalidOption, match=r"Several block maps could belong to b: x_b_1_1\.tif"):
        load_maps(None, tuple(two), [images[2]])
    assert load_maps(None, (), images) is None


def test_maps_that_do_not_belong_together_are_refused(images, write):
    good = write("ref.tif", np.ones((2, 4, 5), "float32"), transform=BLOCKS)
    moved = (BLOCKS[0] + 1, *BLOCKS[1:])
    cases = {
        r"ref\.tif has 4 × 5 blocks and b_1\.tif 3 × 5": ((2, 3, 5), BLOCKS, "EPSG:32633"),
        r"ref\.tif has 2 bands and b_1\.tif 3": ((3, 4, 5), BLOCKS, "EPSG:32633"),
        "do not cover the same ground": ((2, 4, 5), moved, "EPSG:32633"),
    }
    for sentence, (shape, transform, crs) in cases.items():
        other = write("b_1.tif", np.ones(shape, "float32"), transform=transform, crs=crs)
        with pytest.raises(IncompatibleImages, match=sentence):
            load_maps(good, (other,), images)
    three = [ArrayImage("x", images[0].grid, np.ones((3, 9, 9)), constant(True, (9, 9)))]
    with pytest.raises(IncompatibleImages, match=r"2 bands and x 3 \(alpha not counted\)"):
        load_maps(good, (), three)
    foreign = write("f.tif", np.ones((2, 4, 5), "float32"), transform=BLOCKS, crs="EPSG:32632")
    with pytest.raises(IncompatibleImages, match="different coordinate systems"):
        load_maps(foreign, (), images)


def test_a_pattern_gets_an_extension():
    assert local_path("m/$_local", "a") == "m/a_local.tif"
    assert local_path("m/$.TIF", "a") == "m/a.TIF"
