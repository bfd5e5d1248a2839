# SPDX-License-Identifier: GPL-2.0-or-later
"""The chain of views from dated images to features, against the same steps through files."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.landcover.features import Features, Recipe
from orthoweave.core.landcover.gapfilling import GapFilled
from orthoweave.core.landcover.interpolation import Filling
from orthoweave.core.landcover.stacking import Joined
from orthoweave.core.operations import gapfill, spectralfeatures, stacktimeseries
from orthoweave.core.operations.series import acquisitions
from orthoweave.core.raster import bytes_read
from orthoweave.core.windows import Window
from osgeo import gdal

DATES = ("20180101", "20180111", "20180131")
SHAPE = (90, 110)


@pytest.fixture
def dated(write):
    """Write images of three bands and masks; return both lists of paths."""
    rng = np.random.default_rng(4)
    images, masks = [], []
    for date in DATES:
        values = rng.integers(1, 5000, (3, *SHAPE)).astype(np.int16)
        values[:, :9, :9] = -10000
        values[1, 20:30, 20:30] = -10000
        clouds = (rng.random(SHAPE) < 0.3).astype(np.uint8)
        images.append(write(f"i/a_{date}.tif", values, nodata=-10000))
        masks.append(write(f"m/a_{date}.tif", clouds))
    return images, masks


def test_chained_views_give_the_bytes_of_the_steps(dated, tmp_path):
    images, masks = dated
    made = acquisitions.stack(acquisitions.listed(images, masks), band_names=("red", "nir", "swir"))
    filling = Filling(("20180101", "20180116", "20180131"))
    filled = GapFilled(made.series, made.masks, filling)
    recipe = Recipe(("ndvi", "brightness"), roles=(("red", "red"), ("nir", "nir")))
    chain = pickle.loads(pickle.dumps(Features(filled, recipe)))
    started = bytes_read()
    found = chain.read(chain.grid.window)
    # every pixel of images (3 bands of 2 bytes) for its value and for its nodata, and masks once
    assert bytes_read() - started == len(DATES) * SHAPE[0] * SHAPE[1] * 13
    place = {name: str(tmp_path / f"{name}.tif") for name in "abcd"}
    stacked = stacktimeseries.run(
        stacktimeseries.Request(
            images=images, masks=masks, band_names="red,nir,swir", output=place["a"],
            output_masks=place["b"],
        )
    )  # fmt: skip
    whole = gapfill.run(
        gapfill.Request(
            image=stacked.output, masks=stacked.output_masks, step=15, output=place["c"]
        )
    )
    features = spectralfeatures.run(
        spectralfeatures.Request(
            image=whole.output, indices="ndvi,brightness", red="red", nir="nir", output=place["d"]
        )
    )
    dataset = gdal.Open(features.output)
    names = [dataset.GetRasterBand(n + 1).GetDescription() for n in range(dataset.RasterCount)]
    assert tuple(names) == chain.band_names
    np.testing.assert_array_equal(dataset.ReadAsArray(), found.values)
    part = chain.read(Window(10, 20, 33, 44), (7, 2))
    np.testing.assert_array_equal(part.values, found.values[[6, 1], 20:64, 10:43])


def test_images_of_one_grid_are_joined(dated):
    images, masks = dated
    made = acquisitions.stack(acquisitions.listed(images, masks))
    both = Joined("both", (made.series, replace(made.series, sensor="other")))
    assert both.bands == 18 and both.band_names[9] == "other_b1_20180101"
    found, one = (image.read(Window(5, 5, 20, 20)) for image in (both, made.series))
    np.testing.assert_array_equal(found.values[9:, one.valid], one.values[:, one.valid])
    np.testing.assert_array_equal(found.valid, one.valid)
    assert both.nodata == -10000
    picked = pickle.loads(pickle.dumps(both)).read(Window(5, 5, 20, 20), (10,))
    np.testing.assert_array_equal(picked.values[0], found.values[9])


def test_features_of_parts_are_those_of_the_whole(dated, monkeypatch):
    from orthoweave.core.landcover import parts

    images, masks = dated
    made = acquisitions.stack(acquisitions.listed(images, masks))
    recipe = Recipe(("ndvi",), roles=(("red", "b1"), ("nir", "b2")), scale=30000)
    chain = Features(GapFilled(made.series, made.masks, Filling(DATES)), recipe)
    whole = chain.read(chain.grid.window)
    monkeypatch.setattr(parts, "HELD", 1 << 15)
    found = chain.read(chain.grid.window)
    np.testing.assert_array_equal(found.values, whole.values)
    assert found.clipped == whole.clipped
