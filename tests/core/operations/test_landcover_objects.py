# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption, NoSolution, OrthoweaveError
from orthoweave.core.operations import landcover
from orthoweave.core.operations.landcover import Request
from osgeo import gdal, ogr

from . import theia
from .test_landcover import Heard, Killed, Killing, pixels, products, statuses

pytest.importorskip("scipy")
pytest.importorskip("shapely")

SEAM = 90
"""Column where the mosaic goes from one tile to the other: the middle of what both cover."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return theia.make(tmp_path_factory.mktemp("theia"))


@pytest.fixture(scope="module")
def parcels(made):
    """All parcels, whole; those of one class on both sides of the seam are one parcel."""
    path = made.folder / "parcels.gpkg"
    file = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = file.CreateLayer("parcels", theia.reference(), ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("truth", ogr.OFTInteger))
    for row in range(0, theia.SIDE, theia.CELL):
        cols = list(range(0, made.truth.shape[1], theia.CELL))
        classes = made.truth[row, cols]
        before = cols.index(SEAM) - 1
        joined = classes[before] == classes[before + 1]
        for place, col in enumerate(cols):
            if joined and place == before + 1:
                continue
            wide = 2 * theia.CELL if joined and place == before else theia.CELL
            feature = ogr.Feature(layer.GetLayerDefn())
            feature.SetField("truth", int(classes[place]))
            feature.SetGeometry(square(row, col, theia.CELL, wide))
            layer.CreateFeature(feature)
    return path


def square(row, col, height, width):
    x, y = theia.LEFT + theia.PIXEL * col, theia.TOP - theia.PIXEL * row
    right, low = x + theia.PIXEL * width, y - theia.PIXEL * height
    corners = f"{x} {y}, {right} {y}, {right} {low}, {x} {low}, {x} {y}"
    return ogr.CreateGeometryFromWkt(f"POLYGON (({corners}))")


def asked(made, out, **changes):
    return theia.asked(made, out, **{"builder": "objects", **changes})


@pytest.fixture(scope="module")
def by_parcel(made, parcels, tmp_path_factory):
    """A finished run with parcels, two runs: its folder and result."""
    out = tmp_path_factory.mktemp("parcels") / "out"
    wide = {"segments": str(parcels), "runs": 2, "probability": True, "classifier": "knn"}
    return out, landcover.run(asked(made, out, **wide))


@pytest.fixture(scope="module")
def by_superpixel(made, tmp_path_factory):
    """A finished run with superpixels."""
    out = tmp_path_factory.mktemp("superpixels") / "out"
    landcover.run(asked(made, out, object_size=8, last_step="mosaic", threads=1))
    return out


def rows_of(out, run=0):
    file = ogr.Open(str(out / "final" / "vectors" / f"Objects_Seed_{run}.gpkg"))
    return [(row.items(), row.geometry().Clone()) for row in file.GetLayer(0)]


def burned(rows, shape):
    """Return the place of each pixel's object among the rows, from 1."""
    driver = ogr.GetDriverByName("Memory").CreateDataSource("objects")
    layer = driver.CreateLayer("objects", theia.reference(), ogr.wkbMultiPolygon)
    layer.CreateField(ogr.FieldDefn("place", ogr.OFTInteger))
    for place, (_, shape_of) in enumerate(rows, 1):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("place", place)
        feature.SetGeometry(shape_of)
        layer.CreateFeature(feature)
    image = gdal.GetDriverByName("MEM").Create("", *shape[::-1], 1, gdal.GDT_Int32)
    image.SetGeoTransform((theia.LEFT, theia.PIXEL, 0, theia.TOP, 0, -theia.PIXEL))
    image.SetProjection(theia.reference().ExportToWkt())
    gdal.RasterizeLayer(image, [1], layer, options=["ATTRIBUTE=place"])
    return image.ReadAsArray()


