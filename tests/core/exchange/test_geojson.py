# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

import numpy as np
import pytest
from orthoweave.core.exchange.geojson import PROPERTIES, write_geojson

PLACED = ("north up", "rotated", "south up", "geographic")


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.parametrize("kind", PLACED)
def test_points_lie_at_pixel_centers(tmp_path, key_points, grids, kind):
    grid = grids[kind]
    points = key_points(20, grid)
    found = read(write_geojson(str(tmp_path / "kp_delta.json"), points, grid))
    x, a, b, y, d, e = grid.transform
    expected = [
        (x + a * (col + 0.5) + b * (row + 0.5), y + d * (col + 0.5) + e * (row + 0.5))
        for col, row in zip(points.x0, points.y0)
    ]
    places = [feature["geometry"]["coordinates"] for feature in found["features"]]
    # 15 digits of coordinates
    np.testing.assert_allclose(places, expected, rtol=1e-14)


@pytest.mark.parametrize(("kind", "code"), [("north up", 32633), ("geographic", 4326)])
def test_the_crs_is_named_by_its_code(tmp_path, key_points, grids, kind, code):
    found = read(write_geojson(str(tmp_path / "a.json"), key_points(1), grids[kind]))
    assert found["type"] == "FeatureCollection"
    assert found["crs"] == {
        "type": "name",
        "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"},
    }


def test_properties_are_those_of_karios_and_ours_null_where_unknown(tmp_path, key_points, grids):
    points = key_points(2, grids["north up"], zncc_score=[0.5, np.nan])
    found = read(write_geojson(str(tmp_path / "a.json"), points, grids["north up"]))
    first, second = (feature["properties"] for feature in found["features"])
    assert tuple(first) == PROPERTIES
    assert first["zncc_score"] == 0.5 and second["zncc_score"] is None
    assert first["radial error"] == pytest.approx(np.hypot(first["dx"], first["dy"]), rel=1e-5)
    assert first["mi_score"] is None


def test_rejected_points_are_left_out(tmp_path, key_points, grids):
    points = key_points(4, status=[0, 1, 2, 3])
    found = read(write_geojson(str(tmp_path / "a.json"), points, grids["north up"]))
    assert len(found["features"]) == 2


def test_a_crs_without_code_is_left_out_and_told(tmp_path, key_points, grids, listen):
    from orthoweave.core.raster import parse_crs

    own = parse_crs("+proj=tmerc +lon_0=15.5 +ellps=GRS80 +units=m")
    progress = listen()
    grid = grids["north up"].with_crs(own)
    found = read(write_geojson(str(tmp_path / "a.json"), key_points(2), grid, progress))
    assert "crs" not in found and len(found["features"]) == 2
    assert len(progress.warnings) == 1 and "no EPSG code" in progress.warnings[0]


def test_nothing_is_written_without_crs(tmp_path, key_points, grids):
    assert write_geojson(str(tmp_path / "a.json"), key_points(2), grids["nowhere"]) is None
    assert list(tmp_path.iterdir()) == []


def test_gdal_reads_the_file_in_its_crs(tmp_path, key_points, grids):
    from osgeo import ogr

    path = write_geojson(str(tmp_path / "a.json"), key_points(5), grids["north up"])
    dataset = ogr.Open(path)
    layer = dataset.GetLayer(0)
    assert layer.GetFeatureCount() == 5
    assert layer.GetSpatialRef().GetAuthorityCode(None) == "32633"
