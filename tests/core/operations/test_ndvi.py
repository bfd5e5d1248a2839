# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from orthoweave.core.errors import OrthoweaveError
from orthoweave.core.operations.ndvi import Request, run
from osgeo import gdal


@pytest.fixture
def ndvi(tmp_path, read_back):
    """Run the tool on one image and read its output back: ndvi(path, nir_band=2)."""
    numbers = count()

    def make(path, **options):
        folder = str(tmp_path / f"out{next(numbers)}")
        result = run(Request(images=(path,), output_folder=folder, **options))
        found = read_back(result.output_layers[0])
        found.result = result
        return found

    return make


def scene(dtype="uint16", seed=2):
    values = np.random.default_rng(seed).integers(0, 3000, (4, 60, 50)).astype(dtype)
    values[2:, :2] = 0  # both bands 0: there is no index
    return values


def index(values):
    red, nir = values[2].astype(float), values[3].astype(float)
    with np.errstate(invalid="ignore"):
        return (nir - red) / (nir + red)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_the_index_is_that_of_the_bands(write, ndvi, dtype):
    values = scene(dtype)
    found = ndvi(write("a.tif", values))
    np.testing.assert_allclose(found.values[0], index(values), rtol=1e-6)
    assert np.isnan(found.nodata) and found.values.dtype == np.float32
    assert found.result.undefined_pixels == 100 == (~found.valid).sum()


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_whole_numbers_are_scaled_and_say_so(write, ndvi, dtype):
    values = scene()
    values[3, 10, 10], values[2, 10, 10] = 0, 5
    found = ndvi(write("a.tif", values), output_type=dtype)
    band = found.dataset.GetRasterBand(1)
    assert band.GetScale() == 1e-4 and found.values[0, 10, 10] == -10000
    truth = index(values)[found.valid]
    np.testing.assert_array_equal(found.values[0][found.valid], np.rint(truth * 10000))
    assert (found.values[0][~found.valid] == np.iinfo(dtype).min).all()
    assert (~found.valid).sum() == 100


def test_invalid_pixels_have_no_index(layer, ndvi):
    image = layer("a.tif", "nodata", "uint16", bands=3)
    found = ndvi(image.path, nir_band=1, red_band=2)
    red, nir = image.values[1].astype(float), image.values[0].astype(float)
    np.testing.assert_array_equal(found.valid, image.valid & (red + nir > 0))


def test_declared_scale_and_offset_give_the_index_of_reflectance(write, ndvi):
    values = scene() + 1000
    path = write("a.tif", values)
    dataset = gdal.Open(path, gdal.GA_Update)
    for band in range(1, 5):
        dataset.GetRasterBand(band).SetScale(1e-4)
        dataset.GetRasterBand(band).SetOffset(-0.1)
    dataset = None
    found = ndvi(path)
    np.testing.assert_allclose(
        found.values[0][found.valid], index(values - 1000.0)[found.valid], rtol=1e-5, atol=1e-6
    )


def test_windows_and_threads_do_not_matter(layer, ndvi):
    image = layer("a.tif", "alpha", "uint16", size=(530, 600))
    truth = ndvi(image.path, nir_band=1, red_band=2, threads=1)
    for size, threads in ((16, 2), (100, 1), (0, 3)):
        found = ndvi(image.path, nir_band=1, red_band=2, window_size=size, threads=threads)
        np.testing.assert_array_equal(found.values, truth.values)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"nir_band": 5}, "NIR_BAND is 5 but a.tif has 4 bands"),
        ({"red_band": 7}, "RED_BAND is 7 but a.tif has 4 bands"),
        ({"nir_band": 3}, "NIR_BAND and RED_BAND are both 3"),
        ({"nir_band": 0}, "Near-infrared band: 0 is below 1"),
        ({"output_type": "uint8"}, "'uint8' is not one of float32"),
    ],
)
def test_bad_options_give_a_sentence(write, ndvi, options, text):
    with pytest.raises(OrthoweaveError, match=text):
        ndvi(write("a.tif", scene()), **options)


def test_limited_values_are_warned_of(write, listen, tmp_path):
    values = np.array([[[-100, 10]], [[101, 20]]], np.int16)  # an index of 201
    path, heard = write("a.tif", values), listen()
    run(
        Request(
            images=(path,),
            output_folder=str(tmp_path / "out"),
            red_band=1,
            nir_band=2,
            output_type="int16",
        ),
        heard,
    )
    assert heard.warnings == ["1 values were limited to the range of the output type."]


def test_alpha_is_not_taken_for_a_band(layer, ndvi):
    path = layer("a.tif", "alpha", "uint8").path
    with pytest.raises(OrthoweaveError, match=r"NIR_BAND is 9 but a.tif has \d bands? .alpha not"):
        ndvi(path, nir_band=9, red_band=1)