def test_parcels_get_their_class_and_the_map_is_right(by_parcel, made):
    out, result = by_parcel
    found = pixels(out / "final" / "Classif_Seed_0.tif")
    seen = pixels(out / "final" / "PixelsValidity.tif") > 0
    assert ((found > 0) == seen).all()
    # the mean of a hundred pixels has a tenth of the noise; but a crop that only the first of three
    # dates shows is like grassland
    assert (found == made.truth)[seen].mean() > 0.98
    assert result.accuracy > 0.97
    for name in ("Classif_Seed_1_ColorIndexed.tif", "Confidence_Seed_1.tif", "diff_seed_1.tif"):
        assert (out / "final" / name).is_file()
    chances = pixels(out / "final" / "ProbabilityMap_seed_1.tif").astype(int).sum(0)
    assert abs(chances[pixels(out / "final" / "Classif_Seed_1.tif") > 0] - 1000).max() <= 2


def test_the_polygons_of_the_result_are_the_parcels(by_parcel, parcels):
    out, _ = by_parcel
    file = ogr.Open(str(parcels))
    given = {row.GetFID(): row for row in file.GetLayer(0)}
    seen = pixels(out / "final" / "PixelsValidity.tif") > 0
    places = burned([({}, row.geometry()) for row in given.values()], seen.shape)
    unseen = np.setdiff1d(places, places[seen])
    for run in (0, 1):
        found = rows_of(out, run)
        # the others are never clear, so that they have no class
        assert len(given) - len(unseen) == len(found)
        wide = right = 0
        for values, shape in found:
            parcel = given[values["object"]]
            assert shape.SymDifference(parcel.geometry()).Area() == 0
            right += values["Class"] == parcel.GetField("truth")
            assert values["Area"] == parcel.geometry().GetArea()
            assert 25 < values["Confidence"] <= 100
            wide += values["Area"] > (theia.CELL * theia.PIXEL) ** 2
        assert right > 0.98 * len(found)
        assert wide  # some lie in both tiles


def test_superpixels_go_on_beyond_the_border_of_tiles(by_superpixel, made):
    rows = rows_of(by_superpixel)
    labels = pixels(by_superpixel / "final" / "Classif_Seed_0.tif")
    objects = burned(rows, labels.shape)
    # every pixel that has a class lies in one object, all of whose pixels have its class
    assert ((objects > 0) == (labels > 0)).all()
    classes = np.array([0, *(values["Class"] for values, _ in rows)])
    assert (classes[objects] == labels).all()
    across = np.intersect1d(objects[:, SEAM - 1], objects[:, SEAM])
    assert len(across[across > 0])
    # objects are as wide beside the seam as elsewhere: none is cut there
    size = np.bincount(objects.ravel())[1:]
    near = np.unique(objects[:, SEAM - 1 : SEAM + 1])
    near = near[near > 0]
    assert np.median(size[near - 1]) > 0.6 * np.median(size)
    seen = labels > 0
    # parcels of ten pixels, superpixels of eight: those that hold two parcels are wrong in part
    assert (labels == made.truth)[seen].mean() > 0.85


def test_killed_and_resumed_with_other_threads_gives_the_same_bytes(by_superpixel, made, tmp_path):
    again = tmp_path / "again"
    request = asked(made, again, object_size=8, last_step="mosaic", threads=2, window_size=32)
    steps = ("slicSegmentation", "objectStatistics", "objectReference", "vectorizeObjects")
    for step in steps:
        with pytest.raises(Killed):
            landcover.run(request, Killing(again, step))
    done = landcover.run(request)
    assert 0 < done.tasks_skipped < len(statuses(again))
    assert products(again) == products(by_superpixel)
    assert [values for values, _ in rows_of(again)] == [v for v, _ in rows_of(by_superpixel)]


