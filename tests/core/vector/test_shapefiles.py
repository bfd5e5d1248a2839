# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError
from orthoweave.core.raster import parse_crs, same_crs
from orthoweave.core.vector import Feature, Layer
from orthoweave.core.vector.rings import wkb_of
from orthoweave.core.vector.shapefiles import write_shapefile
from osgeo import ogr

SQUARE = wkb_of([(np.array([[0, 0], [0, 9], [9, 9], [9, 0], [0, 0]], float),)])


def layer(features):
    fields = (("tile", "string"), ("priority_long", "integer"), ("size", "real"))
    return Layer("tiles", "MultiPolygon", parse_crs("EPSG:32633"), fields, features)


def test_a_layer_is_written_with_its_values_and_crs(tmp_path):
    values = {"tile": "T31TCJ", "priority_long": 3, "size": 2.5}
    features = (Feature(SQUARE, values), Feature(SQUARE, {"tile": "Wälder 森"}))
    path = write_shapefile(str(tmp_path / "a" / "x.shp"), layer(features))
    dataset = ogr.Open(path)
    found = dataset.GetLayer(0)
    rows = [(row["tile"], row["priority_l"], row["size"]) for row in found]
    assert rows == [("T31TCJ", 3, 2.5), ("Wälder 森", None, None)]
    assert same_crs(found.GetSpatialRef().ExportToWkt(), parse_crs("EPSG:32633"))
    assert found.GetExtent() == (0, 9, 0, 9)
    names = {entry.name for entry in (tmp_path / "a").iterdir()}
    assert names == {f"x.{ending}" for ending in ("shp", "shx", "dbf", "prj", "cpg")}


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ImageIOError):
        write_shapefile(str(tmp_path / "file" / "x.shp"), layer(()))
