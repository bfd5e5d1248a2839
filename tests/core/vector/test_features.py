# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.raster import parse_crs
from orthoweave.core.vector import Feature, polygons_for, read_polygons
from orthoweave.core.vector.rings import area_of, rings_of

ogr = pytest.importorskip("osgeo.ogr")
osr = pytest.importorskip("osgeo.osr")

UTM = parse_crs("EPSG:32633")
SQUARE = "POLYGON((500000 5000000,500100 5000000,500100 5000100,500000 5000100,500000 5000000))"
BOWTIE = "POLYGON((0 0,10 10,10 0,0 10,0 0))"


@pytest.fixture
def layer(tmp_path):
    """Write geometries (WKT, image) as a layer; return the path."""

    def make(features, name="a.gpkg", layers=("cells",), crs="EPSG:32633"):
        path = tmp_path / name
        dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
        reference = None
        if crs:
            reference = osr.SpatialReference()
            reference.SetFromUserInput(crs)
        for title in layers:
            table = dataset.CreateLayer(title, reference, ogr.wkbUnknown)
            table.CreateField(ogr.FieldDefn("image", ogr.OFTString))
            for wkt, image in features:
                row = ogr.Feature(table.GetLayerDefn())
                row.SetField("image", image)
                if wkt:
                    row.SetGeometry(ogr.CreateGeometryFromWkt(wkt))
                table.CreateFeature(row)
        del table, dataset
        return str(path)

    return make


def named(*names):
    return tuple(Feature(b"", {"image": name}) for name in names)


def test_polygons_and_attributes_are_read(layer):
    (found,) = read_polygons(layer([(SQUARE, "a")]), UTM)
    assert found.values == {"image": "a"}
    assert area_of(rings_of(found.geometry)) == 10000


def test_a_layer_is_chosen_by_name_and_missing_ones_are_listed(layer):
    path = layer([(SQUARE, "a")], layers=("one", "two"))
    assert len(read_polygons(f"{path}|layername=two", UTM)) == 1
    assert len(read_polygons(f"{path}|layerid=1", UTM)) == 1
    with pytest.raises(InvalidOption, match="no layer 'three'; it has one, two"):
        read_polygons(f"{path}|layername=three", UTM)
    with pytest.raises(InvalidOption, match="no layer number 2 .from 0.; it has one, two"):
        read_polygons(f"{path}|layerid=2", UTM)


def test_a_filter_of_the_layer_is_honored(layer):
    path = layer([(SQUARE, "a"), (SQUARE, "b")])
    (found,) = read_polygons(f"{path}|subset=\"image\" = 'b'", UTM)
    assert found.values["image"] == "b"
    with pytest.raises(ImageIOError, match=r"a.gpkg cannot be (filtered|read)"):
        read_polygons(f"{path}|subset=nothing here", UTM)


def test_broken_rings_are_repaired_and_lines_left_out_with_a_warning(layer, listen):
    progress = listen()
    path = layer([(BOWTIE, "a"), ("LINESTRING(0 0,1 1)", "b"), ("", "c")])
    (found,) = read_polygons(path, UTM, progress)
    assert area_of(rings_of(found.geometry)) == 50
    assert progress.warnings == ["a.gpkg: features that are no polygons and are left out: 2."]


def test_curves_and_heights_become_plain_polygons(layer):
    curved = "CURVEPOLYGON(CIRCULARSTRING(0 0,2 0,4 0,2 4,0 0))"
    found = read_polygons(
        layer([(curved, "a"), ("POLYGON Z((0 0 1,1 0 1,1 1 1,0 0 1))", "b")]), UTM
    )
    assert len(rings_of(found[0].geometry)[0][0]) > 20
    assert area_of(rings_of(found[1].geometry)) == 0.5


def test_collections_give_their_polygons(layer):
    wkt = f"GEOMETRYCOLLECTION({SQUARE},POINT(1 1),GEOMETRYCOLLECTION({BOWTIE}))"
    (found,) = read_polygons(layer([(wkt, "a")]), UTM)
    assert area_of(rings_of(found.geometry)) == 10050


def test_polygons_come_in_the_crs_they_are_needed_in(layer):
    degrees = parse_crs("EPSG:4326")
    (found,) = read_polygons(layer([(SQUARE, "a")]), degrees)
    ((ring,),) = rings_of(found.geometry)
    assert len(ring) == 81
    assert np.abs(ring - (15, 45.15)).max() < 0.01


