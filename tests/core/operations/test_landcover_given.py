# SPDX-License-Identifier: GPL-2.0-or-later
"""What a land cover run is given: what does not fit is said before the first task begins."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.operations import landcover
from orthoweave.core.progress import Progress
from osgeo import gdal, ogr

from . import theia
from .theia import Heard, asked

pytest.importorskip("scipy")
pytest.importorskip("shapely")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return theia.make(tmp_path_factory.mktemp("theia"))


def configured(tmp_path, text):
    path = tmp_path / "given.cfg"
    path.write_text(text)
    return str(path)


def translated(made, path, sql):
    gdal.VectorTranslate(str(path), str(made.polygons), SQLStatement=sql, SQLDialect="sqlite")
    return str(path)


SIMPLIFY = "chain :\n  last_step : 'statistics'\nsimplification :\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("chain :\n  color_table : 'none.txt'\n", "none.txt"),
        (SIMPLIFY + "  umc1 : 'x'\n", "'x' is not a whole number"),
        (SIMPLIFY + "  clipfile : 'none.shp'\n  clipfield : 'a'\n", "none.shp"),
        ("Sentinel_2 :\n  start_date : 'May'\n", "'May' is no date"),
        ("Sentinel_2 :\n  keep_bands : ['B4', 'B99']\n", "Sentinel2 has no B99; it has b2, b3"),
        ("external_features :\n  module : 'none.py'\n  functions : 'f'\n", "none.py.* not exist"),
    ],
)
def test_what_a_late_step_needs_is_looked_for_at_once(made, tmp_path, text, sentence):
    request = asked(made, tmp_path / "out", colors=None, config=configured(tmp_path, text))
    with pytest.raises((InvalidOption, ImageIOError), match=sentence):
        landcover.run(request)
    assert not (tmp_path / "out").exists()


def test_polygons_that_no_tile_reaches_are_counted(made, tmp_path):
    far = "CASE WHEN code = 11 THEN ST_Translate(geometry, 1e6, 0, 0) ELSE geometry END"
    sql = f"SELECT code, {far} AS geometry FROM groundTruth"
    heard = Heard()
    some = translated(made, tmp_path / "some.gpkg", sql)
    landcover.run(asked(made, tmp_path / "out", polygons=some, dry_run=True), heard)
    assert any("polygons of some.gpkg lie outside the tiles" in text for text in heard.warnings)
    assert "No polygon of 1 classes lies in a tile: 11 (crop)." in heard.warnings
    sql = "SELECT code, ST_Translate(geometry, 1e6, 0, 0) AS geometry FROM groundTruth"
    none = translated(made, tmp_path / "none.gpkg", sql)
    with pytest.raises(InvalidOption, match=r"None of the 90 polygons .* \(extents: "):
        landcover.run(asked(made, tmp_path / "out", polygons=none, dry_run=True))


def test_a_class_with_the_label_of_undecided_pixels_is_refused_at_once(made, tmp_path):
    sql = "SELECT CASE code WHEN 211 THEN 255 ELSE code END AS code, geometry FROM groundTruth"
    path = translated(made, tmp_path / "t.gpkg", sql)
    request = asked(made, tmp_path / "out", polygons=path, runs=2, merge_runs=True, dry_run=True)
    with pytest.raises(InvalidOption, match="255 marks pixels .* and is a class of t.gpkg"):
        landcover.run(request)


def test_features_need_no_reference(made, tmp_path):
    wanted = {"polygons": None, "field": None, "nomenclature": None, "builder": "features"}
    out = tmp_path / "out"
    landcover.run(asked(made, out, **wanted, tiles="T31TCJ", indices=("ndvi",)))
    assert gdal.Open(str(out / "final" / "features_map.tif")).RasterCount == 33


@pytest.fixture(scope="module")
def finished(made, tmp_path_factory):
    """A finished run with names that need care in tables: its request, folder and warnings."""
    box = tmp_path_factory.mktemp("finished")
    cases = "CASE code WHEN 11 THEN 'crop, irrigated' WHEN 34 THEN 'a:b' WHEN 41 THEN 'x<y' "
    sql = f"SELECT {cases} ELSE 'wa\"ter' END AS kind, geometry FROM groundTruth"
    named = translated(made, box / "named.shp", sql)
    out = box / "my maps & Wälder"
    changes = {"polygons": named, "field": "kind", "colors": None, "last_step": "statistics"}
    request, heard = asked(made, out, **changes), Heard()
    landcover.run(request, heard)
    return request, out, heard.warnings


def test_pixels_that_another_tile_maps_are_not_without_class(finished):
    _, out, _ = finished
    report = json.loads((out / "final" / "RESULTS.json").read_text())
    # polygons are cut to where the ground was clear, and there every pixel has a class
    assert report["runs"][0]["not_mapped"] == 0


def test_texts_as_labels_do_not_take_the_names_of_numbers(finished):
    _, out, warnings = finished
    assert any("the nomenclature is not used" in text for text in warnings)
    assert 'wa"ter:3' in (out / "nomenclature.txt").read_text().splitlines()
    assert "crop, irrigated" in (out / "final" / "RESULTS.txt").read_text()


@pytest.mark.parametrize(
    "table",
    [
        "final/vectors/Classif_Seed_0_statistics.csv",
        "learningSamples/class_statistics_seed0_learn.csv",
        "final/AREAS.csv",
    ],
)
def test_names_with_commas_and_quotes_stay_one_cell(finished, table):
    _, out, _ = finished
    with open(out / table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["name"] for row in rows} == {"crop, irrigated", "a:b", "x<y", 'wa"ter'}
    assert all(None not in row and None not in row.values() for row in rows)


def test_the_table_of_polygons_sums_them_up(finished):
    _, out, _ = finished
    with open(out / "final/vectors/Classif_Seed_0_statistics.csv", encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    layer = ogr.Open(str(out / "final/vectors/Classif_Seed_0.gpkg"))
    found = [one for one in layer.GetLayer(0) if one["Name"] == "a:b"]
    areas, sure = (np.array([one[name] for one in found]) for name in ("Area", "Confidence"))
    assert int(rows["a:b"]["polygons"]) == len(found)
    assert float(rows["a:b"]["area_ha"]) == pytest.approx(areas.sum() / 1e4, abs=0.006)
    expected = (areas * sure).sum() / areas.sum()
    assert float(rows["a:b"]["confidence"]) == pytest.approx(expected, abs=0.006)


def test_what_qgis_notes_beside_images_changes_nothing_and_labels_in_a_shapefile_do(finished, made):
    request, _, _ = finished
    (made.product("T31TCJ") / "band.tif.aux.xml").write_text("<PAMDataset/>")
    assert landcover.run(request).tasks_done == 0
    table = request.polygons.replace(".shp", ".dbf")
    with open(table, "r+b") as file:
        file.seek(-2, os.SEEK_END)
        before = file.read(1)
        file.seek(-2, os.SEEK_END)
        file.write(b"s" if before == b" " else b" ")
    with pytest.raises(InvalidOption):
        # one polygon has another label now, so that the split and all behind it run again
        landcover.run(request, Stopping(request.output_folder))


def test_products_of_another_request_are_named(made, tmp_path):
    out, heard = tmp_path / "out", Heard()
    landcover.run(asked(made, out, runs=2, tiles="T31TCJ"))
    landcover.run(asked(made, out, runs=2, tiles="T31TCJ", last_step="init"), heard)
    assert not heard.warnings[1:]
    landcover.run(asked(made, out, tiles="T31TCJ", last_step="init"), heard)
    assert "files in final are of an earlier run with other settings, such as" in heard.warnings[-1]
    landcover.run(asked(made, out, tiles="T31TCJ", last_step="init", clean=True))
    assert not (out / "final" / "Classif_Seed_1.tif").exists()


class Stopping(Progress):
    """Ends the run as soon as the split was made again."""

    def __init__(self, folder):
        self._log = os.path.join(folder, "logs", "VectorFormatting", "split_reference.out")
        self._before = os.stat(self._log).st_mtime_ns

    def advance(self, fraction):
        if os.stat(self._log).st_mtime_ns != self._before:
            raise InvalidOption("the split runs again")


def test_a_tile_that_was_never_seen_is_left_out_with_a_warning(tmp_path):
    made, heard = theia.make(tmp_path), Heard()
    for path in (made.sensors / "T31TDJ").rglob("*.tif"):
        file = gdal.Open(str(path), 1)
        kind = path.stem.rpartition("_FRE_")[2] or path.stem
        file.GetRasterBand(1).Fill(theia.NODATA if kind.startswith("B") else 1)
        file = None
    landcover.run(asked(made, tmp_path / "out", tiles=None), heard)
    assert "No ground of T31TDJ was seen by all sensors; it is not mapped." in heard.warnings
    found = gdal.Open(str(tmp_path / "out" / "final" / "Classif_Seed_0.tif")).ReadAsArray()
    # the first two rows of products have no data
    assert found.shape[1] == theia.SIDE and (found[2:] > 0).all()


def test_dates_of_one_place_that_are_given_as_tiles_are_said(made, tmp_path):
    first = gdal.Open(str(next(made.product("T31TCJ").glob("*FRE_B2.tif"))))
    images, heard = [], Heard()
    for date in ("20180511", "20180521", "20180531"):
        images.append(str(tmp_path / f"dates {date}.tif"))
        gdal.Translate(images[-1], first)
    # a little apart is the same place; beside each other is not
    left, top = theia.LEFT, theia.TOP
    gdal.Translate(images[1], first, outputBounds=[left + 20, top, left + 1020, top - 1000])
    plan = asked(made, tmp_path / "out", images=tuple(images), dry_run=True)
    landcover.run(plan, heard)
    said = [text for text in heard.warnings if "cover the same ground" in text]
    names = "dates20180511, dates20180521, dates20180531"
    assert len(said) == 1 and said[0].startswith(f"Tiles {names} cover the same ground, of which")
    heard = Heard()
    landcover.run(asked(made, tmp_path / "out", dry_run=True), heard)
    assert not any("cover the same ground" in text for text in heard.warnings)
