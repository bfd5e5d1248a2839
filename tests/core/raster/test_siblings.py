# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import time

import numpy as np
from orthoweave.core.raster import open_image
from orthoweave.core.raster.siblings import siblings
from osgeo import gdal


def settle(folder):
    past = time.time() - 60
    os.utime(folder, (past, past))


def test_names_that_begin_as_the_image_are_its_siblings(tmp_path):
    for name in ("a.tif", "a.tif.msk", "A.TFW", "a_RPC.txt", "b.tif", "ab.tif", "a.b.tif"):
        (tmp_path / name).touch()
    settle(tmp_path)
    found = siblings(str(tmp_path / "a.tif"))
    assert sorted(found) == ["A.TFW", "a.b.tif", "a.tif", "a.tif.msk", "a_RPC.txt", "ab.tif"]
    assert siblings(str(tmp_path / "b.tif")) == ["b.tif"]


def test_a_folder_that_has_just_changed_is_left_to_gdal(tmp_path):
    (tmp_path / "a.tif").touch()
    assert siblings(str(tmp_path / "a.tif")) is None
    assert siblings(str(tmp_path / "none" / "a.tif")) is None
    assert siblings("/vsimem/a.tif") is None and siblings("a.tif") is None
    assert siblings(str(tmp_path / "a.vrt")) is None


def test_a_file_that_comes_later_is_seen(tmp_path):
    (tmp_path / "a.tif").touch()
    settle(tmp_path)
    assert siblings(str(tmp_path / "a.tif")) == ["a.tif"]
    (tmp_path / "a.tif.aux.xml").touch()
    past = time.time() - 30
    os.utime(tmp_path, (past, past))
    assert siblings(str(tmp_path / "a.tif")) == ["a.tif", "a.tif.aux.xml"]


def test_external_masks_world_files_and_notes_are_still_read(tmp_path):
    path = str(tmp_path / "a.tif")
    dataset = gdal.GetDriverByName("GTiff").Create(path, 8, 8, 1, gdal.GDT_Byte)
    dataset.WriteArray(np.ones((8, 8), np.uint8))
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    dataset.GetRasterBand(1).GetMaskBand().WriteArray(np.eye(8, dtype=np.uint8) * 255)
    dataset = None
    (tmp_path / "a.tfw").write_text("2\n0\n0\n-2\n101\n199\n")
    note = "<PAMDataset><Metadata><MDI key='PLACE'>near</MDI></Metadata></PAMDataset>"
    (tmp_path / "a.tif.aux.xml").write_text(note)
    assert (tmp_path / "a.tif.msk").exists()
    settle(tmp_path)
    found = open_image(path)
    assert found.has_mask and ("PLACE", "near") in found.details.metadata
    assert found.grid.transform == (100.0, 2.0, 0.0, 200.0, 0.0, -2.0)
    np.testing.assert_array_equal(found.read(found.grid.window).valid, np.eye(8, dtype=bool))