def test_a_layer_without_crs_is_taken_as_it_is_with_a_warning(layer, listen):
    progress = listen()
    (found,) = read_polygons(layer([(SQUARE, "a")], crs=""), UTM, progress)
    assert area_of(rings_of(found.geometry)) == 10000
    assert progress.warnings == ["a.gpkg has no CRS; it is taken to be that of the images."]


def test_images_without_crs_take_positions_as_they_are_with_a_warning(layer, listen):
    progress, path = listen(), layer([(SQUARE, "a")])
    (found,) = read_polygons(path, "", progress)
    assert area_of(rings_of(found.geometry)) == 10000
    assert progress.warnings == [
        "a.gpkg is in EPSG:32633 and the images have no CRS; positions are compared as they are."
    ]
    progress.warnings.clear()
    assert read_polygons(path, None, progress) == (found,) and not progress.warnings


WIDE = {
    "Eurasia": "POLYGON((-10 0,180 0,180 80,-10 80,-10 0))",
    "the world": "POLYGON((-180 -90,180 -90,180 90,-180 90,-180 -90))",
    "a ring round it": "POLYGON((-180 -90,180 -90,180 90,-180 90,-180 -90),"
    "(15.1 45,15.1 46,15 46,15 45,15.1 45))",
}


NAMELESS = "+proj=tmerc +lon_0=15 +k=0.9996 +x_0=500000 +ellps=WGS84 +units=m"


@pytest.mark.parametrize("crs", ["EPSG:32633", NAMELESS], ids=["zone", "nameless"])
@pytest.mark.parametrize("wide", WIDE)
def test_polygons_beyond_what_a_crs_can_show_are_right_where_it_can(layer, listen, wide, crs):
    # the transverse Mercator of a zone folds the far side of the globe over, and has no equator
    # 90 degrees off
    progress, path = listen(), layer([(WIDE[wide], "a")], crs="EPSG:4326")
    (found,) = read_polygons(path, parse_crs(crs), progress)
    whole = ogr.CreateGeometryFromWkb(found.geometry)
    for x, y in ((400000, 5000000), (500500, 5000000), (600000, 5500000)):
        here = ogr.CreateGeometryFromWkt(f"POINT({x} {y})")
        assert whole.Contains(here) == (wide != "a ring round it" or x != 500500)
    assert not progress.warnings


@pytest.mark.parametrize(("crs", "x"), [("EPSG:32601", 300000), ("EPSG:32660", 700000)])
def test_polygons_on_both_sides_of_the_antimeridian_stay(layer, crs, x):
    whole = "POLYGON((-180 -80,180 -80,180 80,-180 80,-180 -80))"
    (found,) = read_polygons(layer([(whole, "a")], crs="EPSG:4326"), parse_crs(crs))
    shape = ogr.CreateGeometryFromWkb(found.geometry)
    for shift in (0, 200000 if x > 500000 else -200000):
        assert shape.Contains(ogr.CreateGeometryFromWkt(f"POINT({x + shift} 5000000)"))


def test_files_without_polygons_are_refused(layer, tmp_path):
    with pytest.raises(InvalidOption, match=r"lines.gpkg has no polygons"):
        read_polygons(layer([("LINESTRING(0 0,1 1)", "b")], "lines.gpkg"), UTM)
    with pytest.raises(ImageIOError, match=r"no.gpkg cannot be opened"):
        read_polygons(str(tmp_path / "no.gpkg"), UTM)


def test_names_are_equal_with_or_without_extension():
    features = named("img_10", "img_1.tif", "IMG_1", None)
    assert polygons_for("img_1", features, "image") == features[1:2]
    assert polygons_for("img_10", features, "image") == features[:1]
    assert polygons_for("img", features, "image") == ()


def test_a_number_behind_a_dot_is_no_extension():
    assert polygons_for("img", named("img.1"), "image") == ()
    assert len(polygons_for("img.1", named("img.1", "img.1.tif"), "image")) == 2


def test_step_suffixes_are_removed_only_when_nothing_matches():
    features = named("a", "b")
    assert polygons_for("a_Global_Local", features, "image") == features[:1]
    # another image matches exactly, so suffixes count
    assert polygons_for("a_Global", features, "image", ("a_Global", "b")) == ()
    originals = named("a_Global", "b_Global")
    assert polygons_for("a", originals, "image", ("a", "b")) == originals[:1]


def test_images_that_collide_without_suffixes_are_refused():
    with pytest.raises(InvalidOption, match="a_Global and a_Local have the same name"):
        polygons_for("a_Global", named("z"), "image", ("a_Global", "a_Local"))


def test_a_missing_field_is_refused_with_those_there_are():
    with pytest.raises(InvalidOption, match="no field 'name'; its fields are: image"):
        polygons_for("a", named("a"), "name")