def test_no_object_learns_that_a_polygon_of_validation_reaches_into(by_superpixel):
    box = by_superpixel / "samplesSelection"
    covers = np.concatenate([np.load(box / f"{tile}_objects.npy") for tile in theia.TILES])
    validate = set()
    for tile in theia.TILES:
        file = gdal.OpenEx(str(by_superpixel / "dataAppVal" / f"{tile}_seed_0_val.sqlite"))
        validate |= {row.GetField("originfid") for row in file.GetLayer(0)}
    mixed = np.unique(covers[np.isin(covers[:, 1], sorted(validate)), 0])
    learn = np.setdiff1d(covers[:, 0], mixed)
    name = "Samples_region_1_seed0_learn.sqlite"
    file = gdal.OpenEx(str(by_superpixel / "learningSamples" / name))
    assert 10 < file.GetLayer(0).GetFeatureCount() <= len(learn)


def test_no_part_of_an_object_that_learns_validates_in_a_tile_beyond_its_region(made, tmp_path):
    """Objects in two parts: one in region west, one where only the eastern tile is."""
    regions, path = tmp_path / "parts.shp", tmp_path / "parted.gpkg"
    theia.write_regions(regions)
    objects = [_both(square(row, 50, 10, 10), square(row, 150, 4, 4)) for row in ROWS]
    layer_of(path, [*objects, *(square(row, 160, 10, 10) for row in ROWS)])
    polygons, apart = tmp_path / "reference.gpkg", theia.SIDE // theia.CELL
    truth = [int(made.truth[row, col]) for col in (50, 150, 160) for row in ROWS]
    shapes = [square(row + 1, col + 1, 8, 8) for col in (50, 150, 160) for row in ROWS]
    layer_of(polygons, shapes, truth)
    given = {"segments": str(path), "regions": str(regions), "polygons": str(polygons)}
    out = tmp_path / "out"
    landcover.run(asked(made, out, **given, field="number", last_step="sampling"))
    file = ogr.Open(str(out / "reference.shp"))
    role = {row.GetField("originfid"): row.GetField("seed_0") for row in file.GetLayer(0)}
    numbers = sorted(role)
    file = gdal.OpenEx(str(out / "learningSamples" / "Samples_region_west_seed0_learn.sqlite"))
    found = {row.GetField("originfid") for row in file.GetLayer(0)}
    west, east = numbers[:apart], numbers[apart : 2 * apart]
    free = {one for one, other in zip(west, east) if role[other] == "learn"}
    assert {"learn", "validation"} == {role[one] for one in east}
    # what cannot be seen, because it was never clear, is in neither
    assert found <= free & {one for one in west if role[one] == "learn"}
    assert found


ROWS = range(0, theia.SIDE, theia.CELL)


def _both(one, other):
    found = ogr.Geometry(ogr.wkbMultiPolygon)
    found.AddGeometry(one)
    found.AddGeometry(other)
    return found


def layer_of(path, shapes, numbers=None):
    """Write shapes with a number each."""
    file = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = file.CreateLayer(path.stem, theia.reference(), ogr.wkbUnknown)
    layer.CreateField(ogr.FieldDefn("number", ogr.OFTInteger))
    for number, shape in zip(numbers or range(1, len(shapes) + 1), shapes):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("number", number)
        feature.SetGeometry(shape)
        layer.CreateFeature(feature)


def write_numbers(path, kind, crs=True):
    file = gdal.GetDriverByName("GTiff").Create(str(path), 20, 20, 1, kind)
    file.SetGeoTransform((theia.LEFT, theia.PIXEL, 0, theia.TOP, 0, -theia.PIXEL))
    if crs:
        file.SetProjection(theia.reference().ExportToWkt())
    file.GetRasterBand(1).Fill(1)


