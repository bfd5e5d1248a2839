# SPDX-License-Identifier: GPL-2.0-or-later
"""What mergerasters writes besides a mosaic, and what it leaves as it is."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.operations import mergerasters
from orthoweave.core.raster.create import STAMP
from osgeo import gdal

ROOT = Path(__file__).resolve().parents[3]
BASE = (5e5, 10.0, 0.0, 5e6, 0.0, -10.0)


def shifted(col, row):
    return (BASE[0] + 10 * col, 10.0, 0.0, BASE[3] - 10 * row, 0.0, -10.0)


def cells(tmp_path, shapes):
    """Write seam cells, (name, left, top, right, bottom) in pixels, as GeoJSON."""
    features = []
    for name, left, top, right, bottom in shapes:
        x0, x1, y0, y1 = 5e5 + 10 * left, 5e5 + 10 * right, 5e6 - 10 * bottom, 5e6 - 10 * top
        ring = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
        features.append(
            {
                "type": "Feature",
                "properties": {"image": name},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    path = tmp_path / "cells.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    return str(path)


def textured(seed, shape=(2, 160, 200)):
    return np.random.default_rng(seed).integers(80, 160, shape).astype(np.uint8)


@pytest.fixture
def pair(write):
    """Two images side by side that share 80 columns."""
    return [
        write("a.tif", textured(1)),
        write("b.tif", textured(2), transform=shifted(120, 0)),
    ]


def test_multiband_without_seam_cells_cuts_in_the_middle_and_says_so(pair, merge, listen):
    pytest.importorskip("shapely")
    heard = listen()
    found = merge(pair, heard, rule="multiband", blend_width=4)
    hard = merge(pair, rule="first")
    assert any("seams are computed along the middle" in text for text in heard.infos)
    # the middle of the overlap is column 160
    np.testing.assert_array_equal(found.values[:, :, :148], hard.values[:, :, :148])
    np.testing.assert_array_equal(found.values[:, :, 172:], textured(2)[:, :, 52:])
    assert found.valid.all() and found.result.seam_visibility is not None
    assert hard.result.seam_visibility is None


def test_every_pixel_can_be_asked_where_it_comes_from(pair, merge, tmp_path, read_back):
    hole = gdal.Open(pair[0], gdal.GA_Update)
    hole.GetRasterBand(1).SetNoDataValue(0)
    hole.GetRasterBand(2).SetNoDataValue(0)
    hole.WriteArray(np.zeros((2, 20, 30), np.uint8), 140, 50)
    hole = None
    sources = str(tmp_path / "sources.tif")
    shapes = (("a", 0, 0, 180, 160), ("b", 180, 0, 320, 160))
    found = merge(pair, rule="first", seamlines=cells(tmp_path, shapes), save_sources=sources)
    expected = np.ones((160, 320), int)
    expected[:, 180:] = 2
    expected[50:70, 140:170] = 2
    numbers = read_back(sources)
    np.testing.assert_array_equal(numbers.values[0], expected)
    assert numbers.values.dtype == np.uint16 and numbers.nodata == 0
    names = numbers.dataset.GetMetadata()
    assert (names["IMAGE_1"], names["IMAGE_2"]) == ("a", "b")
    assert found.result.save_sources == sources
    last = str(tmp_path / "last.tif")
    merge(pair, rule="last", save_sources=last)
    assert set(np.unique(read_back(last).values[:, :, 120:])) == {2}


def test_sources_of_mixed_values_are_refused(pair, tmp_path):
    with pytest.raises(InvalidOption, match="SAVE_SOURCES: with the overlap rule mean pixels"):
        mergerasters.Request(images=pair, output="m.tif", rule="mean", save_sources="s.tif")
    out = str(tmp_path / "m.tif")
    with pytest.raises(InvalidOption, match="would both be written as m.tif"):
        mergerasters.run(mergerasters.Request(images=pair, output=out, save_sources=out))


@pytest.mark.parametrize("overlap", [0, 7])
def test_tiles_and_their_virtual_raster_equal_the_single_file(
    layer, merge, tmp_path, read_back, overlap
):
    images = [layer(f"{n}.tif", "msk", seed=n, at=(47 * n, 31 * n)) for n in range(3)]
    single = merge(images, rule="mean")
    tiled = merge(
        images,
        rule="mean",
        tiles=40,
        tile_overlap=overlap,
        output=str(tmp_path / "tiled" / "mosaic.tif"),
    )
    folder = tmp_path / "tiled" / "mosaic"
    assert tiled.path == str(folder / "MergedImage.vrt")
    np.testing.assert_array_equal(tiled.values[:, single.valid], single.values[:, single.valid])
    np.testing.assert_array_equal(tiled.valid, single.valid)
    assert tiled.transform == single.transform
    assert tiled.result.covered == single.result.covered
    rows = list(csv.DictReader((folder / "tiles.csv").open()))
    assert sorted(row["tile"] for row in rows) == sorted(p.name for p in folder.glob("*.tif"))
    for row in rows:
        info = gdal.Open(str(folder / row["tile"]))
        x, size, _, y, _, _ = info.GetGeoTransform()
        assert (float(row["minx"]), float(row["maxy"])) == (x, y)
        assert float(row["maxx"]) == x + size * info.RasterXSize
        assert info.RasterXSize <= 40 + 2 * overlap
    assert list(csv.DictReader((folder / "tiles.csv").open()).__next__()) == [
        "tile", "minx", "maxx", "miny", "maxy",
    ]  # fmt: skip


def test_tiles_where_no_image_lies_are_left_out_and_the_index_can_be(write, merge, tmp_path):
    far = [write("a.tif", textured(1)), write("b.tif", textured(2), transform=shifted(400, 300))]
    merge(far, tiles=100, tile_index=False, output=str(tmp_path / "t"))
    names = {p.name for p in (tmp_path / "t").iterdir()}
    assert "tile_0_0.tif" in names and "tile_0_5.tif" not in names and "tiles.csv" not in names


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"tiles": 5}, "Side of tiles: 5 px is below 16"),
        ({"tile_overlap": 5}, "TILE_OVERLAP needs TILES above 0"),
        ({"tiles": 50, "tile_overlap": 50}, "is not less than their side"),
        ({"resume": "maybe"}, "Resume: 'maybe' is not one of no, exists, check"),
        ({"max_open_files": 0}, "Open files: 0 is below 1"),
    ],
)
def test_wrong_options_are_refused_with_a_sentence(how, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        mergerasters.Request(images=("a.tif",), output="m.tif", **how)


def test_a_plan_writes_nothing_and_says_what_would_be(pair, tmp_path, listen):
    heard, out = listen(), tmp_path / "out" / "m.tif"
    request = mergerasters.Request(images=pair, output=str(out), dry_run=True, tiles=100)
    result = mergerasters.run(request, heard)
    assert result.output is None and result.images_used == 2
    assert not list(tmp_path.glob("out/**/*.*"))
    assert sum("Planned: " in text for text in heard.infos) == 8
    plain = mergerasters.Request(images=pair, output=str(out), dry_run=True)
    assert mergerasters.run(plain, heard).covered is None
    assert heard.infos[-1].endswith("320 × 160 px, 2 bands uint8, about 30.7 kB.")
    assert not list(tmp_path.glob("out/*.*"))


def test_what_an_earlier_run_has_finished_is_kept(pair, merge, tmp_path):
    out = str(tmp_path / "out" / "m.tif")
    first = merge(pair, output=out, resume="check", rule="first")
    stamp = gdal.Open(out).GetMetadataItem(STAMP)
    assert stamp.startswith("mergerasters ") and len(stamp.split()[1]) == 64
    changed = os.stat(out).st_mtime_ns
    again = merge(pair, output=out, resume="check", rule="first", threads=2, window_size=64)
    assert os.stat(out).st_mtime_ns == changed
    assert again.result.covered == first.result.covered == 1
    kept = merge(pair, output=out, resume="exists", rule="last")
    assert os.stat(out).st_mtime_ns == changed and kept.result.hole_pixels is None
    other = merge(pair, output=out, resume="check", rule="last")
    assert os.stat(out).st_mtime_ns != changed
    assert (other.values[:, :, 120:200] != first.values[:, :, 120:200]).any()
    changed = os.stat(out).st_mtime_ns
    merge(pair, output=out, rule="last")
    assert os.stat(out).st_mtime_ns != changed


def test_a_younger_input_or_a_broken_output_is_written_again(pair, merge, tmp_path):
    out = str(tmp_path / "out" / "m.tif")
    merge(pair, output=out, resume="check")
    changed = os.stat(out).st_mtime_ns
    os.utime(pair[0], (2e9, 2e9))
    merge(pair, output=out, resume="check")
    assert os.stat(out).st_mtime_ns != changed
    Path(out).write_bytes(Path(out).read_bytes()[:500])
    found = merge(pair, output=out, resume="exists")
    assert found.valid.all()


def test_the_stamp_is_not_inherited_by_files_made_of_a_mosaic(pair, merge):
    once = merge(pair)
    twice = merge([once.path], rule="first")
    own = (gdal.Open(m.path).GetMetadataItem(STAMP) for m in (once, twice))
    assert len(set(own)) == 2


MANY = """
import importlib.util, os, sys, threading, time
spec = importlib.util.spec_from_file_location(
    "orthoweave", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
module = sys.modules["orthoweave"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from orthoweave.core.operations import mergerasters
most, done = [0], threading.Event()
def watch():
    while not done.wait(0.002):
        most[0] = max(most[0], len(os.listdir("/proc/self/fd")))
threading.Thread(target=watch, daemon=True).start()
found = mergerasters.run(mergerasters.Request(
    images=(sys.argv[2],), output=sys.argv[3], max_open_files=int(sys.argv[4]),
    threads=4, build_overviews=False))
done.set()
print(most[0], found.images_used, found.covered)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
@pytest.mark.parametrize("limit", [8, 64])
def test_thousands_of_images_are_merged_with_few_files_open(tmp_path, limit):
    folder, driver = tmp_path / "many", gdal.GetDriverByName("GTiff")
    folder.mkdir()
    for number in range(1200):
        path = str(folder / f"{number}.tif")
        made = driver.Create(path, 20, 20, 1, gdal.GDT_Byte)
        made.SetGeoTransform(shifted(18 * (number % 40), 18 * (number // 40)))
        made.GetRasterBand(1).Fill(1 + number % 250)
        made = None
    out = str(tmp_path / "m.tif")
    told = subprocess.run(
        [sys.executable, "-c", MANY, str(ROOT), str(folder), out, str(limit)],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    most, used, covered = int(told[0]), int(told[1]), float(told[2])
    assert used == 1200 and covered == 1
    assert most <= limit + 16
    values = gdal.Open(out).ReadAsArray()
    assert values.shape == (18 * 29 + 20, 18 * 39 + 20)
    assert values[0, 0] == 1 and values[0, 19] == 2 and values[-1, -1] == 1 + 1199 % 250


@pytest.mark.parametrize("seams", [True, False])
def test_sources_take_no_reading_of_their_own(merge, write, tmp_path, seams):
    options = ("TILED=YES", "BLOCKXSIZE=128", "BLOCKYSIZE=128")
    images = []
    for name, col in (("a", 0), ("b", 300)):
        place = (500000.0 + 10 * col, 10.0, 0.0, 5000000.0, 0.0, -10.0)
        values = np.random.default_rng(col).integers(1, 999, (2, 600, 800)).astype(np.uint16)
        path = write(f"{name}.tif", values, nodata=0, options=options, transform=place)
        images.append(path)
    how = {"rule": "multiband" if seams else "last", "blend_width": 8}
    plain = merge(images, **how).result.read_bytes
    found = merge(images, save_sources=str(tmp_path / "sources.tif"), **how).result
    # the second image alone is read where it lies above the first
    assert found.read_bytes <= 1.05 * plain
