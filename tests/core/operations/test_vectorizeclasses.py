# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption
from orthoweave.core.landcover.sieving import regions_of
from orthoweave.core.operations import vectorizeclasses
from orthoweave.core.raster.crs import parse_crs
from orthoweave.core.raster.palette import palette_style
from orthoweave.core.vector import Feature, Layer, read_polygons, write_layers
from orthoweave.core.vector.rings import area_of, rings_of, wkb_of
from orthoweave.core.vector.shaping import is_valid
from osgeo import ogr

ndimage = pytest.importorskip("scipy.ndimage")

PIXEL = 100.0
"""m²"""


@pytest.fixture
def labels():
    """Patches of four classes, some small, an island of one pixel alone, a part without class."""
    random = np.random.default_rng(0)
    fields = ndimage.gaussian_filter(random.normal(size=(4, 120, 150)), (0, 3, 3))
    found = (fields.argmax(0) + 11).astype(np.uint8)
    found[:30, :40] = 0
    found[10, 10] = 12
    return found


@pytest.fixture
def path(write, labels):
    return write("map.tif", labels, nodata=0)


def run(path, tmp_path, name="out.gpkg", **more):
    request = vectorizeclasses.Request(image=path, output=str(tmp_path / name), **more)
    found = vectorizeclasses.run(request)
    return found, read_polygons(found.output, "")


def union_of(features):
    whole = ogr.Geometry(ogr.wkbMultiPolygon)
    for feature in features:
        for polygon in rings_of(feature.geometry):
            assert is_valid(polygon)
            single = ogr.CreateGeometryFromWkb(wkb_of([polygon]))
            whole.AddGeometry(single.GetGeometryRef(0))
    return whole.UnionCascaded()


def test_polygons_cover_the_pixels_with_a_class_and_nothing_else(path, labels, tmp_path):
    found, features = run(path, tmp_path)
    covered = np.count_nonzero(labels) * PIXEL
    # the tolerance is that of coordinates of 5,000,000 m
    assert sum(f.values["Area"] for f in features) == pytest.approx(
        covered, abs=0.01 * len(features)
    )
    assert sum(area_of(rings_of(f.geometry)) for f in features) == pytest.approx(covered, abs=1e-3)
    assert union_of(features).GetArea() == pytest.approx(covered, abs=1e-3)
    assert found.polygon_count == len(features)


def test_no_polygon_is_too_small_but_one_without_neighbor(path, tmp_path):
    found, features = run(path, tmp_path, mmu=2000.0)
    small = [f for f in features if f.values["Area"] < 2000.0]
    assert [f.values["Class"] for f in small] == [12]
    assert found.small_count == 1


def test_without_simplifying_the_pixels_come_back(path, labels, tmp_path):
    options = {"tolerance": 0.0, "smooth": 0.0, "corners": False, "mmu": 0.0}
    _, features = run(path, tmp_path, **options)
    assert len(features) == len(np.unique(regions_of(labels)[labels > 0]))
    for label in (11, 12, 13, 14):
        area = sum(f.values["Area"] for f in features if f.values["Class"] == label)
        assert area == np.count_nonzero(labels == label) * PIXEL


def test_borders_follow_straight_edges(write, tmp_path):
    row, col = np.mgrid[:80, :80]
    labels = np.where(col > row * 0.6 + 10, 2, 1).astype(np.uint8)
    _, features = run(write("a.tif", labels), tmp_path, smooth=0.0)
    assert len(features) == 2
    # a straight border has a few points, not one for each of 80 stairs
    assert max(len(rings_of(f.geometry)[0][0]) for f in features) < 15


@pytest.mark.parametrize(("block", "threads"), [(16, 1), (40, 3)])
def test_blocks_and_threads_change_nothing(path, tmp_path, block, threads):
    _, whole = run(path, tmp_path, source=path, validity=path)
    more = {"source": path, "validity": path, "block": block, "threads": threads}
    _, again = run(path, tmp_path, "b.gpkg", **more)
    assert [(f.geometry, f.values) for f in whole] == [(f.geometry, f.values) for f in again]