def test_objects_that_cannot_be_used_are_refused_before_work(made, tmp_path):
    layer_of(tmp_path / "far.gpkg", [square(-900, -900, 5, 5)])
    layer_of(tmp_path / "none.gpkg", [])
    write_numbers(tmp_path / "real.tif", gdal.GDT_Float32)
    write_numbers(tmp_path / "lost.tif", gdal.GDT_Int32, crs=False)
    told = {
        "far.gpkg": r"far.gpkg has none in a tile \(extents: ",
        "none.gpkg": "none.gpkg has no polygons",
        "real.tif": "objects are numbered in one band of whole numbers",
        "lost.tif": "lost.tif has no CRS",
        "absent.tif": "absent.tif cannot be opened",
    }
    for name, sentence in told.items():
        request = asked(made, tmp_path / "out", segments=str(tmp_path / name))
        with pytest.raises(OrthoweaveError, match=sentence):
            landcover.run(request)
    assert not (tmp_path / "out").exists()


def test_pixels_of_several_parcels_are_counted(made, tmp_path):
    wide = [square(row, col, 10, 13) for row in ROWS for col in range(0, 180, 10)]
    layer_of(tmp_path / "wide.gpkg", wide)
    request = asked(made, tmp_path / "out", segments=str(tmp_path / "wide.gpkg"))
    heard = Heard()
    with pytest.raises(NoSolution, match="No object learns .* Give smaller ones in SEGMENTS"):
        landcover.run(
            replace(request, polygons=polygon_across(made, tmp_path), field="number"), heard
        )
    # three columns at each of eight borders, in the 98 rows that the satellite has seen
    assert f"Objects overlap: {3 * 8 * 98} pixels of T31TCJ lie in several" in "".join(
        heard.warnings
    )


def polygon_across(made, folder):
    """Write two polygons of two classes, which each touch a little of a parcel."""
    layer_of(folder / "small.gpkg", [square(5, 5, 2, 2), square(45, 45, 2, 2)], [11, 34])
    return str(folder / "small.gpkg")


def test_the_status_page_lists_the_polygons(by_parcel):
    page = (by_parcel[0] / "logs" / "html" / "index.html").read_text(encoding="utf-8")
    assert "vectors/Objects_Seed_1.gpkg" in page


def test_the_plan_lists_the_steps_of_objects(made, tmp_path):
    heard = Heard()
    landcover.run(asked(made, tmp_path / "out", dry_run=True), heard)
    told = " ".join(heard.infos)
    for step in ("slicSegmentation, 2", "objectStatistics, 2", "vectorizeObjects, 1"):
        assert f"{step} tasks" in told
    assert "samplesExtraction" not in told


def test_a_configuration_of_iota2_asks_for_objects(made, parcels, tmp_path):
    config = tmp_path / "obia.cfg"
    (tmp_path / "parcels.gpkg").symlink_to(parcels)
    config.write_text(
        f"chain :\n  output_path : '{tmp_path}/out'\n  s2_path : '{made.sensors}'\n"
        f"  ground_truth : '{made.polygons}'\n  data_field : 'code'\n"
        "obia :\n  obia_segmentation_path : 'parcels.gpkg'\n"
        "  stats_used : ['mean', 'std']\n  full_learn_segment : True\n"
        "builders :\n  builders_class_name : ['i2_obia']\n"
    )
    heard = Heard()
    landcover.run(Request(config=str(config), dry_run=True), heard)
    assert any("slicSegmentation" in text for text in heard.infos)
    assert any("full_learn_segment is not used" in text for text in heard.warnings)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"auto_context": 1}, "needs BUILDER classification, not objects"),
        ({"segments": "parcels.gpkg", "builder": "classification"}, "give BUILDER objects"),
    ],
)
def test_combinations_without_sense_get_a_sentence(made, tmp_path, changes, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        landcover.run(asked(made, tmp_path / "out", **changes))


def test_polygons_far_smaller_than_objects_are_told(made, tmp_path):
    request = asked(made, tmp_path / "out", object_size=60, last_step="sampling")
    with pytest.raises(NoSolution, match=r"No object learns .* Make the objects smaller"):
        landcover.run(request)
