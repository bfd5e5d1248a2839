# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled
from orthoweave.core.progress import Progress
from orthoweave.core.raster import pyramids
from orthoweave.core.raster.config import config
from osgeo import gdal, gdal_array

LEVELS = [2, 4, 8]


def made(path, shape=(3, 512, 768), dtype=np.uint8, nodata=None, mask=False, options=()):
    """Write noise with scattered gaps; the gaps of an alpha band are its zeros."""
    rng = np.random.default_rng(3)
    values = rng.integers(0, 250, shape).astype(dtype)
    code = gdal_array.NumericTypeCodeToGDALTypeCode(values.dtype)
    size = (shape[2], shape[1], shape[0])
    dataset = gdal.GetDriverByName("GTiff").Create(path, *size, code, ["TILED=YES", *options])
    gaps = rng.random(shape[1:]) < 0.4
    if nodata is not None:
        values[:, gaps] = nodata
        dataset.GetRasterBand(1).SetNoDataValue(nodata)
    if "ALPHA=YES" in options:
        values[-1][gaps] = 0
    if mask:
        with config("GDAL_TIFF_INTERNAL_MASK", "YES"):
            dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
        dataset.GetRasterBand(1).GetMaskBand().WriteArray(np.where(gaps, 0, 255).astype(np.uint8))
    dataset.WriteArray(values)
    del dataset
    return path


def pair(tmp_path, resampling, *, beside=False, **how):
    """Return a file whose overviews are ours, and one with those of GDAL."""
    ours = made(str(tmp_path / "ours.tif"), **how)
    theirs = shutil.copyfile(ours, str(tmp_path / "theirs.tif"))
    dataset = gdal.OpenEx(theirs, gdal.OF_RASTER | (0 if beside else gdal.OF_UPDATE))
    dataset.BuildOverviews(resampling.upper(), LEVELS)
    del dataset
    if beside:
        pyramids.fill_beside(ours, LEVELS, resampling)
    else:
        pyramids.fill(gdal.OpenEx(ours, gdal.OF_RASTER | gdal.OF_UPDATE), LEVELS, resampling)
    return gdal.Open(ours), gdal.Open(theirs)


def levels(dataset):
    """Yield the pixels of all overviews of all bands, and of their masks."""
    for number in range(1, dataset.RasterCount + 1):
        band = dataset.GetRasterBand(number)
        assert band.GetOverviewCount() == len(LEVELS)
        for index in range(len(LEVELS)):
            level = band.GetOverview(index)
            yield level.ReadAsArray()
            yield level.GetMaskBand().ReadAsArray()


KINDS = [
    {},
    {"nodata": 7},
    {"mask": True},
    {"shape": (4, 512, 768), "options": ("ALPHA=YES", "INTERLEAVE=PIXEL", "COMPRESS=DEFLATE")},
    {"options": ("TILED=NO",)},
]


@pytest.mark.parametrize("resampling", ["average", "mode", "cubic", "lanczos"])
@pytest.mark.parametrize("beside", [False, True])
def test_a_nodata_value_works_as_if_the_file_declared_it(tmp_path, monkeypatch, beside, resampling):
    monkeypatch.setattr(pyramids, "SIDE", 128)
    _, theirs = pair(tmp_path, resampling, beside=beside, nodata=7)
    ours = made(str(tmp_path / "plain.tif"), nodata=7)
    file = gdal.OpenEx(ours, gdal.OF_RASTER | gdal.OF_UPDATE)
    file.GetRasterBand(1).DeleteNoDataValue()
    if beside:
        del file
        pyramids.fill_beside(ours, LEVELS, resampling, nodata=7)
    else:
        pyramids.fill(file, LEVELS, resampling, nodata=7)
        del file
    found = gdal.Open(ours)
    assert found.GetRasterBand(1).GetNoDataValue() is None
    for mine, other in list(zip(levels(found), levels(theirs)))[::2]:
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("resampling", ["average", "nearest", "mode", "cubic"])
def test_overviews_are_those_of_gdal(tmp_path, monkeypatch, how, resampling):
    monkeypatch.setattr(pyramids, "SIDE", 128)
    ours, theirs = pair(tmp_path, resampling, **how)
    for mine, other in zip(levels(ours), levels(theirs)):
        np.testing.assert_array_equal(mine, other)


# GDAL makes no overviews of an internal mask beside a file: test_buildoverviews.py
@pytest.mark.parametrize("how", KINDS[:2] + KINDS[3:])
@pytest.mark.parametrize("resampling", ["average", "nearest"])
def test_overviews_beside_a_file_are_those_of_gdal(tmp_path, monkeypatch, how, resampling):
    monkeypatch.setattr(pyramids, "SIDE", 128)
    ours, theirs = pair(tmp_path, resampling, beside=True, **how)
    assert os.path.exists(str(tmp_path / "ours.tif.ovr"))
    for mine, other in zip(levels(ours), levels(theirs)):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("how", KINDS[:3])
def test_overviews_of_odd_sizes_show_no_windows(tmp_path, monkeypatch, how):
    monkeypatch.setattr(pyramids, "SIDE", 64)
    ours, theirs = pair(tmp_path, "average", shape=(3, 413, 701), **how)
    for mine, other in zip(levels(ours), levels(theirs)):
        off = np.abs(np.subtract(mine, other, dtype=float))
        # means of parts of pixels that lie at .5 may be rounded to the other side
        assert off.max() <= 1 and np.count_nonzero(off) < 0.005 * off.size


def test_means_of_floats_are_those_of_gdal_to_the_last_digit(tmp_path):
    ours, theirs = pair(tmp_path, "average", dtype=np.float32, nodata=-1)
    for mine, other in zip(levels(ours), levels(theirs)):
        np.testing.assert_allclose(mine, other, rtol=5e-7)


def test_blocks_leave_the_memory_of_gdal_while_overviews_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(pyramids, "FLUSH", 1 << 20)
    path = made(str(tmp_path / "a.tif"), shape=(3, 3072, 3072))
    used = []

    class Listener(Progress):
        def advance(self, fraction):
            used.append(gdal.GetCacheUsed())

    before = gdal.GetCacheUsed()
    dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_UPDATE)
    pyramids.fill(dataset, LEVELS, "average", Listener())
    # the image has 27 MiB, its overviews 9 MiB; windows of 512 px read 3 MiB
    assert max(used) - before < 8 << 20


@pytest.mark.parametrize("beside", [False, True])
def test_no_overviews_stay_when_the_user_stops(tmp_path, beside):
    class Impatient(Progress):
        def cancelled(self):
            return True

    path = made(str(tmp_path / "a.tif"))
    with pytest.raises(Cancelled):
        if beside:
            pyramids.fill_beside(path, LEVELS, "average", Impatient())
        else:
            dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_UPDATE)
            pyramids.fill(dataset, LEVELS, "average", Impatient())
    dataset = None
    assert gdal.Open(path).GetRasterBand(1).GetOverviewCount() == 0
    assert not os.path.exists(path + ".ovr")