def test_statistics_count_the_pixels_of_other_grids(write, tmp_path):
    labels = np.repeat([[1, 2]], 20, 0).repeat(10, 1).astype(np.uint8)
    fine = np.kron(labels, np.ones((2, 2), np.uint8))
    fine[:10, :20] = 3
    half = (500000.0, 5.0, 0.0, 5000000.0, 0.0, -5.0)
    path = write("map.tif", labels, nodata=0)
    source = write("fine.tif", fine, transform=half, nodata=0)
    shares = np.where(fine == 3, 0.29, 0.8).astype(np.float32)
    confidence = write("confidence.tif", shares, transform=half)
    clear = np.where(np.arange(20)[:, None] < 5, 4, 8) * np.ones((1, 20), int)
    validity = write("nb.tif", clear.astype(np.uint8))
    more = {"source": source, "confidence": confidence, "validity": validity}
    _, features = run(path, tmp_path, **more)
    one, two = (f.values for f in features)
    assert (one["Class"], one["c1"], one["c2"], one["c3"]) == (1, 75.0, 0.0, 25.0)
    assert (two["Class"], two["c1"], two["c2"], two["c3"]) == (2, 0.0, 100.0, 0.0)
    assert one["Confidence"] == 67.25 and two["Confidence"] == 80.0
    assert one["Validmean"] == 7.0 and one["Validstd"] == 1.73
    assert "Validmean" in two and "Name" in two


def test_nan_and_nodata_are_no_statistics(write, tmp_path):
    labels = np.ones((20, 20), np.uint8)
    shares = np.full((20, 20), 0.5, np.float32)
    shares[:10] = np.nan
    path = write("map.tif", labels)
    _, features = run(path, tmp_path, confidence=write("c.tif", shares))
    assert features[0].values["Confidence"] == 50.0
    assert features[0].values["Validmean"] is None


def test_names_and_colors_are_those_of_the_style_beside_the_map(path, tmp_path):
    palette_style(path, [(11, "maize & beans", "#ff0000", 255), (12, "wood", "#00ff00", 255)])
    found, features = run(path, tmp_path, class_field="Code")
    names = {f.values["Code"]: f.values["Name"] for f in features}
    assert names == {11: "maize & beans", 12: "wood", 13: "13", 14: "14"}
    styles = ogr.Open(found.output)
    layer = styles.GetLayerByName("layer_styles")
    text = layer.GetNextFeature().GetField("styleQML")
    assert "maize &amp; beans" in text and "255,0,0,255" in text


def test_zones_become_shapefiles_that_are_cut_and_zipped(path, labels, tmp_path):
    squares = []
    for left, name in ((500000.0, "31"), (500700.0, "32")):
        right, low, high = left + 700, 4998800.0, 5000000.0
        ring = np.array([(left, low), (right, low), (right, high), (left, high), (left, low)])
        squares.append(Feature(wkb_of([(ring,)]), {"code": name}))
    layer = Layer("z", "Polygon", parse_crs("EPSG:32633"), (("code", "string"),), tuple(squares))
    zones = write_layers(str(tmp_path / "zones.gpkg"), [layer])
    found, _ = run(path, tmp_path, zones=zones, zone_field="code")
    assert [Path(one).name for one in found.zone_files] == ["dept_31.shp", "dept_32.shp"]
    for one, cols in zip(found.zone_files, (slice(0, 70), slice(70, 140))):
        area = sum(f.values["Area"] for f in read_polygons(one, ""))
        assert area == pytest.approx(np.count_nonzero(labels[:, cols]) * PIXEL, abs=1.0)
        with zipfile.ZipFile(one[:-4] + ".zip") as archive:
            parts = {Path(name).suffix for name in archive.namelist()}
            assert parts == {".shp", ".shx", ".dbf", ".prj", ".cpg"}
    more = {"zones": zones, "zone_field": "code", "zone_value": "32", "prefix": "x", "zip": False}
    found, _ = run(path, tmp_path, **more)
    assert [Path(one).name for one in found.zone_files] == ["x_32.shp"]
    assert not (tmp_path / "x_32.zip").exists()
    with pytest.raises(InvalidOption, match="has none with code = 33; it has 31, 32"):
        run(path, tmp_path, zones=zones, zone_field="code", zone_value="33")
    with pytest.raises(InvalidOption, match="no field 'name'"):
        run(path, tmp_path, zones=zones, zone_field="name")


