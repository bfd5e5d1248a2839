# SPDX-License-Identifier: GPL-2.0-or-later
"""The real series of ../shared/data: as good as Orfeo Toolbox (.9114 on these polygons)."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.samples import Samples
from orthoweave.core.landcover.settings import Settings
from orthoweave.core.landcover.training import train
from orthoweave.core.raster import open_image
from orthoweave.core.vector import Burned, read_polygons


def rows(shared, name):
    image = open_image(str(shared / "s2_timeseries" / "stack.tif"))
    features = read_polygons(str(shared / "s2_timeseries" / name), image.grid.crs)
    shapes = tuple((one.geometry, number) for number, one in enumerate(features, 1))
    numbers = Burned(image.grid, shapes).labels(image.grid.window)
    codes = np.array([0, *(one.values["code"] for one in features)])
    here = numbers > 0
    values = image.read(image.grid.window).values[:, here].T
    names = tuple(f"b{n}" for n in range(values.shape[1]))
    return Samples(values, codes[numbers[here]], numbers[here], names)


def accuracy(model, samples):
    labels, _ = model.labeled(np.ascontiguousarray(samples.values.T))
    return float((labels == samples.labels).mean())


def test_a_forest_finds_the_classes_of_polygons_kept_apart(shared):
    pytest.importorskip("cv2")
    learn, kept = rows(shared, "train.gpkg"), rows(shared, "val.gpkg")
    found = [accuracy(train(learn, Settings(seed=seed)).model, kept) for seed in range(3)]
    # forests of 100 trees differ by 0.0015 (standard deviation over seeds)
    assert np.mean(found) >= 0.909 - 0.0015 and min(found) > 0.905


def test_maximum_likelihood_is_near(shared):
    learn, kept = rows(shared, "train.gpkg"), rows(shared, "val.gpkg")
    assert accuracy(train(learn, Settings(classifier="maxlik")).model, kept) > 0.89