def test_a_map_without_class_gives_an_empty_layer(write, tmp_path, listen):
    path = write("map.tif", np.zeros((5, 7), np.uint8), nodata=0)
    progress = listen()
    request = vectorizeclasses.Request(image=path, output=str(tmp_path / "out.gpkg"))
    assert vectorizeclasses.run(request, progress).polygon_count == 0
    assert "map has no class; the layer is empty." in progress.warnings


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"statistics": ("rates",)}, "'rates' is none of rate, confidence, validity"),
        ({"zones": "z.gpkg"}, "give the field that names them"),
        ({"class_field": "Area"}, "Area is the name of another field"),
        ({"class_field": "c11"}, "c11 is the name of another field"),
        ({"class_field": "landcoverclass"}, "1 to 10 letters"),
    ],
)
def test_options_that_do_not_fit_are_refused(path, tmp_path, more, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        run(path, tmp_path, **more)


def test_an_image_of_numbers_is_refused(write, tmp_path):
    path = write("f.tif", np.ones((10, 10), np.float32))
    with pytest.raises(IncompatibleImages, match="a class map has one band"):
        run(path, tmp_path)


def test_degrees_are_noticed(write, tmp_path, listen):
    degrees = (2.0, 1e-4, 0.0, 45.0, 0.0, -1e-4)
    labels = np.repeat([[1, 2]], 20, 0).repeat(10, 1).astype(np.uint8)
    path = write("map.tif", labels, transform=degrees, crs="EPSG:4326")
    progress = listen()
    request = vectorizeclasses.Request(image=path, output=str(tmp_path / "out.gpkg"))
    found = vectorizeclasses.run(request, progress)
    assert any("10 map units are more than 20 pixels" in text for text in progress.warnings)
    # 1e-4 degrees are 11.1 m, and 7.9 m across at 45 degrees north
    areas = [f.values["Area"] for f in read_polygons(found.output, "")]
    assert areas == pytest.approx([200 * 11.11 * 7.87] * 2, rel=0.01)


@pytest.mark.parametrize("after", [1, 4, 8])
def test_a_stop_leaves_no_file(path, tmp_path, listen, after):
    request = vectorizeclasses.Request(
        image=path, output=str(tmp_path / "o" / "out.gpkg"), block=16
    )
    with pytest.raises(Cancelled):
        vectorizeclasses.run(request, listen(cancel_after=after))
    assert not list((tmp_path / "o").glob("*")) if (tmp_path / "o").exists() else True


def test_files_of_zones_have_names_of_their_own_and_stay_in_the_folder(path, tmp_path):
    corners = [(5e5, 4998800), (500700, 4998800), (500700, 5e6), (5e5, 5e6), (5e5, 4998800)]
    square = wkb_of([(np.array(corners, float),)])
    names = ("Ö 森/a", "Ö 森:a", "ö 森_A")
    features = tuple(Feature(square, {"code": name}) for name in names)
    layer = Layer("z", "Polygon", parse_crs("EPSG:32633"), (("code", "string"),), features)
    zones = write_layers(str(tmp_path / "zones.gpkg"), [layer])
    found, _ = run(path, tmp_path, zones=zones, zone_field="code", prefix="../x", zip=False)
    expected = [".._x_Ö 森_a.shp", ".._x_Ö 森_a_2.shp", ".._x_ö 森_A_3.shp"]
    assert [Path(one).name for one in found.zone_files] == expected
    assert all(Path(one).parent == tmp_path for one in found.zone_files)


def test_more_classes_than_a_table_has_columns_are_refused(write, tmp_path):
    many = write("many.tif", np.arange(1, 2501, dtype=np.uint16).reshape(50, 50))
    with pytest.raises(InvalidOption, match="shares of 2500 classes do not fit.*Leave out rate"):
        run(many, tmp_path, mmu=0)
    assert run(many, tmp_path, mmu=0, statistics=())[0].polygon_count == 2500


def test_labels_that_no_class_map_holds_are_refused_not_wrapped(write, tmp_path):
    large = write("large.tif", np.array([[1, 70000]], np.int32))
    with pytest.raises(IncompatibleImages, match="the label 70000; labels are .* to 65535"):
        run(large, tmp_path)
